package client

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const (
	// accountSubject begins the subject of every ServiceAccount token; the namespace and the name follow.
	accountSubject = "system:serviceaccount:"
	// accountLife is the longest that a ServiceAccount token may still be good for. Kubernetes gives projected ones an hour when nobody
	// says otherwise, and renews them; those of Secrets live for ever.
	accountLife = time.Hour
)

// accountPattern is NAMESPACE/NAME as Kubernetes permits them.
var accountPattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// KeyFinder returns the key of an id that an issuer publishes, and the one algorithm that it verifies. It returns a fault of the kind
// Unavailable when the issuer's keys are not known.
type KeyFinder func(ctx context.Context, id string) (algorithm string, key crypto.PublicKey, err error)

// serviceAccounts are what clients in a cluster prove themselves with: the tokens that Kubernetes signs for their pods, shown as
// assertions (RFC 7523). Unlike those that clients sign themselves, a pod shows the same one many times, until kubelet has renewed it.
type serviceAccounts struct {
	issuer string
	find   KeyFinder
	parser *jwt.Parser
}

// TrustServiceAccounts has the service take the ServiceAccount tokens of an issuer that are for us alone. It is called before the service
// is used.
func (s *Service) TrustServiceAccounts(issuer string, find KeyFinder) {
	s.accounts = &serviceAccounts{issuer: issuer, find: find, parser: jwt.NewParser(
		jwt.WithValidMethods(KeyAlgorithms()), jwt.WithIssuer(issuer), jwt.WithAudience(s.minter.Issuer()), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithLeeway(leeway),
	)}
}

// verify returns the ServiceAccount, as NAMESPACE/NAME, that a token was given to.
func (a *serviceAccounts) verify(ctx context.Context, text string) (string, error) {
	var said jwt.RegisteredClaims
	_, err := a.parser.ParseWithClaims(text, &said, func(t *jwt.Token) (any, error) {
		if err := token.CheckHeader(t.Header); err != nil {
			return nil, err
		}
		if typ, there := t.Header["typ"].(string); there && !strings.EqualFold(typ, "JWT") {
			return nil, fmt.Errorf("typ %q", typ)
		}
		kid, _ := t.Header["kid"].(string)
		if kid == "" || len(kid) > maxAssertionID {
			return nil, fmt.Errorf("kid of %d characters", len(kid))
		}
		algorithm, key, err := a.find(ctx, kid)
		if err == nil && algorithm != t.Method.Alg() {
			err = fmt.Errorf("alg %s of a key for %s", t.Method.Alg(), algorithm)
		}
		return key, err
	})
	if err != nil {
		return "", err
	}
	of, prefixed := strings.CutPrefix(said.Subject, accountSubject)
	namespace, name, named := strings.Cut(of, ":")
	account := namespace + "/" + name
	switch {
	case len(said.Audience) != 1:
		return "", fmt.Errorf("aud %q is not us alone", said.Audience)
	case !prefixed || !named || !accountPattern.MatchString(account):
		return "", fmt.Errorf("sub %q is no ServiceAccount", said.Subject)
	case time.Until(said.ExpiresAt.Time) > accountLife+leeway:
		return "", fmt.Errorf("exp %v is too far away", said.ExpiresAt)
	}
	return account, nil
}

// authenticateAccount returns the client that the ServiceAccount of a token stands for.
func (s *Service) authenticateAccount(ctx context.Context, id, text string) (Client, error) {
	account, err := s.accounts.verify(ctx, text)
	if away, ok := errors.AsType[*fault.Fault](err); ok && away.Kind() == fault.Unavailable {
		return Client{}, away
	}
	if err != nil {
		return Client{}, ErrUnknown.Because(err)
	}
	c, found, err := s.store.GetClientByAccount(ctx, account)
	if err != nil {
		return Client{}, err
	}
	if !found || c.Disabled || id != "" && id != c.ID {
		return Client{}, ErrUnknown.Because(fmt.Errorf("the ServiceAccount %s is not that of client %q", account, id))
	}
	return c, nil
}

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const (
	// maxAssertion bounds what is read; an assertion of an RSA key of 4096 bits is under two kilobytes.
	maxAssertion = 4096
	// maxAssertionID bounds a jti.
	maxAssertionID = 255
	// assertionLife is the longest that an assertion may be good for. Its id is remembered for as long.
	assertionLife = 5 * time.Minute
	// leeway is how far clients' clocks may be off.
	leeway = 30 * time.Second
)

// assertions are what clients prove themselves with in place of a secret: JWTs that they sign for us (RFC 7523, private_key_jwt).
type assertions struct {
	audiences []string
	parser    *jwt.Parser
}

func newAssertions(issuer string) assertions {
	return assertions{
		// RFC 7523 lets the token endpoint stand for us, and libraries differ; the issuer is what its successor wants.
		audiences: []string{issuer, issuer + "/oauth/token", issuer + "/oauth/introspect", issuer + "/oauth/revoke"},
		parser: jwt.NewParser(
			jwt.WithValidMethods(KeyAlgorithms()), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding(), jwt.WithLeeway(leeway),
		),
	}
}

// claimant returns whom an assertion says it is from and about; nothing of it is verified.
func (a assertions) claimant(text string) (issuer, subject string, err error) {
	if len(text) > maxAssertion || !token.IsCompactJWS(text) {
		return "", "", errors.New("not a JWT of bearable length")
	}
	var said jwt.RegisteredClaims
	_, _, err = a.parser.ParseUnverified(text, &said)
	return said.Issuer, said.Subject, err
}

// verify returns what an assertion of a client says when one of its keys has signed it, for us and for now.
func (a assertions) verify(text string, c Client) (jwt.RegisteredClaims, error) {
	var said jwt.RegisteredClaims
	if _, err := a.parser.ParseWithClaims(text, &said, func(t *jwt.Token) (any, error) { return keyOf(t, c.Keys) }); err != nil {
		return said, err
	}
	switch {
	case said.Issuer != c.ID || said.Subject != c.ID:
		return said, fmt.Errorf("iss %q and sub %q are not both the client", said.Issuer, said.Subject)
	case len(said.Audience) != 1 || !slices.Contains(a.audiences, said.Audience[0]): // one for several could be shown to us by another
		return said, fmt.Errorf("aud %q is not us alone", said.Audience)
	case time.Until(said.ExpiresAt.Time) > assertionLife+leeway:
		return said, fmt.Errorf("exp %v is too far away", said.ExpiresAt)
	case said.ID == "" || len(said.ID) > maxAssertionID:
		return said, errors.New("jti is missing or too long")
	}
	return said, nil
}

// keyOf picks the key that an assertion names by kid; a client's only key need not be named.
func keyOf(t *jwt.Token, keys []jwkset.JWKMarshal) (any, error) {
	if err := token.CheckHeader(t.Header); err != nil {
		return nil, err
	}
	// Other kinds of JWT say so. RFC 7523 has none for assertions, its successor has one.
	if typ, there := t.Header["typ"].(string); there && !strings.EqualFold(typ, "JWT") && !strings.EqualFold(typ, "client-authentication+jwt") {
		return nil, fmt.Errorf("typ %q", typ)
	}
	kid, named := t.Header["kid"].(string)
	for _, key := range keys {
		if named && key.KID != "" && key.KID != kid || !named && len(keys) > 1 {
			continue
		}
		if key.ALG.String() != t.Method.Alg() {
			return nil, fmt.Errorf("alg %s", t.Method.Alg())
		}
		read, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			return nil, err
		}
		return read.Key(), nil
	}
	return nil, fmt.Errorf("kid %q", kid)
}

// AuthenticateAssertion returns the client that proves itself with an assertion: one of its own, which works once, or the ServiceAccount
// token of its pod. id is whom the request names besides, or empty. It returns ErrUnknown for an assertion that is another's, has expired
// or lives too long, is not for us, was used before, or is not signed with a key that the client, or the cluster, is known by; and a fault
// of the kind Unavailable while the cluster's keys are not known.
func (s *Service) AuthenticateAssertion(ctx context.Context, id, assertion string) (Client, error) {
	issuer, claimant, err := s.assertions.claimant(assertion)
	if err != nil {
		return Client{}, ErrUnknown.Because(err)
	}
	if s.accounts != nil && issuer == s.accounts.issuer {
		return s.authenticateAccount(ctx, id, assertion)
	}
	if !idPattern.MatchString(claimant) || id != "" && id != claimant {
		return Client{}, ErrUnknown
	}
	c, found, err := s.store.GetClient(ctx, claimant)
	if err != nil {
		return Client{}, err
	}
	if !found || c.Disabled || c.Keys == nil {
		return Client{}, ErrUnknown
	}
	said, err := s.assertions.verify(assertion, c)
	if err != nil {
		return Client{}, ErrUnknown.Because(err)
	}
	// Clocks of replicas and of the database may be apart, hence twice.
	first, err := s.store.UseAssertion(ctx, c.ID, token.HashOf(said.ID), said.ExpiresAt.Add(2*leeway))
	if err != nil {
		return Client{}, err
	}
	if !first {
		return Client{}, ErrUnknown.Because(errors.New("the assertion was used before"))
	}
	return c, nil
}

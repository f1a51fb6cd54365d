// Package client is about services that call with a token of their own: who they are, how they prove it, and what their
// tokens permit.
package client

import (
	"context"
	"crypto/subtle"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Faults of service clients.
var (
	// ErrUnknown is the one answer to an unknown id, a wrong secret or assertion, and a client that is switched off.
	ErrUnknown = fault.Define(fault.Unauthenticated, "invalid_client", "The client is unknown, or what it proves itself with is wrong")
	// ErrScope is returned for a scope that the client does not have.
	ErrScope = fault.Define(fault.Invalid, "invalid_scope", "The client does not have this scope")
	// ErrAudience is returned for a service that the client may not call.
	ErrAudience = fault.Define(fault.Invalid, "invalid_target", "The client may not call this service")
	// ErrDefinition is returned for a client that cannot be created so.
	ErrDefinition = fault.Define(fault.Invalid, "bad_client", "The client cannot be created so")
	// ErrAbsent is returned to those who look after clients.
	ErrAbsent = fault.Define(fault.NotFound, "no_such_client", "There is no such service client")
	// ErrExists is returned for an id that is taken.
	ErrExists = fault.Define(fault.Conflict, "client_exists", "There is a client of this id, or of this ServiceAccount")
)

// Proof is what a client proves itself with; one of them is set.
type Proof struct {
	SecretHash     token.Hash
	Keys           []jwkset.JWKMarshal // as ParseKeys returns them
	ServiceAccount string              // NAMESPACE/NAME
}

// Method is the name of what it is: client_secret, private_key_jwt or service_account.
func (p Proof) Method() string {
	switch {
	case p.Keys != nil:
		return "private_key_jwt"
	case p.ServiceAccount != "":
		return "service_account"
	}
	return "client_secret"
}

// ProofByAccount returns that of a ServiceAccount NAMESPACE/NAME, or ErrDefinition.
func ProofByAccount(account string) (Proof, error) {
	if !accountPattern.MatchString(account) {
		return Proof{}, ErrDefinition.Detailf("the ServiceAccount %q is not NAMESPACE/NAME", account)
	}
	return Proof{ServiceAccount: account}, nil
}

// Client is a service that may get tokens of its own. It proves who it is with a secret, with one of its keys, or as a ServiceAccount of the
// cluster.
type Client struct {
	ID   string
	Name string
	Proof
	Audiences []string // short names: charging-plot
	Scopes    []string
	Disabled  bool
	Version   int64 // of its rights
	CreatedAt time.Time
}

var (
	idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{2,63}$`)
	// namespace makes the subjects of clients' tokens: a UUID that follows from the id.
	namespace = uuid.MustParse("6f1d3a52-3c0b-5b0e-9d57-6f6f7a3f2c11")
)

// Check returns ErrDefinition for an id that is not lower-case letters, digits and hyphens, for a service that we do not
// have, and for an unknown scope.
func (c Client) Check() error {
	if !idPattern.MatchString(c.ID) {
		return ErrDefinition.Detailf("the id %q is not 3 to 64 lower-case letters, digits and hyphens", c.ID)
	}
	if len(c.Audiences) == 0 {
		return ErrDefinition.Detailf("the client %s may call no service: name at least one of %s", c.ID, strings.Join(Services(), ", "))
	}
	for _, audience := range c.Audiences {
		if !slices.Contains(Services(), audience) {
			return ErrDefinition.Detailf("there is no service %q; the services are %s", audience, strings.Join(Services(), ", "))
		}
	}
	for _, scope := range c.Scopes {
		if !policy.IsScope(scope) {
			return ErrDefinition.Detailf("there is no scope %q; the scopes are %s", scope, strings.Join(policy.Scopes(), ", "))
		}
	}
	return nil
}

// Subject is the `sub` of the client's tokens. It is the same on every installation.
func (c Client) Subject() uuid.UUID { return uuid.NewSHA1(namespace, []byte(c.ID)) }

// Services returns the short names of the services that tokens can be for.
func Services() []string { return []string{"auth", "station-catalog", "charging-plot"} }

// Audience returns the audience of a service in tokens of an issuer.
func Audience(issuer, service string) string { return issuer + "/" + service }

// Audiences returns the audiences of all services.
func Audiences(issuer string) []string {
	all := make([]string, 0, len(Services()))
	for _, service := range Services() {
		all = append(all, Audience(issuer, service))
	}
	return all
}

// Store keeps clients.
type Store interface {
	// GetClient returns the client of an id and whether there is one.
	GetClient(ctx context.Context, id string) (Client, bool, error)
	// GetClientByAccount returns the client of a ServiceAccount and whether there is one.
	GetClientByAccount(ctx context.Context, account string) (Client, bool, error)
	// CreateClient writes a client, or returns ErrExists, also when another has its ServiceAccount.
	CreateClient(ctx context.Context, c Client, event audit.Event) error
	// PutClient writes a client, whether or not there is one of its id.
	PutClient(ctx context.Context, c Client, event audit.Event) error
	// UseAssertion notes that a client has used the assertion of an id, until when that matters, and reports whether it is the first time.
	UseAssertion(ctx context.Context, clientID string, assertion token.Hash, until time.Time) (first bool, err error)
	// ListClients returns all clients by id.
	ListClients(ctx context.Context) ([]Client, error)
}

// Minter makes access tokens; see package token.
type Minter interface {
	Mint(a token.Access, ttl time.Duration) (text string, minted token.Access, err error)
	Issuer() string
}

// tokenLife is short: a service asks for the next one by itself.
const tokenLife = 5 * time.Minute

// Service gives service clients their tokens.
type Service struct {
	store      Store
	minter     Minter
	assertions assertions
	accounts   *serviceAccounts // nil: none is trusted
}

// NewService makes a Service.
func NewService(store Store, minter Minter) *Service {
	return &Service{store: store, minter: minter, assertions: newAssertions(minter.Issuer())}
}

// Authenticate returns the client that has the id and the secret, or ErrUnknown.
func (s *Service) Authenticate(ctx context.Context, id, secret string) (Client, error) {
	if !idPattern.MatchString(id) {
		return Client{}, ErrUnknown
	}
	c, found, err := s.store.GetClient(ctx, id)
	if err != nil {
		return Client{}, err
	}
	hash := token.HashOf(secret)
	if subtle.ConstantTimeCompare(hash[:], c.SecretHash[:]) != 1 || !found || c.Disabled || c.SecretHash == (token.Hash{}) {
		return Client{}, ErrUnknown
	}
	return c, nil
}

// Issued is a token for a service.
type Issued struct {
	Access string
	Life   time.Duration
	Scopes []string
}

// Issue returns an access token for the client itself. Without scopes or resources it is for all that the client has;
// otherwise for those alone, or ErrScope or ErrAudience when the client does not have one of them.
func (s *Service) Issue(c Client, scopes, resources []string) (Issued, error) {
	if len(scopes) == 0 {
		scopes = c.Scopes
	}
	for _, scope := range scopes {
		if !slices.Contains(c.Scopes, scope) {
			return Issued{}, ErrScope.Detailf("the client does not have the scope %q", scope)
		}
	}
	allowed := make([]string, len(c.Audiences))
	for i, service := range c.Audiences {
		allowed[i] = Audience(s.minter.Issuer(), service)
	}
	if len(resources) == 0 {
		resources = allowed
	}
	for _, resource := range resources {
		if !slices.Contains(allowed, resource) {
			return Issued{}, ErrAudience.Detailf("the client may not call %q", resource)
		}
	}
	text, _, err := s.minter.Mint(token.Access{Subject: c.Subject(), ClientID: c.ID, Audience: resources, Scopes: scopes, Version: c.Version}, tokenLife)
	return Issued{Access: text, Life: tokenLife, Scopes: scopes}, err
}

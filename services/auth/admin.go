package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Admin does what an operator of the service does by hand, directly on its database: the commands of the program and the
// local stack use it. What it does is written into the audit log.
type Admin struct {
	parts *parts
}

// NewAdmin opens the database of a configuration, which must be migrated. Close it after use.
func NewAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	db, err := pg.Open(ctx, cfg.Database)
	if err != nil {
		return nil, err
	}
	p, err := assemble(cfg, db, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Admin{parts: p}, nil
}

// Close gives the database connections back.
func (a *Admin) Close() error { return a.parts.db.Close() }

// NewUser is an account to be created.
type NewUser struct {
	Email    string
	Username string // "" for none
	Name     string
	Locale   string
	Password string
	// Roles are as role.ParseGrant reads them: "admin", "operator@OPERATOR-ID". Everybody is a driver besides.
	Roles []string
	// Confirmed says that the address needs no confirmation. Otherwise a mail with a link is sent and there is no account, and
	// hence no role but driver, until it is followed.
	Confirmed bool
}

// User is an account as an operator sees it.
type User struct {
	ID        uuid.UUID `json:"id"`
	Email     string    `json:"email"`
	Username  string    `json:"username,omitempty"`
	Name      string    `json:"name,omitempty"`
	Roles     []string  `json:"roles"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
}

func toUser(a account.Account) User {
	user := User{
		ID: a.ID, Email: a.Email.Address(), Username: a.Username.String(), Name: a.Name, Roles: make([]string, len(a.Grants)),
		Disabled: a.Disabled, CreatedAt: a.CreatedAt,
	}
	for i, grant := range a.Grants {
		user.Roles[i] = grant.String()
	}
	return user
}

// CreateUser makes an account and reports true. When the address has an account already, that is returned as it is, but for
// roles that it lacks, which are granted; its password stays. It returns every fault of the user at once.
func (a *Admin) CreateUser(ctx context.Context, u NewUser) (User, bool, error) {
	grants, err := parseGrants(u.Roles)
	if err != nil {
		return User{}, false, err
	}
	if !u.Confirmed {
		return a.invite(ctx, u, grants)
	}
	if existing, found, err := a.find(ctx, u.Email); err != nil || found {
		if err != nil {
			return User{}, false, err
		}
		return a.grantMissing(ctx, existing, grants)
	}
	form := account.Form{Email: u.Email, Password: u.Password, Username: u.Username, Name: u.Name, Locale: u.Locale}
	registration, err := account.ReadForm(form, a.parts.policy)
	if err != nil {
		return User{}, false, err
	}
	if registration.PasswordHash, err = a.parts.hasher.Hash(ctx, u.Password); err != nil {
		return User{}, false, err
	}
	id := uuid.Must(uuid.NewV7())
	grants = append([]role.Grant{{Role: role.Driver}}, grants...)
	err = a.parts.accounts.CreateAccount(ctx, id, registration, grants, audit.New(audit.Created, id, audit.CLI))
	if errors.Is(err, account.ErrEmailTaken) { // by somebody who was faster
		return a.CreateUser(ctx, u)
	}
	if err != nil {
		return User{}, false, err
	}
	created, err := a.parts.accounts.FindAccount(ctx, account.Identity{EmailKey: registration.Email.Key()})
	return toUser(created), true, err
}

// invite has the address confirmed by its owner.
func (a *Admin) invite(ctx context.Context, u NewUser, grants []role.Grant) (User, bool, error) {
	for _, grant := range grants {
		if grant.Role != role.Driver {
			return User{}, false, role.ErrGrant.Detailf("the role %s can be granted once the address is confirmed", grant)
		}
	}
	form := account.Form{Email: u.Email, Password: u.Password, Username: u.Username, Name: u.Name, Locale: u.Locale}
	registration, err := account.ReadForm(form, a.parts.policy)
	if err != nil {
		return User{}, false, err
	}
	if registration.PasswordHash, err = a.parts.hasher.Hash(ctx, u.Password); err != nil {
		return User{}, false, err
	}
	event := audit.New(audit.Registered, uuid.Nil, audit.CLI).With("registration", registration.ID.String())
	if err := a.parts.accounts.Register(ctx, registration, notice.OfRegistration(registration.ID), event); err != nil {
		return User{}, false, err
	}
	return User{Email: registration.Email.Address(), Username: u.Username, Name: u.Name, Roles: []string{}}, true, nil
}

func (a *Admin) find(ctx context.Context, login string) (account.Account, bool, error) {
	found, err := a.parts.accounts.FindAccount(ctx, account.IdentityOf(login))
	if errors.Is(err, account.ErrNotFound) {
		return account.Account{}, false, nil
	}
	return found, err == nil, err
}

func (a *Admin) grantMissing(ctx context.Context, existing account.Account, grants []role.Grant) (User, bool, error) {
	for _, grant := range grants {
		if _, err := a.parts.accounts.Grant(ctx, existing.ID, grant, grantEvent(audit.RoleGranted, existing.ID, grant)); err != nil {
			return User{}, false, err
		}
	}
	now, _, err := a.find(ctx, existing.Email.Address())
	return toUser(now), false, err
}

func grantEvent(kind audit.Kind, id uuid.UUID, grant role.Grant) audit.Event {
	return audit.New(kind, id, audit.CLI).With("role", grant.String())
}

func parseGrants(texts []string) ([]role.Grant, error) {
	grants := make([]role.Grant, 0, len(texts))
	var faults []error
	for _, text := range texts {
		grant, err := role.ParseGrant(text)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		grants = append(grants, grant)
	}
	return grants, errors.Join(faults...)
}

// Grant gives a role ("admin", "operator@OPERATOR-ID") to whoever has the login, and reports whether it is new to them.
func (a *Admin) Grant(ctx context.Context, login, roleText string) (User, bool, error) {
	return a.change(ctx, login, roleText, audit.RoleGranted, a.parts.accounts.Grant)
}

// Revoke takes a role, and reports whether they had it. Their access tokens are revoked.
func (a *Admin) Revoke(ctx context.Context, login, roleText string) (User, bool, error) {
	return a.change(ctx, login, roleText, audit.RoleRevoked, a.parts.accounts.Revoke)
}

func (a *Admin) change(ctx context.Context, login, roleText string, kind audit.Kind,
	apply func(context.Context, uuid.UUID, role.Grant, audit.Event) (bool, error),
) (User, bool, error) {
	grant, err := role.ParseGrant(roleText)
	if err != nil {
		return User{}, false, err
	}
	found, err := a.parts.accounts.FindAccount(ctx, account.IdentityOf(login))
	if err != nil {
		return User{}, false, err
	}
	changed, err := apply(ctx, found.ID, grant, grantEvent(kind, found.ID, grant))
	if err != nil {
		return User{}, false, err
	}
	now, _, err := a.find(ctx, found.Email.Address())
	return toUser(now), changed, err
}

// ListUsers returns up to limit accounts after an id, oldest first.
func (a *Admin) ListUsers(ctx context.Context, after uuid.UUID, limit int) ([]User, error) {
	found, err := a.parts.accounts.ListAccounts(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	users := make([]User, len(found))
	for i, one := range found {
		users[i] = toUser(one)
	}
	return users, nil
}

// NewClient is a service client to be created.
type NewClient struct {
	ID        string
	Name      string
	Audiences []string // short names of the services it may call: charging-plot
	Scopes    []string
	// Secret is chosen when empty.
	Secret string
	// PublicKey is what it proves itself with in place of a secret: a public key as PEM, a JWK, or a JWK set.
	PublicKey []byte
	// ServiceAccount is whose tokens of the cluster it proves itself with in place of both: NAMESPACE/NAME.
	ServiceAccount string
}

// ServiceClient is a service client as an operator sees it.
type ServiceClient struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Audiences []string  `json:"audiences"`
	Scopes    []string  `json:"scopes"`
	Disabled  bool      `json:"disabled"`
	CreatedAt time.Time `json:"created_at"`
	// AuthMethod is what it proves itself with: client_secret, private_key_jwt or service_account.
	AuthMethod string `json:"auth_method"`
}

// CreateClient makes a service client and returns its secret, which is kept nowhere; with a PublicKey or a ServiceAccount it has none. With a Secret given
// it is idempotent: an existing client is given that secret, these audiences and these scopes. Without one an existing id is
// client.ErrExists.
func (a *Admin) CreateClient(ctx context.Context, n NewClient) (secret string, err error) {
	c := client.Client{ID: n.ID, Name: n.Name, Audiences: n.Audiences, Scopes: n.Scopes}
	switch {
	case n.PublicKey != nil:
		if c.Keys, err = client.ParseKeys(n.PublicKey); err != nil {
			return "", err
		}
	case n.ServiceAccount != "":
		if c.Proof, err = client.ProofByAccount(n.ServiceAccount); err != nil {
			return "", err
		}
	case n.Secret != "":
		secret = n.Secret
	default:
		secret = token.New(token.ClientSecret)
	}
	if secret != "" {
		c.SecretHash = token.HashOf(secret)
	}
	if c.Name == "" {
		c.Name = c.ID
	}
	if err := c.Check(); err != nil {
		return "", err
	}
	event := clientEvent(c, audit.CLI)
	if n.Secret != "" {
		return secret, a.parts.clients.PutClient(ctx, c, event)
	}
	return secret, a.parts.clients.CreateClient(ctx, c, event)
}

func clientEvent(c client.Client, actor string) audit.Event {
	return audit.New(audit.ClientCreated, uuid.Nil, actor).With("client", c.ID)
}

// putClients writes the clients of the configuration.
func putClients(ctx context.Context, store client.Store, clients []client.Client) error {
	var faults []error
	for _, c := range clients {
		faults = append(faults, store.PutClient(ctx, c, clientEvent(c, audit.System)))
	}
	return errors.Join(faults...)
}

// ListClients returns all service clients.
func (a *Admin) ListClients(ctx context.Context) ([]ServiceClient, error) {
	found, err := a.parts.clients.ListClients(ctx)
	if err != nil {
		return nil, err
	}
	clients := make([]ServiceClient, len(found))
	for i, c := range found {
		clients[i] = ServiceClient{
			ID: c.ID, Name: c.Name, Audiences: c.Audiences, Scopes: c.Scopes, Disabled: c.Disabled, CreatedAt: c.CreatedAt,
			AuthMethod: c.Method(),
		}
	}
	return clients, nil
}

// SigningKey is a key as an operator sees it.
type SigningKey struct {
	ID          string    `json:"kid"`
	State       string    `json:"state"`
	CreatedAt   time.Time `json:"created_at"`
	ActivatedAt time.Time `json:"activated_at,omitzero"`
	RetiredAt   time.Time `json:"retired_at,omitzero"`
	GoneAt      time.Time `json:"gone_at,omitzero"`
}

// MaintainKeys does what the running service does each minute: it makes the first keys, and rotates them when that is due.
func (a *Admin) MaintainKeys(ctx context.Context) error { return a.parts.keeper.Maintain(ctx) }

// ListKeys returns all signing keys, oldest first.
func (a *Admin) ListKeys(ctx context.Context) ([]SigningKey, error) {
	found, err := a.parts.keeper.List(ctx)
	if err != nil {
		return nil, err
	}
	keys := make([]SigningKey, len(found))
	for i, key := range found {
		keys[i] = toSigningKey(key)
	}
	return keys, nil
}

func toSigningKey(key signingkey.Key) SigningKey {
	return SigningKey{
		ID: key.ID, State: string(key.State), CreatedAt: key.CreatedAt, ActivatedAt: key.ActivatedAt, RetiredAt: key.RetiredAt, GoneAt: key.GoneAt,
	}
}

// RotateKey lets the next signing key sign from now on, and returns its id. Without force it refuses while that key has been
// published for less than a day.
func (a *Admin) RotateKey(ctx context.Context, force bool) (kid string, err error) {
	return a.parts.keeper.Rotate(ctx, audit.CLI, force)
}

// RevokeKey ends a signing key at once. Tokens that it signed are refused by verifiers as they read the key set again.
func (a *Admin) RevokeKey(ctx context.Context, kid string) error {
	return a.parts.keeper.Revoke(ctx, audit.CLI, kid)
}

// Explain returns what an error of an Admin says to a person: the public side of a fault, field by field.
func Explain(err error) string {
	f := fault.Of(err)
	if f.Kind() == fault.Internal {
		return err.Error()
	}
	text := f.Title()
	if f.Detail() != "" {
		text += ": " + f.Detail()
	}
	for _, field := range f.Fields() {
		if field.Detail != f.Detail() {
			text += fmt.Sprintf("\n  %s: %s", field.Pointer, field.Detail)
		}
	}
	return text
}

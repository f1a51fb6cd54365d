package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// ErrOwnAccount is returned to an administrator who would lock themselves out.
var ErrOwnAccount = fault.Define(fault.Conflict, "own_account", "Nobody does this to their own account").
	Detailf("Ask another administrator.")

// Filter says which accounts are looked for. The zero Filter finds all.
type Filter struct {
	Email    string // any confirmed one
	Username string
	Role     role.Role
	Operator uuid.UUID // with a role within it
	Disabled *bool
}

// Find is a Filter that was read.
type Find struct {
	EmailKey    string
	UsernameKey string
	Role        role.Role
	Operator    uuid.UUID
	Disabled    *bool
	After       uuid.UUID
	Limit       int
}

// Overseer is who looks after accounts: an account, or a service client. Within is the operator to whose staff they are held; zero
// for all accounts.
type Overseer struct {
	Account uuid.UUID // zero for a service client
	Actor   string
	Within  uuid.UUID
	From    func(audit.Event) audit.Event
}

func (o Overseer) event(kind audit.Kind, about uuid.UUID) audit.Event {
	return o.From(audit.New(kind, about, o.Actor))
}

// UserStore keeps accounts for those who look after them. Its methods return ErrNotFound for an account that is not there.
type UserStore interface {
	// FindAccounts returns accounts by id, oldest first.
	FindAccounts(ctx context.Context, find Find) ([]Account, error)
	// GetAccountByID returns an account.
	GetAccountByID(ctx context.Context, id uuid.UUID) (Account, error)
	// SetDisabled switches an account off, which ends its sessions and makes mailed tokens void, or on again. It reports whether
	// it was not so before.
	SetDisabled(ctx context.Context, id uuid.UUID, disabled bool, event audit.Event) (bool, error)
	// EndAll ends all sessions of an account and returns how many there were.
	EndAll(ctx context.Context, id uuid.UUID, event audit.Event) (int64, error)
	// Grant and Revoke are those of Directory.
	Grant(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error)
	Revoke(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error)
}

// Users is what those who look after accounts may do over the API. Who may call what is said by scopes; here it is held that an
// operator's administrator sees and changes nothing but the roles within that operator.
type Users struct {
	store UserStore
}

// NewUsers makes Users.
func NewUsers(store UserStore) *Users { return &Users{store: store} }

// visible cuts an account to what the overseer may see.
func (o Overseer) visible(a Account) (Account, error) {
	if o.Within == uuid.Nil {
		return a, nil
	}
	var own []role.Grant
	for _, grant := range a.Grants {
		if grant.Operator == o.Within {
			own = append(own, grant)
		}
	}
	if len(own) == 0 {
		return Account{}, ErrNotFound
	}
	a.Grants, a.EraseAt = own, time.Time{}
	return a, nil
}

// Find returns up to limit accounts after an id, oldest first.
func (u *Users) Find(ctx context.Context, by Overseer, filter Filter, after uuid.UUID, limit int) ([]Account, error) {
	find := Find{Role: filter.Role, Operator: filter.Operator, Disabled: filter.Disabled, After: after, Limit: limit}
	if by.Within != uuid.Nil {
		if filter.Operator != uuid.Nil && filter.Operator != by.Within {
			return nil, nil
		}
		find.Operator = by.Within
	}
	if filter.Email != "" {
		email, err := ParseEmail(filter.Email)
		if err != nil {
			return nil, ErrEmail.At(fault.Field{Parameter: "email", Code: ErrEmail.Code(), Detail: ErrEmail.Title()})
		}
		find.EmailKey = email.Key()
	}
	if filter.Username != "" {
		username, err := ParseUsername(filter.Username)
		if err != nil {
			return nil, ErrUsername.At(fault.Field{Parameter: "username", Code: ErrUsername.Code(), Detail: ErrUsername.Detail()})
		}
		find.UsernameKey = username.Key()
	}
	found, err := u.store.FindAccounts(ctx, find)
	if err != nil {
		return nil, err
	}
	for i, one := range found {
		if found[i], err = by.visible(one); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Get returns an account, or ErrNotFound.
func (u *Users) Get(ctx context.Context, by Overseer, id uuid.UUID) (Account, error) {
	found, err := u.store.GetAccountByID(ctx, id)
	if err != nil {
		return Account{}, err
	}
	return by.visible(found)
}

// Disable switches an account off: its logins end, and nobody logs in. It returns ErrOwnAccount and ErrNotFound.
func (u *Users) Disable(ctx context.Context, by Overseer, id uuid.UUID) (Account, error) {
	if id == by.Account {
		return Account{}, ErrOwnAccount
	}
	_, err := u.store.SetDisabled(ctx, id, true, by.event(audit.Disabled, id))
	return u.changed(ctx, by, id, err)
}

// Enable switches it on again. It returns ErrNotFound.
func (u *Users) Enable(ctx context.Context, by Overseer, id uuid.UUID) (Account, error) {
	_, err := u.store.SetDisabled(ctx, id, false, by.event(audit.Enabled, id))
	return u.changed(ctx, by, id, err)
}

// EndSessions ends all logins of an account. It returns ErrNotFound.
func (u *Users) EndSessions(ctx context.Context, by Overseer, id uuid.UUID) error {
	if _, err := u.Get(ctx, by, id); err != nil {
		return err
	}
	_, err := u.store.EndAll(ctx, id, by.event(audit.LoggedOut, id).With("reason", "ended_by_admin"))
	return err
}

// Grant gives a role. It returns role.ErrGrant and ErrNotFound.
func (u *Users) Grant(ctx context.Context, by Overseer, id uuid.UUID, grant role.Grant) (Account, error) {
	if err := grant.Check(); err != nil {
		return Account{}, err
	}
	if _, err := u.store.GetAccountByID(ctx, id); err != nil {
		return Account{}, err
	}
	_, err := u.store.Grant(ctx, id, grant, by.event(audit.RoleGranted, id).Within(grant.Operator).With("role", grant.String()))
	return u.changed(ctx, by, id, err)
}

// Revoke takes a role; one that is not there is no error. An operator's administrator takes those within the operator alone:
// others are ErrNotFound to them. It returns ErrOwnAccount to an administrator who would take their own rights.
func (u *Users) Revoke(ctx context.Context, by Overseer, id uuid.UUID, grant role.Grant) error {
	if err := grant.Check(); err != nil {
		return err
	}
	if _, err := u.Get(ctx, by, id); err != nil {
		return err
	}
	if by.Within != uuid.Nil && grant.Operator != by.Within {
		return ErrNotFound
	}
	if id == by.Account && (grant.Role == role.Admin || grant.Role == role.OperatorAdmin) {
		return ErrOwnAccount
	}
	_, err := u.store.Revoke(ctx, id, grant, by.event(audit.RoleRevoked, id).Within(grant.Operator).With("role", grant.String()))
	return err
}

func (u *Users) changed(ctx context.Context, by Overseer, id uuid.UUID, err error) (Account, error) {
	if err != nil {
		return Account{}, err
	}
	return u.Get(ctx, by, id)
}

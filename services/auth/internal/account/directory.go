package account

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// Faults of looking after other people's accounts.
var (
	// ErrEmailTaken is returned to those who look after accounts, never to who registers.
	ErrEmailTaken = fault.Define(fault.Conflict, "email_taken", "This address has an account")
	// ErrNotFound is returned for a login that nobody has.
	ErrNotFound = fault.Define(fault.NotFound, "no_such_account", "There is no such account")
)

// Directory is what those who look after accounts may do.
type Directory interface {
	// CreateAccount writes a confirmed account with its grants. It returns ErrEmailTaken or ErrUsernameTaken.
	CreateAccount(ctx context.Context, id uuid.UUID, r Registration, grants []role.Grant, event audit.Event) error
	// FindAccount returns the account that an identity names, or ErrNotFound.
	FindAccount(ctx context.Context, identity Identity) (Account, error)
	// ListAccounts returns up to limit accounts after an id, by id: oldest first.
	ListAccounts(ctx context.Context, after uuid.UUID, limit int) ([]Account, error)
	// Grant gives a role, and reports whether the account did not have it.
	Grant(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error)
	// Revoke takes a role, and reports whether the account had it.
	Revoke(ctx context.Context, id uuid.UUID, grant role.Grant, event audit.Event) (bool, error)
}

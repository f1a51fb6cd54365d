// Package flaskuser brings the people of a Flask-User installation here: it reads the tables (Source), judges each person (what
// can be kept, what collides, what cannot be), and writes them in batches (Importer). Passwords are kept as passlib hashed them;
// see credential.Foreign. Settings tells which of Flask-User's settings became which of ours.
package flaskuser

import (
	"fmt"
	"regexp"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// Names are the tables and columns of the old database.
type Names struct {
	Users, Roles, UserRoles, UserEmails string
	// Columns maps Flask-User's name of a column of users to the one it has here: "active" to "is_active".
	Columns map[string]string
}

// DefaultNames are those of Flask-User's documentation.
func DefaultNames() Names {
	return Names{Users: "users", Roles: "roles", UserRoles: "user_roles", UserEmails: "user_emails", Columns: map[string]string{}}
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// Check returns an error for what is no name of a table or column.
func (n Names) Check() error {
	all := []string{n.Users, n.Roles, n.UserRoles, n.UserEmails}
	for known, own := range n.Columns {
		if !isColumn(known) {
			return fmt.Errorf("Flask-User has no column %q", known)
		}
		all = append(all, own)
	}
	for _, name := range all {
		if !identifier.MatchString(name) {
			return fmt.Errorf("%q is no name of a table or column", name)
		}
	}
	return nil
}

// Person is a row of users with what belongs to it.
type Person struct {
	ID        string
	Email     string
	Confirmed bool
	Username  string
	Password  string // passlib's hash
	Active    bool
	Name      string
	Roles     []string
	Emails    []Email // of user_emails
}

// Email is a row of user_emails.
type Email struct {
	Address   string
	Confirmed bool
	Primary   bool
}

// Outcome is what becomes of a person.
type Outcome string

// The outcomes.
const (
	Imported  Outcome = "imported"
	Waiting   Outcome = "waiting"   // for the address to be confirmed: a registration
	Already   Outcome = "already"   // imported before
	Collision Outcome = "collision" // somebody else has the address
	Refused   Outcome = "refused"
)

// Outcomes returns all of them.
func Outcomes() []Outcome { return []Outcome{Imported, Waiting, Already, Collision, Refused} }

// Entry is a person as they will be here.
type Entry struct {
	SourceID string
	ID       uuid.UUID // of the account, or the registration
	Outcome  Outcome
	Notes    []string // what could not be kept, and why it was not imported

	Email    account.Email
	More     []account.Email // confirmed ones besides
	Username account.Username
	Name     string
	Hash     string
	Disabled bool
	Grants   []role.Grant
}

func (e *Entry) note(format string, args ...any) {
	e.Notes = append(e.Notes, fmt.Sprintf(format, args...))
}

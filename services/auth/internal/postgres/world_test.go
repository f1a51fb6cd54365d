package postgres_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// world is one test's database with every store on it.
type world struct {
	t         testing.TB
	db        *pg.DB
	accounts  *postgres.Accounts
	sessions  *postgres.Sessions
	outbox    *postgres.Outbox
	throttles *postgres.Throttles
	keys      *postgres.Keys
	clients   *postgres.Clients
	events    *postgres.Events
	janitor   *postgres.Janitor
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db := pgtest.New(t, postgres.Migrations())
	return &world{
		t: t, db: db, accounts: postgres.NewAccounts(db), sessions: postgres.NewSessions(db), outbox: postgres.NewOutbox(db),
		throttles: postgres.NewThrottles(db), keys: postgres.NewKeys(db), clients: postgres.NewClients(db),
		events: postgres.NewEvents(db), janitor: postgres.NewJanitor(db),
	}
}

var (
	home  = caller.NewVeil([]byte("test")).Of(netip.MustParseAddr("192.0.2.1"), "a phone")
	other = caller.NewVeil([]byte("test")).Of(netip.MustParseAddr("198.51.100.7"), "a laptop")
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (w *world) exec(statement string, args ...any) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), statement, args...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

func (w *world) count(statement string, args ...any) int {
	w.t.Helper()
	var n int
	if err := w.db.GetContext(w.t.Context(), &n, statement, args...); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// happened counts the audit events of a kind.
func (w *world) happened(kind audit.Kind) int {
	w.t.Helper()
	return w.count(`SELECT count(*) FROM audit_events WHERE kind = $1`, kind)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func registration(t testing.TB, email, username string) account.Registration {
	t.Helper()
	address, err := account.ParseEmail(email)
	if err != nil {
		t.Fatal(err)
	}
	r := account.Registration{ID: newID(), Email: address, Name: "Ada", Locale: "en", PasswordHash: "a hash", Life: time.Hour}
	if username != "" {
		if r.Username, err = account.ParseUsername(username); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// person writes an account and returns its id.
func (w *world) person(email string, grants ...role.Grant) uuid.UUID {
	w.t.Helper()
	id := newID()
	username := strings.ReplaceAll(email[:strings.Index(email, "@")], "+", "-")
	if grants == nil {
		grants = []role.Grant{{Role: role.Driver}}
	}
	w.must(w.accounts.CreateAccount(w.t.Context(), id, registration(w.t, email, username), grants, audit.New(audit.Created, id, audit.CLI)))
	return id
}

// register writes a registration and the token of its mail.
func (w *world) register(r account.Registration) token.Hash {
	w.t.Helper()
	job := notice.OfRegistration(r.ID)
	w.must(w.accounts.Register(w.t.Context(), r, job, audit.New(audit.Registered, uuid.Nil, audit.Anonymous)))
	confirm := token.HashOf(token.New(token.ConfirmEmail))
	to, found, err := w.outbox.Resolve(w.t.Context(), job, func(token.Purpose) token.Hash { return confirm }, notice.DefaultLives)
	w.must(err)
	if !found || to.Template != notice.ConfirmEmail {
		w.t.Fatalf("the mail of a registration is %+v, %t", to, found)
	}
	return confirm
}

// minted mints fixed tokens: one that confirms an address, and one for every other purpose.
func minted(confirm, other string) notice.Mint {
	return func(purpose token.Purpose) token.Hash {
		if purpose == token.ConfirmEmail {
			return token.HashOf(confirm)
		}
		return token.HashOf(other)
	}
}

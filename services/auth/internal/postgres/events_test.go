package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// told returns the kinds of the events about an account, in their order.
func (w *world) told(subject uuid.UUID) []event.Kind {
	w.t.Helper()
	kinds := []event.Kind{}
	w.must(w.db.SelectContext(w.t.Context(), &kinds, `SELECT kind FROM events WHERE subject = $1 ORDER BY xid, seq`, subject))
	return kinds
}

func (w *world) wantTold(subject uuid.UUID, kinds ...event.Kind) {
	w.t.Helper()
	if diff := cmp.Diff(kinds, w.told(subject)); diff != "" {
		w.t.Error(diff)
	}
}

func TestWhatHappensToAnAccountIsToldInItsOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := w.register(registration(t, "ada@example.com", "ada"))
	ada := newID()
	_, err := w.accounts.Confirm(t.Context(), hash, ada, audit.New(audit.Confirmed, ada, audit.ByAccount(ada)))
	w.must(err)
	login := newID()
	w.must(w.sessions.Begin(t.Context(), session.Beginning{
		Session: login, Account: ada, SecurityVersion: 1, Client: session.FirstParty, From: home, Life: time.Hour, RefreshLife: time.Hour,
		Refresh: token.HashOf("a token"), Event: audit.New(audit.LoggedIn, ada, audit.ByAccount(ada)).In(login).From(home),
	}))
	_, _, err = w.outbox.Resolve(t.Context(), notice.ToAddress(notice.PasswordForgot, "ada@example.com"), minted("", "reset"), notice.DefaultLives)
	w.must(err)
	w.must(w.sessions.End(t.Context(), account.Holder{Account: ada, Session: login}, session.LoggedOut, audit.New(audit.LoggedOut, ada, audit.ByAccount(ada)).In(login)))

	w.wantTold(ada, event.UserRegistered, event.UserEmailConfirmed, event.UserLoggedIn, event.UserPasswordResetRequested, event.UserLoggedOut)
	var data string
	w.must(w.db.GetContext(t.Context(), &data, `SELECT data->>'session' FROM events WHERE kind = $1`, event.UserLoggedIn))
	if data != login.String() {
		t.Errorf("the login tells of the session %s, not %s", data, login)
	}
}

func TestALoginThatDoesNotBeginIsNotTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.person("ada@example.com")
	err := w.sessions.Begin(t.Context(), session.Beginning{
		Session: newID(), Account: ada, SecurityVersion: 7, Client: session.FirstParty, From: home, Life: time.Hour, RefreshLife: time.Hour,
		Refresh: token.HashOf("a token"), Event: audit.New(audit.LoggedIn, ada, audit.ByAccount(ada)),
	})
	if !errors.Is(err, session.ErrCredentials) {
		t.Fatalf("the login of an account that has changed: %v", err)
	}
	w.wantTold(ada, event.UserRegistered)
	w.must(w.events.Record(t.Context(), audit.New(audit.LoginFailed, ada, audit.Anonymous)))
	w.wantTold(ada, event.UserRegistered)
}

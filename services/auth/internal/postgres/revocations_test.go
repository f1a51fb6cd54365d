package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/revocation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// outstanding takes what was revoked since the last time, as "kind subject".
func (w *world) outstanding() []string {
	w.t.Helper()
	var all []string
	_, err := postgres.NewRevocations(w.db).Outstanding(w.t.Context(), func(some []revocation.Revocation) error {
		for _, one := range some {
			all = append(all, fmt.Sprint(one.Kind, " ", one.Subject))
			if d := time.Until(one.Until); d < 11*time.Minute {
				w.t.Errorf("%s is forgotten after %v, before the last token ends", one.Kind, d)
			}
		}
		return nil
	})
	w.must(err)
	return all
}

// Whatever ends a session, an account, a role, a client or a key: no way past the revocations.
func TestEverythingThatEndsTokensIsRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com", role.Grant{Role: role.Driver}, role.Grant{Role: role.Admin})
	sub := "sub " + id.String()
	want := func(what string, revoked ...string) {
		t.Helper()
		if diff := cmp.Diff(revoked, w.outstanding()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	sid, refresh := w.begin(id, home)
	other, _ := w.begin(id, home)
	holder := account.Holder{Account: id, Session: sid}
	_, err := w.sessions.Rotate(t.Context(), rotation(refresh, home))
	w.must(err)
	want("what ends nothing")

	event := audit.New(audit.LoggedOut, id, audit.ByAccount(id))
	w.must(w.sessions.End(t.Context(), holder, session.LoggedOut, event))
	want("logout", "sid "+sid.String())
	w.must(w.sessions.End(t.Context(), holder, session.LoggedOut, audit.New(audit.LoggedOut, id, audit.ByAccount(id))))
	want("logout of a session that has ended")
	third, _ := w.begin(id, home)
	w.must(w.accounts.SetPassword(t.Context(), account.NewPassword{
		Account: id, SecurityVersion: 1, Hash: "another", Keep: third, Event: audit.New(audit.PasswordChanged, id, audit.ByAccount(id)),
	}))
	want("a change of the password", "sid "+other.String())

	_, err = w.accounts.Grant(t.Context(), id, role.Grant{Role: role.Moderator}, audit.New(audit.RoleGranted, id, audit.CLI))
	w.must(err)
	want("a role given")
	_, err = w.accounts.Revoke(t.Context(), id, role.Grant{Role: role.Admin}, audit.New(audit.RoleRevoked, id, audit.CLI))
	w.must(err)
	want("a role taken", sub)
	live, err := w.sessions.IsLive(t.Context(), account.Holder{Account: id, Session: third}, 1)
	w.must(err)
	if live {
		t.Error("a token with the role is live")
	}
	w.exec(`UPDATE accounts SET disabled_at = now() WHERE id = $1`, id)
	want("an account switched off", sub)
	w.exec(`UPDATE accounts SET disabled_at = NULL WHERE id = $1`, id)
	want("an account switched on")
	w.exec(`DELETE FROM accounts WHERE id = $1`, id)
	want("an account erased", sub)

	robot := client.Client{ID: "robot", Name: "robot", Proof: client.Proof{SecretHash: token.HashOf("secret")}, Audiences: []string{"auth"}, Scopes: []string{"feeds:read", "users:read"}}
	w.must(w.clients.CreateClient(t.Context(), robot, audit.New(audit.ClientCreated, uuid.Nil, audit.CLI)))
	robot.Audiences = []string{"auth", "charging-plot"}
	w.must(w.clients.PutClient(t.Context(), robot, audit.New(audit.ClientCreated, uuid.Nil, audit.CLI)))
	want("a client that may do more")
	robot.Scopes = robot.Scopes[:1]
	w.must(w.clients.PutClient(t.Context(), robot, audit.New(audit.ClientCreated, uuid.Nil, audit.CLI)))
	want("a client that may do less", "client robot")
	w.exec(`UPDATE service_clients SET disabled_at = now()`)
	want("a client switched off", "client robot")
	w.exec(`DELETE FROM service_clients`)
	want("a client removed", "client robot")
}

// A publication that fails is made again, and what was published once is remembered for verifiers that begin anew.
func TestOutstandingRevocationsAreNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com")
	for range 3 {
		sid, _ := w.begin(id, home)
		w.must(w.sessions.End(t.Context(), account.Holder{Account: id, Session: sid}, session.LoggedOut, audit.New(audit.LoggedOut, id, audit.CLI)))
	}
	store := postgres.NewRevocations(w.db)
	down := errors.New("redis is down")
	if _, err := store.Outstanding(t.Context(), func([]revocation.Revocation) error { return down }); !errors.Is(err, down) {
		t.Errorf("Outstanding = %v", err)
	}
	// While one replica publishes, another is given nothing of it.
	n, err := store.Outstanding(t.Context(), func([]revocation.Revocation) error {
		if second := w.outstanding(); len(second) != 0 {
			t.Errorf("at the same time another was given %v", second)
		}
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("Outstanding = %d, %v", n, err)
	}
	if left := w.outstanding(); len(left) != 0 {
		t.Errorf("published and outstanding: %v", left)
	}
	all, err := store.ListRevocations(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("ListRevocations = %v, %v", all, err)
	}
}

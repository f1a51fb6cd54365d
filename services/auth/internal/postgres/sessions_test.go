package postgres_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// begin logs somebody in and returns the session and the hash of its first refresh token.
func (w *world) begin(id uuid.UUID, from caller.Caller) (uuid.UUID, token.Hash) {
	w.t.Helper()
	b := beginning(id, from)
	w.must(w.sessions.Begin(w.t.Context(), b))
	return b.Session, b.Refresh
}

func beginning(id uuid.UUID, from caller.Caller) session.Beginning {
	s := newID()
	return session.Beginning{
		Session: s, Account: id, SecurityVersion: 1, Client: session.FirstParty, DeviceName: "Ada's phone", From: from, Remember: true,
		Life: time.Hour, Refresh: token.HashOf(token.New(token.Refresh)), RefreshLife: time.Hour,
		Methods: session.Methods{session.ByPassword, session.ByOneTimeCode},
		Event:   audit.New(audit.LoggedIn, id, audit.ByAccount(id)).In(s).From(from),
	}
}

func rotation(presented token.Hash, from caller.Caller) session.Rotation {
	next := token.HashOf(token.New(token.Refresh))
	return session.Rotation{
		Presented: presented, Client: session.FirstParty, From: from, Successor: next, Sealed: next[:], Lifetimes: session.DefaultLifetimes,
	}
}

func TestFindCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	north := newID()
	id := w.person("Ada@example.com", role.Grant{Role: role.Driver}, role.Grant{Role: role.Operator, Operator: north})
	want := session.Candidate{
		Account: id, PasswordHash: "a hash", SecurityVersion: 1, RightsVersion: 1,
		Grants: []role.Grant{{Role: role.Driver}, {Role: role.Operator, Operator: north}},
	}
	for _, login := range []string{"ada@example.com", "ADA@EXAMPLE.COM", "ada", "Ada", "ＡＤＡ"} {
		got, err := w.sessions.FindCandidate(t.Context(), account.IdentityOf(login), home.Network)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", login, diff)
		}
	}
	// None of these is a pattern, and nobody's identity finds nobody.
	for _, login := range []string{"", "@", "a%a", "a_a", "%", "ada@example.co_", "ada' OR '1'='1", "bob", "ad\x00a"} {
		got, err := w.sessions.FindCandidate(t.Context(), account.IdentityOf(login), home.Network)
		if err != nil || got.Account != uuid.Nil {
			t.Errorf("%q finds %+v, %v", login, got, err)
		}
	}
	w.begin(id, home)
	for network, known := range map[caller.Network]bool{home.Network: true, other.Network: false} {
		got, err := w.sessions.FindCandidate(t.Context(), account.IdentityOf("ada"), network)
		if err != nil || got.KnownNetwork != known {
			t.Errorf("KnownNetwork = %t, %v; want %t", got.KnownNetwork, err, known)
		}
	}
	w.exec(`UPDATE sessions SET auth_time = now() - interval '31 days'`)
	if got, err := w.sessions.FindCandidate(t.Context(), account.IdentityOf("ada"), home.Network); err != nil || got.KnownNetwork {
		t.Errorf("a network from long ago: KnownNetwork = %t, %v", got.KnownNetwork, err)
	}
}

func TestBeginWantsTheAccountAsItWasFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com")
	for name, change := range map[string]string{
		"a new password": `UPDATE accounts SET security_version = 2`,
		"disabled":       `UPDATE accounts SET security_version = 1, disabled_at = now()`,
	} {
		w.exec(change)
		if err := w.sessions.Begin(t.Context(), beginning(id, home)); !errors.Is(err, session.ErrCredentials) {
			t.Errorf("%s: Begin = %v", name, err)
		}
	}
	if n := w.count(`SELECT count(*) FROM sessions`) + w.happened(audit.LoggedIn); n != 0 {
		t.Errorf("%d rows were written", n)
	}
	w.exec(`UPDATE accounts SET security_version = 1, disabled_at = NULL`)
	b := beginning(id, home)
	b.Rehash = "a dearer hash"
	w.must(w.sessions.Begin(t.Context(), b))
	if n := w.count(`SELECT count(*) FROM accounts WHERE password_hash = 'a dearer hash' AND security_version = 1`); n != 1 {
		t.Error("the password was not hashed anew")
	}
	if n := w.happened(audit.LoggedIn); n != 1 {
		t.Errorf("%d logins were recorded", n)
	}
}

func TestRotateGivesOneSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com", role.Grant{Role: role.Driver}, role.Grant{Role: role.Admin})
	sid, first := w.begin(id, home)
	r := rotation(first, home)
	turn, err := w.sessions.Rotate(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if turn.Outcome != session.Rotated || turn.Session != sid || turn.Account != id || turn.Client != session.FirstParty || len(turn.Grants) != 2 {
		t.Errorf("the turn is %+v", turn)
	}
	if d := time.Since(turn.AuthTime); d < 0 || d > time.Minute {
		t.Errorf("the login was %s ago", d)
	}
	if diff := cmp.Diff(session.Methods{session.ByPassword, session.ByOneTimeCode}, turn.Methods); diff != "" {
		t.Error(diff)
	}
	// Thirty idle days, but the session ends within the hour.
	if turn.RefreshLife > time.Hour || turn.RefreshLife < 59*time.Minute {
		t.Errorf("the successor lives for %s", turn.RefreshLife)
	}
	again, err := w.sessions.Rotate(t.Context(), rotation(r.Successor, home))
	if err != nil || again.Outcome != session.Rotated {
		t.Errorf("the successor: %+v, %v", again, err)
	}
}

// R1: a replay after the grace, or from another device, ends the family; the owner is told once.
func TestAReplayEndsTheSession(t *testing.T) {
	t.Parallel()
	for name, replay := range map[string]struct {
		later string
		from  caller.Caller
	}{
		"after the grace":              {"10.1 seconds", home},
		"at once, from another device": {"0 seconds", other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.person("ada@example.com")
			_, first := w.begin(id, home)
			_, otherLogin := w.begin(id, other)
			r := rotation(first, home)
			if turn, err := w.sessions.Rotate(t.Context(), r); err != nil || turn.Outcome != session.Rotated {
				t.Fatalf("Rotate = %+v, %v", turn, err)
			}
			w.exec(`UPDATE refresh_tokens SET used_at = used_at - $1::interval WHERE used_at IS NOT NULL`, replay.later)
			for _, want := range []session.Outcome{session.Reused, session.Refused} {
				if turn, err := w.sessions.Rotate(t.Context(), rotation(first, replay.from)); err != nil || turn.Outcome != want {
					t.Errorf("the replay: %+v, %v; want outcome %d", turn, err, want)
				}
			}
			if turn, err := w.sessions.Rotate(t.Context(), rotation(r.Successor, home)); err != nil || turn.Outcome != session.Refused {
				t.Errorf("the successor after the replay: %+v, %v", turn, err)
			}
			if turn, err := w.sessions.Rotate(t.Context(), rotation(otherLogin, other)); err != nil || turn.Outcome != session.Rotated {
				t.Errorf("another session of the account: %+v, %v", turn, err)
			}
			if mails := w.count(`SELECT count(*) FROM outbox WHERE kind = 'token_reused' AND account_id = $1`, id); mails != 1 || w.happened(audit.TokenReused) != 1 {
				t.Errorf("%d mails and %d events tell of it", mails, w.happened(audit.TokenReused))
			}
		})
	}
}

func TestWithinTheGraceTheAnswerIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, first := w.begin(w.person("ada@example.com"), home)
	r := rotation(first, home)
	if _, err := w.sessions.Rotate(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE refresh_tokens SET used_at = used_at - interval '9 seconds' WHERE used_at IS NOT NULL`)
	turn, err := w.sessions.Rotate(t.Context(), rotation(first, home))
	if err != nil || turn.Outcome != session.Repeated || string(turn.Sealed) != string(r.Sealed) {
		t.Errorf("the repetition: %+v, %v", turn, err)
	}
	if turn.RefreshLife > time.Hour || turn.RefreshLife < 59*time.Minute {
		t.Errorf("the successor lives for %s", turn.RefreshLife)
	}
}

// R1: what is not this client's, not live or not allowed any more is refused and left as it was.
func TestRotateRefusesAndChangesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after string
		client        string
	}{
		"a token of another client": {``, ``, "someone-else"},
		"a disabled account":        {`UPDATE accounts SET disabled_at = now()`, `UPDATE accounts SET disabled_at = NULL`, session.FirstParty},
		"an expired token":          {`UPDATE refresh_tokens SET expires_at = now()`, `UPDATE refresh_tokens SET expires_at = now() + interval '1 hour'`, session.FirstParty},
		"a session past its end":    {`UPDATE sessions SET expires_at = now()`, `UPDATE sessions SET expires_at = now() + interval '1 hour'`, session.FirstParty},
		"a session that was ended":  {`UPDATE sessions SET ended_at = now(), end_reason = 'logged_out'`, `UPDATE sessions SET ended_at = NULL, end_reason = NULL`, session.FirstParty},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, first := w.begin(w.person("ada@example.com"), home)
			if c.before != "" {
				w.exec(c.before)
			}
			r := rotation(first, home)
			r.Client = c.client
			if turn, err := w.sessions.Rotate(t.Context(), r); err != nil || turn.Outcome != session.Refused {
				t.Fatalf("Rotate = %+v, %v", turn, err)
			}
			if c.after != "" {
				w.exec(c.after)
			}
			if turn, err := w.sessions.Rotate(t.Context(), rotation(first, home)); err != nil || turn.Outcome != session.Rotated {
				t.Errorf("afterwards, Rotate = %+v, %v", turn, err)
			}
		})
	}
}

// R1, CVE-2026-43983: a role that was taken away is gone at the next refresh.
func TestRotateReadsTheRolesOfNow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com", role.Grant{Role: role.Driver}, role.Grant{Role: role.Admin})
	_, first := w.begin(id, home)
	if had, err := w.accounts.Revoke(t.Context(), id, role.Grant{Role: role.Admin}, audit.New(audit.RoleRevoked, id, audit.CLI)); err != nil || !had {
		t.Fatalf("Revoke = %t, %v", had, err)
	}
	turn, err := w.sessions.Rotate(t.Context(), rotation(first, home))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]role.Grant{{Role: role.Driver}}, turn.Grants); diff != "" {
		t.Error(diff)
	}
}

func TestEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.person("ada@example.com"), w.person("bob@example.com")
	phone, _ := w.begin(ada, home)
	w.begin(ada, other)
	_, rotated := w.begin(ada, other)
	if _, err := w.sessions.Rotate(t.Context(), rotation(rotated, other)); err != nil {
		t.Fatal(err)
	}
	bobs, _ := w.begin(bob, home)
	open := func() int { return w.count(`SELECT count(*) FROM sessions WHERE ended_at IS NULL`) }
	event := func(id uuid.UUID) audit.Event { return audit.New(audit.LoggedOut, id, audit.ByAccount(id)) }

	w.must(w.sessions.End(t.Context(), account.Holder{Account: ada, Session: bobs}, session.LoggedOut, event(ada)))
	if open() != 4 {
		t.Fatal("one account ended the session of another")
	}
	w.must(w.sessions.End(t.Context(), account.Holder{Account: ada, Session: phone}, session.LoggedOut, event(ada)))
	w.must(w.sessions.End(t.Context(), account.Holder{Account: ada, Session: phone}, session.LoggedOut, event(ada)))
	if open() != 3 || w.happened(audit.LoggedOut) != 1 {
		t.Fatalf("%d sessions go on, %d ends were recorded", open(), w.happened(audit.LoggedOut))
	}
	w.must(w.sessions.EndByToken(t.Context(), rotated, session.Revoked, event(uuid.Nil)))
	w.must(w.sessions.EndByToken(t.Context(), token.Hash{}, session.Revoked, event(uuid.Nil)))
	if n := w.count(`SELECT count(*) FROM audit_events WHERE kind = 'session.ended' AND account_id = $1`, ada); open() != 2 || n != 2 {
		t.Fatalf("%d sessions go on, %d ends were recorded", open(), n)
	}
	w.must(w.sessions.End(t.Context(), account.Holder{Account: ada}, session.LoggedOutAll, event(ada)))
	if open() != 1 {
		t.Fatal("ending all sessions of one account ended others, or not all")
	}
}

func TestParallelReplaysTellTheOwnerOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(10)
	id := w.person("ada@example.com")
	_, first := w.begin(id, home)
	if _, err := w.sessions.Rotate(t.Context(), rotation(first, home)); err != nil {
		t.Fatal(err)
	}
	w.exec(`UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL`)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if turn, err := w.sessions.Rotate(t.Context(), rotation(first, other)); err != nil || turn.Outcome == session.Rotated || turn.Outcome == session.Repeated {
				t.Errorf("a replay: %+v, %v", turn, err)
			}
		})
	}
	wait.Wait()
	if n := w.count(`SELECT count(*) FROM outbox`); n != 1 {
		t.Errorf("%d mails are queued", n)
	}
}

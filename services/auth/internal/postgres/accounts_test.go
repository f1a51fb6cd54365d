package postgres_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

func (w *world) holder(email string) account.Holder {
	w.t.Helper()
	id := w.person(email)
	sid, _ := w.begin(id, home)
	return account.Holder{Account: id, Session: sid}
}

func TestAHolderIsAnAccountInASessionThatGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.holder("ada@example.com"), w.holder("bob@example.com")
	if a, err := w.accounts.GetAccount(t.Context(), ada); err != nil || a.ID != ada.Account || a.Email.Key() != "ada@example.com" {
		t.Errorf("GetAccount = %+v, %v", a, err)
	}
	for name, holder := range map[string]account.Holder{
		"another's session": {Account: ada.Account, Session: bob.Session}, "another account": {Account: bob.Account, Session: ada.Session},
		"no session": {Account: ada.Account}, "nobody": {},
	} {
		if _, err := w.accounts.GetAccount(t.Context(), holder); !errors.Is(err, account.ErrNone) {
			t.Errorf("%s: GetAccount = %v", name, err)
		}
		if _, err := w.accounts.GetSecret(t.Context(), holder); !errors.Is(err, account.ErrNone) {
			t.Errorf("%s: GetSecret = %v", name, err)
		}
	}
	for _, change := range []string{
		`UPDATE sessions SET expires_at = now()`, `UPDATE sessions SET expires_at = now() + interval '1 hour', ended_at = now(), end_reason = 'x'`,
		`UPDATE sessions SET ended_at = NULL, end_reason = NULL; UPDATE accounts SET disabled_at = now()`,
	} {
		w.exec(change)
		if _, err := w.accounts.GetAccount(t.Context(), ada); !errors.Is(err, account.ErrNone) {
			t.Errorf("after %s: GetAccount = %v", change, err)
		}
	}
}

func TestUpdateProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.holder("ada@example.com")
	event := audit.New(audit.ProfileChanged, ada.Account, audit.ByAccount(ada.Account))
	name, none := "Ada Lovelace", ""
	a, err := w.accounts.UpdateProfile(t.Context(), ada, 1, account.Patch{Name: &name}, event)
	if err != nil || a.Name != name || a.Locale != "en" || a.Version != 2 || !a.UpdatedAt.After(a.CreatedAt) {
		t.Fatalf("UpdateProfile = %+v, %v", a, err)
	}
	if _, err := w.accounts.UpdateProfile(t.Context(), ada, 1, account.Patch{Name: &none}, event); !errors.Is(err, account.ErrStale) {
		t.Errorf("in the old version, UpdateProfile = %v", err)
	}
	event.ID = newID()
	if a, err = w.accounts.UpdateProfile(t.Context(), ada, 2, account.Patch{Locale: &none}, event); err != nil || a.Locale != "" || a.Name != name {
		t.Errorf("UpdateProfile = %+v, %v", a, err)
	}
	if _, err := w.accounts.UpdateProfile(t.Context(), account.Holder{Account: ada.Account}, 3, account.Patch{Name: &none}, event); !errors.Is(err, account.ErrNone) {
		t.Errorf("without a session, UpdateProfile = %v", err)
	}
	if n := w.happened(audit.ProfileChanged); n != 2 {
		t.Errorf("%d changes were recorded", n)
	}
	// Of many changes of one version one is taken.
	var wait sync.WaitGroup
	taken := make(chan bool, 10)
	for range 10 {
		wait.Go(func() {
			_, err := w.accounts.UpdateProfile(t.Context(), ada, 3, account.Patch{Name: &name}, audit.New(audit.ProfileChanged, ada.Account, audit.System))
			if err != nil && !errors.Is(err, account.ErrStale) {
				t.Errorf("UpdateProfile = %v", err)
			}
			taken <- err == nil
		})
	}
	wait.Wait()
	close(taken)
	n := 0
	for ok := range taken {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of ten changes were taken", n)
	}
}

// resetToken writes a token as the mail of a forgotten password would.
func (w *world) resetToken(address string) token.Hash {
	w.t.Helper()
	hash := token.HashOf(token.New(token.ResetPassword))
	_, found, err := w.outbox.Resolve(w.t.Context(), notice.ToAddress(notice.PasswordForgot, address), func(token.Purpose) token.Hash { return hash }, notice.DefaultLives)
	w.must(err)
	if !found {
		w.t.Fatalf("nobody has the address %s", address)
	}
	return hash
}

func newPassword(id uuid.UUID, keep uuid.UUID) account.NewPassword {
	return account.NewPassword{
		Account: id, Hash: "another hash", SecurityVersion: 1, Keep: keep, Mail: notice.About(notice.PasswordChanged, id),
		Event: audit.New(audit.PasswordChanged, id, audit.ByAccount(id)),
	}
}

func TestSetPasswordEndsWhatTheOldOneOpened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.holder("ada@example.com")
	w.begin(ada.Account, other)
	bob := w.holder("bob@example.com")
	reset := w.resetToken("ada@example.com")
	w.must(w.accounts.SetPassword(t.Context(), newPassword(ada.Account, ada.Session)))

	for holder, live := range map[account.Holder]bool{ada: true, bob: true} {
		if got, err := w.sessions.IsLive(t.Context(), holder, 1); err != nil || got != live {
			t.Errorf("IsLive = %t, %v; want %t", got, err, live)
		}
	}
	if n := w.count(`SELECT count(*) FROM sessions WHERE end_reason = 'password_changed'`); n != 1 {
		t.Errorf("%d sessions were ended", n)
	}
	if _, err := w.accounts.GetSecretByToken(t.Context(), reset); !errors.Is(err, account.ErrLink) {
		t.Errorf("the mailed token: %v", err)
	}
	if err := w.accounts.SetPassword(t.Context(), newPassword(ada.Account, ada.Session)); !errors.Is(err, account.ErrNone) {
		t.Errorf("a change decided on the old password: %v", err)
	}
	if n := w.count(`SELECT count(*) FROM outbox WHERE kind = 'password_changed' AND account_id = $1`, ada.Account); n != 1 || w.happened(audit.PasswordChanged) != 1 {
		t.Errorf("%d mails are queued", n)
	}
	if c, err := w.sessions.FindCandidate(t.Context(), account.IdentityOf("ada"), home.Network); err != nil || c.PasswordHash != "another hash" || c.SecurityVersion != 2 {
		t.Errorf("the candidate is %+v, %v", c, err)
	}
}

func TestResetPasswordConsumesTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.holder("ada@example.com")
	reset := w.resetToken("ada@example.com")
	secret, err := w.accounts.GetSecretByToken(t.Context(), reset)
	if err != nil || secret.Account.ID != ada.Account || secret.SecurityVersion != 1 || secret.PasswordHash != "a hash" {
		t.Fatalf("GetSecretByToken = %+v, %v", secret, err)
	}
	w.must(w.accounts.ResetPassword(t.Context(), reset, newPassword(ada.Account, uuid.Nil)))
	if err := w.accounts.ResetPassword(t.Context(), reset, newPassword(ada.Account, uuid.Nil)); !errors.Is(err, account.ErrLink) {
		t.Errorf("a second time, ResetPassword = %v", err)
	}
	if live, err := w.sessions.IsLive(t.Context(), ada, 1); err != nil || live {
		t.Errorf("IsLive = %t, %v", live, err)
	}
	// A confirm token, an unknown one, and one for another account.
	confirm := w.register(registration(t, "eve@example.com", ""))
	bob := w.holder("bob@example.com")
	bobs := w.resetToken("bob@example.com")
	for name, hash := range map[string]token.Hash{"confirm": confirm, "unknown": {}, "another's": bobs} {
		if err := w.accounts.ResetPassword(t.Context(), hash, newPassword(ada.Account, uuid.Nil)); !errors.Is(err, account.ErrLink) {
			t.Errorf("%s: ResetPassword = %v", name, err)
		}
	}
	if _, err := w.accounts.GetSecretByToken(t.Context(), bobs); err != nil {
		t.Errorf("the token that was tried on another account: %v", err)
	}
	if live, err := w.sessions.IsLive(t.Context(), bob, 1); err != nil || !live {
		t.Errorf("IsLive = %t, %v", live, err)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	north := newID()
	ada := w.person("ada@example.com")
	bob := w.person("bob@example.com", role.Grant{Role: role.Driver}, role.Grant{Role: role.Operator, Operator: north})
	for _, login := range []string{"ADA", "Ada@Example.com"} {
		if a, err := w.accounts.FindAccount(t.Context(), account.IdentityOf(login)); err != nil || a.ID != ada {
			t.Errorf("FindAccount(%q) = %s, %v", login, a.ID, err)
		}
	}
	for _, login := range []string{"", "eve", "%", "a_a"} {
		if _, err := w.accounts.FindAccount(t.Context(), account.IdentityOf(login)); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("FindAccount(%q) = %v", login, err)
		}
	}
	first, err := w.accounts.ListAccounts(t.Context(), uuid.Nil, 1)
	if err != nil || len(first) != 1 || first[0].ID != ada {
		t.Fatalf("ListAccounts = %+v, %v", first, err)
	}
	rest, err := w.accounts.ListAccounts(t.Context(), first[0].ID, 10)
	if err != nil || len(rest) != 1 || rest[0].ID != bob {
		t.Fatalf("ListAccounts = %+v, %v", rest, err)
	}
	event := func(kind audit.Kind) audit.Event { return audit.New(kind, ada, audit.CLI) }
	for _, c := range []struct {
		change func() (bool, error)
		want   bool
	}{
		{func() (bool, error) {
			return w.accounts.Grant(t.Context(), ada, role.Grant{Role: role.Admin}, event(audit.RoleGranted))
		}, true},
		{func() (bool, error) {
			return w.accounts.Grant(t.Context(), ada, role.Grant{Role: role.Admin}, event(audit.RoleGranted))
		}, false},
		{func() (bool, error) {
			return w.accounts.Grant(t.Context(), ada, role.Grant{Role: role.Operator, Operator: north}, event(audit.RoleGranted))
		}, true},
		{func() (bool, error) {
			return w.accounts.Revoke(t.Context(), ada, role.Grant{Role: role.Operator, Operator: newID()}, event(audit.RoleRevoked))
		}, false},
		{func() (bool, error) {
			return w.accounts.Revoke(t.Context(), ada, role.Grant{Role: role.Driver}, event(audit.RoleRevoked))
		}, true},
	} {
		if changed, err := c.change(); err != nil || changed != c.want {
			t.Errorf("changed = %t, %v; want %t", changed, err, c.want)
		}
	}
	a, err := w.accounts.FindAccount(t.Context(), account.IdentityOf("ada"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]role.Grant{{Role: role.Admin}, {Role: role.Operator, Operator: north}}, a.Grants); diff != "" || a.Version != 4 {
		t.Errorf("version %d, grants %s", a.Version, diff)
	}
	if w.happened(audit.RoleGranted) != 2 || w.happened(audit.RoleRevoked) != 1 {
		t.Errorf("%d grants and %d revocations were recorded", w.happened(audit.RoleGranted), w.happened(audit.RoleRevoked))
	}
}

// What must not be is refused by the database itself.
func TestTheSchemaRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com")
	sid, _ := w.begin(id, home)
	for name, c := range map[string]struct {
		statement string
		args      []any
	}{
		"an unknown role":                  {`INSERT INTO role_grants (account_id, role) VALUES ($1, 'root')`, []any{id}},
		"an operator's role without one":   {`INSERT INTO role_grants (account_id, role) VALUES ($1, 'operator')`, []any{id}},
		"a driver of an operator":          {`INSERT INTO role_grants (account_id, role, operator_id) VALUES ($1, 'driver', $2)`, []any{id, newID()}},
		"a role twice":                     {`INSERT INTO role_grants (account_id, role) VALUES ($1, 'driver')`, []any{id}},
		"a second primary address":         {`INSERT INTO emails (account_id, address, address_key, is_primary, confirmed_at) VALUES ($1, 'x', 'x', true, now())`, []any{id}},
		"a reset token without an account": {`INSERT INTO one_time_tokens (hash, purpose, expires_at) VALUES ('\x00', 'reset_password', now())`, nil},
		"a token of an unknown purpose":    {`INSERT INTO one_time_tokens (hash, purpose, account_id, security_version, expires_at) VALUES ('\x00', 'x', $1, 1, now())`, []any{id}},
		"an end without a reason":          {`UPDATE sessions SET ended_at = now() WHERE id = $1`, []any{sid}},
		"a used token without a successor": {`UPDATE refresh_tokens SET used_at = now() WHERE session_id = $1`, []any{sid}},
		"a changed event":                  {`UPDATE audit_events SET actor = 'nobody'`, nil},
		"a deleted event":                  {`DELETE FROM audit_events`, nil},
		"all events gone":                  {`TRUNCATE audit_events`, nil},
	} {
		if _, err := w.db.ExecContext(t.Context(), c.statement, c.args...); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if n := w.happened(audit.LoggedIn); n != 1 {
		t.Errorf("%d events are left", n)
	}
	if _, err := w.sessions.IsLive(t.Context(), account.Holder{Account: id, Session: sid}, 1); err != nil {
		t.Error(err)
	}
	w.must(w.sessions.End(t.Context(), account.Holder{Account: id}, session.LoggedOutAll, audit.New(audit.LoggedOut, id, audit.System)))
}

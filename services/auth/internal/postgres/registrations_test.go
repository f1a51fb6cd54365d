package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

func (w *world) confirm(hash token.Hash) (account.Account, error) {
	id := newID()
	return w.accounts.Confirm(w.t.Context(), hash, id, audit.New(audit.Confirmed, id, audit.ByAccount(id)))
}

func TestConfirmMakesADriverOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hash := w.register(registration(t, "Ada@Example.com", "Ada"))

	a, err := w.confirm(hash)
	if err != nil {
		t.Fatal(err)
	}
	if a.Email.Address() != "Ada@example.com" || a.Email.Key() != "ada@example.com" || a.Username.String() != "Ada" || a.Name != "Ada" {
		t.Errorf("the account is %+v", a)
	}
	if diff := cmp.Diff([]role.Grant{{Role: role.Driver}}, a.Grants); diff != "" {
		t.Error(diff)
	}
	if _, err := w.confirm(hash); !errors.Is(err, account.ErrLink) {
		t.Errorf("a second time, Confirm = %v", err)
	}
	if n := w.count(`SELECT count(*) FROM registrations`) + w.count(`SELECT count(*) FROM one_time_tokens`); n != 0 {
		t.Errorf("%d rows of the registration are left", n)
	}
	if n := w.happened(audit.Confirmed); n != 1 {
		t.Errorf("%d confirmations were recorded", n)
	}
}

func TestConfirmRefusesExpiredTokensAndThoseOfAnotherPurpose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	late := w.register(registration(t, "late@example.com", ""))
	w.exec(`UPDATE one_time_tokens SET expires_at = now() - interval '1 second'`)
	reset := token.HashOf(token.New(token.ResetPassword))
	id := w.person("bob@example.com")
	w.exec(`INSERT INTO one_time_tokens (hash, purpose, account_id, security_version, expires_at)
		VALUES ($1, 'reset_password', $2, 1, now() + interval '1 hour')`, reset[:], id)
	for name, hash := range map[string]token.Hash{"expired": late, "a reset token": reset, "unknown": {}} {
		if _, err := w.confirm(hash); !errors.Is(err, account.ErrLink) {
			t.Errorf("%s: Confirm = %v", name, err)
		}
	}
}

// Two people ask for one address, in whatever order the links are followed: one account, and the other link is dead.
func TestTheFirstConfirmationOfAnAddressWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := w.register(registration(t, "ada@example.com", "ada"))
	squatter := w.register(registration(t, "ADA@example.com", "squatter"))
	if a, err := w.confirm(owner); err != nil || a.Username.String() != "ada" {
		t.Fatalf("Confirm = %+v, %v", a, err)
	}
	if _, err := w.confirm(squatter); !errors.Is(err, account.ErrLink) {
		t.Errorf("the other link: Confirm = %v", err)
	}
}

func TestParallelConfirmationsOfOneAddressMakeOneAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(20)
	const n = 20
	hashes := make([]token.Hash, n)
	for i := range n {
		hashes[i] = w.register(registration(t, "ada@example.com", fmt.Sprintf("ada%d", i)))
	}
	var wait sync.WaitGroup
	results := make(chan error, n)
	for _, hash := range hashes {
		wait.Go(func() {
			_, err := w.confirm(hash)
			results <- err
		})
	}
	wait.Wait()
	close(results)
	made := 0
	for err := range results {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, account.ErrLink):
			t.Errorf("Confirm = %v", err)
		}
	}
	if accounts := w.count(`SELECT count(*) FROM accounts`); made != 1 || accounts != 1 {
		t.Errorf("%d confirmations succeeded and %d accounts exist", made, accounts)
	}
}

func TestAUsernameGoneMeanwhileIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(10)
	const n = 8
	hashes := make([]token.Hash, n)
	for i := range n {
		hashes[i] = w.register(registration(t, fmt.Sprintf("ada%d@example.com", i), "Ada"))
	}
	var wait sync.WaitGroup
	names := make(chan string, n)
	for _, hash := range hashes {
		wait.Go(func() {
			a, err := w.confirm(hash)
			if err != nil {
				t.Errorf("Confirm = %v", err)
			}
			names <- a.Username.String()
		})
	}
	wait.Wait()
	close(names)
	with := 0
	for name := range names {
		if name != "" {
			with++
		}
	}
	if with != 1 {
		t.Errorf("%d accounts have the username, want 1", with)
	}
	if taken, err := w.accounts.UsernameTaken(t.Context(), account.UsernameOfRow("ADA", "ada")); err != nil || !taken {
		t.Errorf("UsernameTaken = %t, %v", taken, err)
	}
}

// The constraint, not code: whichever way two accounts come to one mailbox, the second is refused by the database.
func TestTheDatabaseRefusesASecondAccountForAnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	id := newID()
	err := w.accounts.CreateAccount(t.Context(), id, registration(t, "ADA@EXAMPLE.COM", "someone"), nil, audit.New(audit.Created, id, audit.CLI))
	if !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("CreateAccount = %v", err)
	}
	err = w.accounts.CreateAccount(t.Context(), id, registration(t, "eve@example.com", "ADA"), nil, audit.New(audit.Created, id, audit.CLI))
	if !errors.Is(err, account.ErrUsernameTaken) {
		t.Errorf("CreateAccount = %v", err)
	}
	if n := w.count(`SELECT count(*) FROM accounts`); n != 1 {
		t.Errorf("%d accounts exist", n)
	}
}

// E1: what a registration leaves behind is the same for a known address; only the mail differs, and its recipient is the
// account's own spelling.
func TestTheMailOfAKnownAddressHasNoToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("Ada@example.com")
	r := registration(t, "ADA@EXAMPLE.COM", "")
	job := notice.OfRegistration(r.ID)
	w.must(w.accounts.Register(t.Context(), r, job, audit.New(audit.Registered, uuid.Nil, audit.Anonymous)))
	to, found, err := w.outbox.Resolve(t.Context(), job, minted("one", "two"), notice.DefaultLives)
	if err != nil || !found {
		t.Fatalf("Resolve = %t, %v", found, err)
	}
	want := notice.Recipient{Template: notice.AlreadyRegistered, Address: "Ada@example.com", Name: "Ada", Locale: "en", Facts: notice.Facts{Username: "Ada"}}
	if diff := cmp.Diff(want, to); diff != "" {
		t.Error(diff)
	}
	if n := w.count(`SELECT count(*) FROM one_time_tokens`); n != 0 {
		t.Errorf("%d tokens were made", n)
	}
}

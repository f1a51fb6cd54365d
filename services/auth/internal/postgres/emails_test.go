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
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// enter logs an account in.
func (w *world) enter(id uuid.UUID) account.Holder {
	w.t.Helper()
	login := newID()
	w.must(w.sessions.Begin(w.t.Context(), session.Beginning{
		Session: login, Account: id, SecurityVersion: w.count(`SELECT security_version FROM accounts WHERE id = $1`, id), Client: session.FirstParty,
		From: home, Life: time.Hour, RefreshLife: time.Hour, Refresh: token.HashOf(login.String()),
		Event: audit.New(audit.LoggedIn, id, audit.ByAccount(id)).In(login),
	}))
	return account.Holder{Account: id, Session: login}
}

func email(t testing.TB, text string) account.Email {
	t.Helper()
	parsed, err := account.ParseEmail(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// add lets an address wait, and has its mail written: it returns the address and the hash of the token.
func (w *world) add(holder account.Holder, address string) (account.OwnEmail, token.Hash) {
	w.t.Helper()
	added, err := w.accounts.AddEmail(w.t.Context(), holder, newID(), email(w.t, address), time.Hour, by(holder, audit.EmailAdded))
	w.must(err)
	hash := token.HashOf(token.New(token.ConfirmAdded))
	_, _, err = w.outbox.Resolve(w.t.Context(), notice.Of(notice.EmailAdded, holder.Account, added.ID), func(token.Purpose) token.Hash { return hash }, notice.DefaultLives)
	w.must(err)
	return added, hash
}

func by(holder account.Holder, kind audit.Kind) audit.Event {
	return audit.New(kind, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session)
}

func confirmedEvent() audit.Event { return audit.New(audit.EmailConfirmed, uuid.Nil, audit.Anonymous) }

func TestAnAddressGoesToTheFirstWhoConfirmsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rivals = 8
	hashes := make([]token.Hash, rivals)
	for i := range rivals {
		_, hashes[i] = w.add(w.enter(w.person(string(rune('a'+i))+"da@example.com")), "Shared@example.com")
	}
	var wait sync.WaitGroup
	errs := make([]error, rivals)
	for i := range rivals {
		wait.Go(func() { _, errs[i] = w.accounts.ConfirmAdded(t.Context(), hashes[i], confirmedEvent()) })
	}
	wait.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, account.ErrLink):
			t.Errorf("a rival is told %v", err)
		}
	}
	if n := w.count(`SELECT count(*) FROM emails WHERE address_key = 'shared@example.com'`); won != 1 || n != 1 {
		t.Errorf("%d have won, %d have it", won, n)
	}
	if n := w.count(`SELECT count(*) FROM pending_emails`); n != 0 {
		t.Errorf("%d still wait for it", n)
	}
}

func TestOneAddressIsPrimaryWhateverHappensAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.enter(w.person("ada@example.com"))
	var ids []uuid.UUID
	for _, address := range []string{"b@example.com", "c@example.com", "d@example.com"} {
		added, hash := w.add(ada, address)
		_, err := w.accounts.ConfirmAdded(t.Context(), hash, confirmedEvent())
		w.must(err)
		ids = append(ids, added.ID)
	}
	var wait sync.WaitGroup
	for _, id := range ids {
		for range 4 {
			wait.Go(func() {
				if err := w.accounts.MakePrimary(t.Context(), ada, id, by(ada, audit.EmailMadePrimary)); err != nil && !errors.Is(err, account.ErrNoEmail) {
					t.Error(err)
				}
			})
		}
		wait.Go(func() {
			err := w.accounts.RemoveEmail(t.Context(), ada, id, by(ada, audit.EmailRemoved))
			if err != nil && !errors.Is(err, account.ErrPrimaryEmail) && !errors.Is(err, account.ErrNoEmail) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if n := w.count(`SELECT count(*) FROM emails WHERE is_primary`); n != 1 {
		t.Errorf("%d addresses are primary", n)
	}
}

// P1: what was mailed before the primary address changed is worthless after.
func TestAnotherPrimaryAddressVoidsMailedTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.enter(w.person("ada@example.com"))
	added, hash := w.add(ada, "new@example.com")
	_, err := w.accounts.ConfirmAdded(t.Context(), hash, confirmedEvent())
	w.must(err)
	reset := token.HashOf("reset")
	_, _, err = w.outbox.Resolve(t.Context(), notice.ToAddress(notice.PasswordForgot, "ada@example.com"), func(token.Purpose) token.Hash { return reset }, notice.DefaultLives)
	w.must(err)
	w.must(w.accounts.MakePrimary(t.Context(), ada, added.ID, by(ada, audit.EmailMadePrimary)))
	if _, err := w.accounts.GetSecretByToken(t.Context(), reset); !errors.Is(err, account.ErrLink) {
		t.Errorf("the token of the old address: %v", err)
	}
	// Another address of the account may ask for a link, which goes to the primary one.
	to, found, err := w.outbox.Resolve(t.Context(), notice.ToAddress(notice.PasswordForgot, "ada@example.com"), minted("", "again"), notice.DefaultLives)
	if err != nil || !found || to.Address != "new@example.com" {
		t.Errorf("the link goes to %+v, %t, %v", to, found, err)
	}
	w.wantTold(ada.Account, event.UserRegistered, event.UserLoggedIn, event.UserEmailAdded, event.UserEmailConfirmed, event.UserPasswordResetRequested,
		event.UserPrimaryEmailChanged, event.UserPasswordResetRequested)
}

func TestLettersAboutAddressesFindTheirReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada, bob := w.enter(w.person("ada@example.com")), w.enter(w.person("bob@example.com"))
	stolen, err := w.accounts.AddEmail(t.Context(), bob, newID(), email(t, "ADA@example.com"), time.Hour, by(bob, audit.EmailAdded))
	w.must(err)
	fresh, err := w.accounts.AddEmail(t.Context(), bob, newID(), email(t, "fresh@example.com"), time.Hour, by(bob, audit.EmailAdded))
	w.must(err)
	changed := notice.About(notice.EmailsChanged, ada.Account)
	changed.AddressKey = "ada@example.com"
	foreign := changed
	foreign.AddressKey = "bob@example.com"
	for name, c := range map[string]struct {
		job  notice.Job
		want *notice.Recipient
	}{
		"somebody's address": {notice.Of(notice.EmailAdded, bob.Account, stolen.ID), &notice.Recipient{Template: notice.AddressTaken, Address: "ada@example.com", Name: "Ada", Locale: "en", Facts: notice.Facts{Username: "ada"}}},
		"nobody's address":   {notice.Of(notice.EmailAdded, bob.Account, fresh.ID), &notice.Recipient{Template: notice.ConfirmAddedEmail, Address: "fresh@example.com", Locale: "en"}},
		"a removed address":  {notice.Of(notice.EmailAdded, bob.Account, newID()), nil},
		"a changed list":     {changed, &notice.Recipient{Template: notice.ChangedEmails, Address: "ada@example.com", Name: "Ada", Locale: "en", Facts: notice.Facts{Username: "ada"}}},
		"another's address":  {foreign, nil},
		"no erasure":         {notice.About(notice.ErasureAsked, ada.Account), nil},
	} {
		to, found, err := w.outbox.Resolve(t.Context(), c.job, minted("", name), notice.DefaultLives)
		if err != nil || found != (c.want != nil) {
			t.Errorf("%s: %+v, %t, %v", name, to, found, err)
		} else if found {
			if diff := cmp.Diff(*c.want, to); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
}

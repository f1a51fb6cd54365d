package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

var (
	wide   = throttle.Rule{Name: "wide", Burst: 50, Every: time.Hour}
	narrow = throttle.Rule{Name: "narrow", Burst: 5, Every: time.Hour}
	brisk  = throttle.Rule{Name: "brisk", Burst: 2, Every: 10 * time.Millisecond}
)

// L1, for budgets in the database: whatever the number of callers at once, the count is exact.
func TestTakeIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(20)
	var wait sync.WaitGroup
	results := make(chan error, 400)
	for range 400 {
		wait.Go(func() { results <- w.throttles.Take(t.Context(), wide.For([]byte("a"))) })
	}
	wait.Wait()
	close(results)
	taken := 0
	for err := range results {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, throttle.ErrLimited):
			t.Errorf("Take = %v", err)
		}
	}
	if taken != 50 {
		t.Errorf("%d of 400 were taken, want 50", taken)
	}
	w.must(w.throttles.Take(t.Context(), wide.For([]byte("b"))))
}

func TestTakeTakesAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := narrow.For([]byte("x")), wide.For([]byte("x"))
	for range 5 {
		w.must(w.throttles.Take(t.Context(), first, second))
	}
	for range 100 {
		err := w.throttles.Take(t.Context(), first, second)
		if !errors.Is(err, throttle.ErrLimited) {
			t.Fatalf("Take = %v", err)
		}
		if after := fault.Of(err).RetryAfter(); after > time.Hour || after < 59*time.Minute {
			t.Fatalf("it says to try again in %s", after)
		}
	}
	for range 45 { // what the refused ones left
		w.must(w.throttles.Take(t.Context(), second))
	}
	if err := w.throttles.Take(t.Context(), second); !errors.Is(err, throttle.ErrLimited) {
		t.Errorf("Take = %v", err)
	}
	w.must(w.throttles.GiveBack(t.Context(), second, first.All()))
	w.must(w.throttles.Take(t.Context(), first, second))
	if err := w.throttles.Take(t.Context(), second); !errors.Is(err, throttle.ErrLimited) {
		t.Errorf("Take = %v", err)
	}
	for range 4 {
		w.must(w.throttles.Take(t.Context(), first))
	}
	if err := w.throttles.Take(t.Context(), first); !errors.Is(err, throttle.ErrLimited) {
		t.Errorf("Take = %v", err)
	}
}

func TestABucketEmptiesByItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.throttles.Take(t.Context(), brisk.For([]byte("x")).All()))
	w.exec(`UPDATE throttles SET empty_at = empty_at - interval '20 milliseconds'`)
	w.must(w.throttles.Take(t.Context(), brisk.For([]byte("x")).All()))
}

func TestManyTakesOfManyBudgetsDoNotDeadlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(20)
	charges := make([]throttle.Charge, 8)
	for i := range charges {
		charges[i] = throttle.Rule{Name: "deep", Burst: 1 << 20, Every: time.Minute}.For([]byte{byte(i)})
	}
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			own := slices.Concat(charges[i%8:], charges[:i%8])
			for range 20 {
				if err := w.throttles.Take(t.Context(), own...); err != nil {
					t.Errorf("Take = %v", err)
				}
				if err := w.throttles.GiveBack(t.Context(), own...); err != nil {
					t.Errorf("GiveBack = %v", err)
				}
			}
		})
	}
	wait.Wait()
}

func TestClaimsAreLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(10)
	const n = 40
	for i := range n {
		w.must(w.accounts.Queue(t.Context(), notice.ToAddress(notice.ResendAsked, fmt.Sprintf("a%d@example.com", i)), audit.New(audit.ResendAsked, uuid.Nil, audit.System)))
	}
	var mu sync.Mutex
	seen := map[uuid.UUID]int{}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for {
				jobs, err := w.outbox.Claim(t.Context(), 3, time.Minute)
				if err != nil {
					t.Errorf("Claim = %v", err)
				}
				if len(jobs) == 0 {
					return
				}
				mu.Lock()
				for _, job := range jobs {
					seen[job.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	for id, times := range seen {
		if times != 1 {
			t.Errorf("the job %s was claimed %d times", id, times)
		}
	}
	if len(seen) != n {
		t.Errorf("%d jobs were claimed", len(seen))
	}
	// Whoever claimed one has died; another is put off; a third is done.
	var ids []uuid.UUID
	for id := range seen {
		ids = append(ids, id)
	}
	w.must(w.outbox.Settle(t.Context(), ids[0], notice.Sent))
	w.exec(`UPDATE outbox SET due_at = now()`)
	w.must(w.outbox.Postpone(t.Context(), ids[1], time.Hour))
	jobs, err := w.outbox.Claim(t.Context(), 100, time.Minute)
	if err != nil || len(jobs) != n-2 {
		t.Fatalf("after the lease %d jobs are claimed, %v", len(jobs), err)
	}
	if jobs[0].Attempts != 2 || jobs[0].AddressKey == "" || time.Since(jobs[0].CreatedAt) > time.Minute {
		t.Errorf("the job is %+v", jobs[0])
	}
}

func TestResolveFindsWhomToTell(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("Ada@example.com")
	w.register(registration(t, "eve@example.com", ""))
	known := notice.Recipient{Address: "Ada@example.com", Name: "Ada", Locale: "en", Facts: notice.Facts{Username: "Ada"}}
	as := func(template notice.Template) *notice.Recipient {
		r := known
		r.Template = template
		return &r
	}
	for name, c := range map[string]struct {
		job  notice.Job
		want *notice.Recipient
	}{
		"a changed password":                 {notice.About(notice.PasswordChanged, id), as(notice.ChangedPassword)},
		"a replayed token":                   {notice.About(notice.TokenReused, id), as(notice.EndedSession)},
		"a forgotten password":               {notice.ToAddress(notice.PasswordForgot, "ada@example.com"), as(notice.ResetPassword)},
		"a forgotten password of a stranger": {notice.ToAddress(notice.PasswordForgot, "nobody@example.com"), nil},
		"an account that is gone":            {notice.About(notice.PasswordChanged, newID()), nil},
		"a registration that is gone":        {notice.OfRegistration(newID()), nil},
		"a link again":                       {notice.ToAddress(notice.ResendAsked, "eve@example.com"), &notice.Recipient{Template: notice.ConfirmEmail, Address: "eve@example.com", Locale: "en"}},
		"a link again for who has confirmed": {notice.ToAddress(notice.ResendAsked, "ada@example.com"), nil},
	} {
		to, found, err := w.outbox.Resolve(t.Context(), c.job, minted(name, "reset "+name), notice.DefaultLives)
		if err != nil || found != (c.want != nil) {
			t.Errorf("%s: Resolve = %+v, %t, %v", name, to, found, err)
			continue
		}
		if c.want != nil {
			if diff := cmp.Diff(*c.want, to); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
	}
	if _, _, err := w.outbox.Resolve(t.Context(), notice.Job{Kind: "unknown"}, minted("", ""), notice.DefaultLives); err == nil {
		t.Error("a job of an unknown kind was resolved")
	}
	w.exec(`UPDATE registrations SET expires_at = now()`)
	if _, found, err := w.outbox.Resolve(t.Context(), notice.ToAddress(notice.ResendAsked, "eve@example.com"), minted("nine", ""), notice.DefaultLives); found || err != nil {
		t.Errorf("an expired registration: %t, %v", found, err)
	}
}

// Any number of replicas that maintain at once make two keys, not more.
func TestReplicasAgreeOnTheKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.db.SetMaxOpenConns(10)
	sealer, err := signingkey.NewSealer("b25lIGtleS1lbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ=")
	if err != nil {
		t.Fatal(err)
	}
	replica := func() *signingkey.Keeper {
		return signingkey.NewKeeper(w.keys, sealer, signingkey.DefaultSchedule, time.Now)
	}
	maintain := func() {
		var wait sync.WaitGroup
		for range 10 {
			wait.Go(func() {
				if err := replica().Maintain(t.Context()); err != nil {
					t.Errorf("Maintain = %v", err)
				}
			})
		}
		wait.Wait()
	}
	states := func() map[signingkey.State]int {
		keys, err := w.keys.ListKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := map[signingkey.State]int{}
		for _, key := range keys {
			n[key.State]++
		}
		return n
	}
	maintain()
	if diff := cmp.Diff(map[signingkey.State]int{signingkey.Active: 1, signingkey.Pending: 1}, states()); diff != "" {
		t.Fatal(diff)
	}
	w.exec(`UPDATE signing_keys SET created_at = created_at - interval '31 days', activated_at = activated_at - interval '31 days'`)
	maintain()
	if diff := cmp.Diff(map[signingkey.State]int{signingkey.Active: 1, signingkey.Pending: 1, signingkey.Retiring: 1}, states()); diff != "" {
		t.Fatal(diff)
	}
	w.exec(`UPDATE signing_keys SET retired_at = retired_at - interval '25 hours'`)
	maintain()
	if diff := cmp.Diff(map[signingkey.State]int{signingkey.Active: 1, signingkey.Pending: 1, signingkey.Gone: 1}, states()); diff != "" {
		t.Fatal(diff)
	}
	if n := w.count(`SELECT count(*) FROM signing_keys WHERE state = 'gone' AND private_key IS NOT NULL`); n != 0 {
		t.Error("the private half of a key that is gone is kept")
	}
	ring := signingkey.NewRing(replica())
	w.must(ring.Load(t.Context()))
	if kid, _, err := ring.Signing(); err != nil || kid == "" {
		t.Errorf("Signing = %q, %v", kid, err)
	}
	if n := w.happened(audit.KeyCreated); n != 3 {
		t.Errorf("%d keys were made", n)
	}
	// A decision that fails writes nothing.
	failed := errors.New("no")
	if err := w.keys.ChangeKeys(t.Context(), func([]signingkey.Key) ([]signingkey.Change, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("ChangeKeys = %v", err)
	}
}

func TestClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := func() audit.Event { return audit.New(audit.ClientCreated, uuid.Nil, audit.CLI) }
	robot := client.Client{ID: "robot", Name: "Robot", Proof: client.Proof{SecretHash: token.HashOf("one")}, Audiences: []string{"auth"}, Scopes: nil}
	w.must(w.clients.CreateClient(t.Context(), robot, event()))
	if err := w.clients.CreateClient(t.Context(), robot, event()); !errors.Is(err, client.ErrExists) {
		t.Errorf("a second time, CreateClient = %v", err)
	}
	w.must(w.clients.PutClient(t.Context(), robot, event())) // nothing changes
	if n := w.happened(audit.ClientCreated); n != 1 {
		t.Errorf("%d events for one client", n)
	}
	robot.SecretHash, robot.Scopes = token.HashOf("two"), []string{"feeds:read"}
	w.must(w.clients.PutClient(t.Context(), robot, event()))
	w.must(w.clients.PutClient(t.Context(), client.Client{ID: "another", Audiences: []string{"auth"}}, event()))
	got, found, err := w.clients.GetClient(t.Context(), "robot")
	if err != nil || !found || got.SecretHash != token.HashOf("two") || got.Name != "Robot" || !slices.Equal(got.Scopes, robot.Scopes) {
		t.Errorf("GetClient = %+v, %t, %v", got, found, err)
	}
	if _, found, err := w.clients.GetClient(t.Context(), "nobody"); found || err != nil {
		t.Errorf("GetClient of nobody = %t, %v", found, err)
	}
	all, err := w.clients.ListClients(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != "another" {
		t.Errorf("ListClients = %+v, %v", all, err)
	}
	if n := w.happened(audit.ClientCreated); n != 3 {
		t.Errorf("%d events for three writes", n)
	}

	// A ServiceAccount is one client, whichever way it gets there, and what the client had before is worth nothing.
	pod := client.Proof{ServiceAccount: "ihr/robot"}
	w.must(w.clients.SetProof(t.Context(), "robot", pod, event()))
	got, found, err = w.clients.GetClientByAccount(t.Context(), "ihr/robot")
	if err != nil || !found || got.ID != "robot" || got.SecretHash != (token.Hash{}) || got.Method() != "service_account" {
		t.Errorf("GetClientByAccount = %+v, %t, %v", got, found, err)
	}
	for what, write := range map[string]func() error{
		"SetProof": func() error { return w.clients.SetProof(t.Context(), "another", pod, event()) },
		"PutClient": func() error {
			return w.clients.PutClient(t.Context(), client.Client{ID: "third", Proof: pod, Audiences: []string{"auth"}}, event())
		},
	} {
		if err := write(); !errors.Is(err, client.ErrExists) {
			t.Errorf("%s with another's ServiceAccount: %v", what, err)
		}
	}
	w.must(w.clients.SetProof(t.Context(), "robot", client.Proof{SecretHash: token.HashOf("three")}, event()))
	if _, found, err := w.clients.GetClientByAccount(t.Context(), "ihr/robot"); found || err != nil {
		t.Errorf("the account is known although the client has a secret: %t, %v", found, err)
	}
}

func TestSweepDeletesWhatHasLostItsMeaning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.person("ada@example.com")
	live, _ := w.begin(id, home)
	for _, past := range []string{`expires_at = now() - interval '31 days'`, `ended_at = now() - interval '31 days', end_reason = 'x'`} {
		sid, _ := w.begin(id, home)
		w.exec(`UPDATE sessions SET `+past+` WHERE id = $1`, sid)
	}
	recent, _ := w.begin(id, home)
	w.exec(`UPDATE sessions SET ended_at = now(), end_reason = 'x' WHERE id = $1`, recent)
	w.register(registration(t, "eve@example.com", ""))
	w.register(registration(t, "bob@example.com", ""))
	w.exec(`UPDATE registrations SET expires_at = now() - interval '1 second' WHERE address_key = 'eve@example.com'`)
	w.must(w.throttles.Take(t.Context(), brisk.For([]byte("x")), wide.For([]byte("x"))))
	w.exec(`UPDATE throttles SET empty_at = now() - interval '1 second' WHERE depth < interval '1 second'`)
	w.exec(`UPDATE outbox SET settled_at = now() - interval '8 days', outcome = 'sent' WHERE registration_id = (SELECT id FROM registrations WHERE address_key = 'eve@example.com')`)
	n, err := w.janitor.Sweep(t.Context())
	if err != nil || n != 5 { // two sessions, a registration (its token goes with it), a budget, a mail
		t.Errorf("Sweep = %d, %v", n, err)
	}
	if left := w.count(`SELECT count(*) FROM sessions WHERE id = ANY (ARRAY[$1, $2]::uuid[])`, live, recent); left != 2 || w.count(`SELECT count(*) FROM sessions`) != 2 {
		t.Errorf("%d of the sessions to be kept are left", left)
	}
	for table, want := range map[string]int{"registrations": 1, "one_time_tokens": 1, "throttles": 1, "outbox": 1, "refresh_tokens": 2} {
		if got := w.count(`SELECT count(*) FROM ` + table); got != want {
			t.Errorf("%s has %d rows, want %d", table, got, want)
		}
	}
}

// A database that is away is told of as such, with a word when to come again, not as our mistake.
func TestALostDatabaseIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := pg.Open(t.Context(), pg.Config{URL: "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	accounts, sessions, event := postgres.NewAccounts(db), postgres.NewSessions(db), audit.New(audit.LoginFailed, uuid.Nil, audit.Anonymous)
	for name, call := range map[string]func() error{
		"take":   func() error { return postgres.NewThrottles(db).Take(t.Context(), wide.For([]byte("x"))) },
		"queue":  func() error { return accounts.Queue(t.Context(), notice.ToAddress(notice.ResendAsked, "x"), event) },
		"record": func() error { return postgres.NewEvents(db).Record(t.Context(), event) },
		"client": func() error { _, _, err := postgres.NewClients(db).GetClient(t.Context(), "x"); return err },
		"rotate": func() error { _, err := sessions.Rotate(t.Context(), rotation(token.Hash{}, home)); return err },
		"login": func() error {
			_, err := sessions.FindCandidate(t.Context(), account.IdentityOf("ada"), home.Network)
			return err
		},
		"begin":   func() error { return sessions.Begin(t.Context(), beginning(newID(), home)) },
		"me":      func() error { _, err := accounts.GetAccount(t.Context(), account.Holder{}); return err },
		"confirm": func() error { _, err := accounts.Confirm(t.Context(), token.Hash{}, newID(), event); return err },
		"claim":   func() error { _, err := postgres.NewOutbox(db).Claim(t.Context(), 1, time.Minute); return err },
		"keys":    func() error { _, err := postgres.NewKeys(db).ListKeys(t.Context()); return err },
		"sweep":   func() error { _, err := postgres.NewJanitor(db).Sweep(t.Context()); return err },
	} {
		if f := fault.Of(call()); f == nil || f.Kind() != fault.Unavailable || f.RetryAfter() == 0 {
			t.Errorf("%s: %v", name, f)
		}
	}
}

package postgres_test

import (
	"errors"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
)

func (w *world) scheduleErasure(holder account.Holder) {
	w.t.Helper()
	_, err := w.accounts.ScheduleErasure(w.t.Context(), holder, time.Hour, by(holder, audit.ErasureAsked))
	w.must(err)
}

func TestAnAccountIsErasedOnceByAnyNumberOfReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bob := w.person("bob@example.com")
	const leaving = 5
	for i := range leaving {
		holder := w.enter(w.person(string(rune('a'+i)) + "da@example.com"))
		w.add(holder, "other@example.com")
		w.scheduleErasure(holder)
		w.must(w.accounts.Queue(t.Context(), notice.About(notice.PasswordChanged, holder.Account), by(holder, audit.PasswordChanged)))
	}
	if n, err := w.janitor.Erase(t.Context()); n != 0 || err != nil {
		t.Fatalf("before its time: %d, %v", n, err)
	}
	w.exec(`UPDATE accounts SET erase_at = now() WHERE erase_at IS NOT NULL`)
	var erased atomic.Int64
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			n, err := postgres.NewJanitor(w.db).Erase(t.Context())
			if err != nil {
				t.Error(err)
			}
			erased.Add(int64(n))
		})
	}
	wait.Wait()
	if n := w.happened(audit.Erased); erased.Load() != leaving || n != leaving {
		t.Errorf("%d were erased, %d times", erased.Load(), n)
	}
	for table, want := range map[string]int{"accounts": 1, "emails": 1, "pending_emails": 0, "sessions": 0, "refresh_tokens": 0, "outbox": 0, "role_grants": 1} {
		if n := w.count(`SELECT count(*) FROM ` + table); n != want {
			t.Errorf("%s has %d rows, want %d", table, n, want)
		}
	}
	if n := w.count(`SELECT count(*) FROM events WHERE kind = $1`, event.UserErased); n != leaving {
		t.Errorf("%d erasures are told", n)
	}
	w.wantTold(bob, event.UserRegistered)
	told, after := map[string]bool{}, ""
	for len(told) < leaving {
		page, err := postgres.Erasures(w.db, nil).After(t.Context(), after, 0, 20*time.Second)
		w.must(err)
		if len(page.Items) == 0 {
			t.Fatalf("services are told to forget %v alone", told)
		}
		for _, item := range page.Items {
			told[item.ID] = item.Op == feed.Delete && item.Data == nil
		}
		after = page.NextCursor
	}
	if len(told) != leaving || told[bob.String()] {
		t.Errorf("services are told to forget %v", told)
	}
}

func TestErasuresFromBeforeTheFeedAreToldToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for w.count(`SELECT count(to_regclass('erasures'))`) > 0 {
		w.must(pg.MigrateDown(t.Context(), w.db.Config(), postgres.Migrations()))
	}
	gone := newID()
	w.must(w.events.Record(t.Context(), audit.New(audit.Erased, gone, audit.System)))
	w.must(w.events.Record(t.Context(), audit.New(audit.PasswordChanged, newID(), audit.System)))
	w.must(pg.Migrate(t.Context(), w.db.Config(), postgres.Migrations()))
	page, err := postgres.Erasures(w.db, nil).After(t.Context(), "", 0, 20*time.Second)
	w.must(err)
	if len(page.Items) != 1 || page.Items[0].ID != gone.String() {
		t.Errorf("services are told to forget %v, want %s", page.Items, gone)
	}
}

// The feed's tables are the library's.
func TestErasuresAreALogOfTheLibrary(t *testing.T) {
	t.Parallel()
	text, err := fs.ReadFile(postgres.Migrations(), "0050_erasures.sql")
	if err != nil || !strings.Contains(string(text), feed.Schema(postgres.ErasureLog)) {
		t.Errorf("the migration is not as the library wants it: %v\n%s", err, text)
	}
}

func TestALoginKeepsTheAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.person("ada@example.com")
	first, second := w.enter(ada), w.enter(ada)
	w.scheduleErasure(first)
	if _, err := w.accounts.GetAccount(t.Context(), second); !errors.Is(err, account.ErrNone) {
		t.Errorf("the other login goes on: %v", err)
	}
	if a, err := w.accounts.GetAccount(t.Context(), first); err != nil || a.EraseAt.IsZero() {
		t.Errorf("the account is %+v, %v", a, err)
	}
	third := w.enter(ada)
	if a, err := w.accounts.GetAccount(t.Context(), third); err != nil || !a.EraseAt.IsZero() {
		t.Errorf("after a login the account is %+v, %v", a, err)
	}
	if n := w.happened(audit.ErasureCanceled); n != 1 {
		t.Errorf("the erasure was called off %d times", n)
	}
	if err := w.accounts.CancelErasure(t.Context(), third, by(third, audit.ErasureCanceled)); !errors.Is(err, account.ErrNotErasing) {
		t.Errorf("calling it off again: %v", err)
	}
	if n := w.count(`SELECT count(*) FROM outbox WHERE kind = $1`, notice.ErasureCalledOff); n != 1 {
		t.Errorf("%d letters say so", n)
	}
}

// untold are tables that refer to accounts, or name them, and of which nothing is told: what they hold is a secret or told elsewhere.
var untold = []string{"refresh_tokens", "pending_logins", "passkey_ceremonies"}

func TestTheExportHasEveryTableThatNamesAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var tables []string
	w.must(w.db.SelectContext(t.Context(), &tables, `
		SELECT DISTINCT table_name FROM information_schema.columns
		WHERE table_schema = 'public' AND column_name IN ('account_id', 'invited_by', 'accepted_by', 'user_id', 'owner_id') AND NOT table_name = ANY ($1) ORDER BY 1`,
		pq.Array(untold)))
	told := postgres.ExportedTables()
	for _, table := range tables {
		if !told[table] {
			t.Errorf("%s names accounts and is not exported", table)
		}
	}
}

func TestTheExportHasEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.enter(w.person("ada@example.com"))
	w.add(ada, "new@example.com")
	export, err := w.accounts.ExportData(t.Context(), ada, by(ada, audit.DataExported))
	w.must(err)
	counts := map[string]int{}
	for name, rows := range export {
		counts[name] = len(rows)
		for _, row := range rows {
			for column := range row {
				if column == "password_hash" || column == "token_hash" || column == "hash" || column == "network" || column == "device" {
					t.Errorf("%s tells %s", name, column)
				}
			}
		}
	}
	for name, want := range map[string]int{"account": 1, "emails": 1, "pending_emails": 1, "roles": 1, "sessions": 1, "mails": 1, "events": 4} {
		if counts[name] != want {
			t.Errorf("%s has %d rows, want %d: %v", name, counts[name], want, export[name])
		}
	}
	if diff := cmp.Diff("ada@example.com", export["emails"][0]["address"]); diff != "" {
		t.Error(diff)
	}
}

func TestNamesThatLookAlikeAreOnesName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.enter(w.person("ada@example.com"))
	w.person("paypal@example.com")
	for _, name := range []string{"PAYPAL", "paypa1", "рау-pal", "pаypаl"} {
		username, err := account.ParseUsername(name)
		if err != nil {
			continue // of two scripts
		}
		if taken, err := w.accounts.UsernameTaken(t.Context(), username); err != nil || !taken {
			t.Errorf("%q is free: %v", name, err)
		}
		if _, err := w.accounts.SetUsername(t.Context(), ada, username, by(ada, audit.UsernameChanged)); !errors.Is(err, account.ErrUsernameTaken) {
			t.Errorf("%q was given: %v", name, err)
		}
	}
	// Names of an earlier release have no skeleton until the janitor comes by; the later of two that look alike never has one.
	w.person("modern@example.com")
	w.exec(`UPDATE accounts SET username_skeleton = NULL`)
	w.exec(`INSERT INTO accounts (id, username, username_key, password_hash) VALUES ($1, 'rnodern', 'rnodern', '')`, newID())
	if n, err := w.janitor.FillSkeletons(t.Context()); n != 3 || err != nil {
		t.Errorf("%d skeletons were filled in, %v", n, err)
	}
	if n, err := w.janitor.FillSkeletons(t.Context()); n != 0 || err != nil {
		t.Errorf("the second time %d, %v", n, err)
	}
}

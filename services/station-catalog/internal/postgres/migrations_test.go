package postgres_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
)

// TestTablesOfLibs promises that the migrations contain the tables of the packages that bring their own.
func TestTablesOfLibs(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(postgres.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for name, want := range map[string]string{
		"feed": feed.Schema(postgres.ChangeLog), "feed's cursors": feed.CursorSchema, "idempotency": idempotency.Schema,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the migrations lack, or have otherwise, the table of %s:\n%s", name, want)
		}
	}
}

// TestDownAndUp promises that every migration can be taken back and applied again.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, postgres.Migrations())
	ctx, cfg := t.Context(), db.Config()
	all, err := libpostgres.Status(ctx, cfg, postgres.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	for range all {
		if err := libpostgres.MigrateDown(ctx, cfg, postgres.Migrations()); err != nil {
			t.Fatal(err)
		}
	}
	var left int
	err = db.GetContext(ctx, &left, `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
AND relname NOT LIKE 'goose%'`)
	if err != nil || left != 0 {
		t.Errorf("%d tables and sequences are left (%v)", left, err)
	}
	if err := libpostgres.Migrate(ctx, cfg, postgres.Migrations()); err != nil {
		t.Fatal(err)
	}
	if _, err := libpostgres.SchemaProbe(db, postgres.Migrations())(ctx); err != nil {
		t.Error(err)
	}
}

// TestEveryStationGetsANumber promises that the stations which were there before stations had numbers get one each, that a migration which
// was broken off goes on where it was, and that those which come later get others.
func TestEveryStationGetsANumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cfg := t.Context(), w.DB().Config()
	w.put(site("A"), site("B"), site("C"))
	first := w.numbers()
	for has := true; has; {
		if err := libpostgres.MigrateDown(ctx, cfg, postgres.Migrations()); err != nil {
			t.Fatal(err)
		}
		if err := w.DB().GetContext(ctx, &has, `SELECT to_regclass('stations_number_key') IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
	}
	// What a migration leaves that was broken off after its first steps.
	for _, statement := range []string{
		`CREATE SEQUENCE stations_number_seq`, `ALTER TABLE stations ADD COLUMN number bigint`,
		`UPDATE stations SET number = nextval('stations_number_seq') WHERE source_id = 'B'`,
	} {
		if _, err := w.DB().ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := libpostgres.Migrate(ctx, cfg, postgres.Migrations()); err != nil {
		t.Fatal(err)
	}
	again := w.numbers()
	if len(first) != 3 || len(again) != 3 || again["B"] != 1 {
		t.Errorf("the numbers were %v and are %v", first, again)
	}
	w.put(site("D"))
	for id, number := range w.numbers() {
		if number < 1 || number > 4 || id != "D" && number != again[id] {
			t.Errorf("station %s had the number %d and has %d", id, again[id], number)
		}
	}
}

// numbers gives the numbers of the stations by their sources' ids; each is another.
func (w world) numbers() map[string]int64 {
	w.t.Helper()
	out, taken := map[string]int64{}, map[int64]bool{}
	for _, s := range w.all() {
		if s.Number == 0 || taken[s.Number] {
			w.t.Errorf("station %s has the number %d", s.SourceID, s.Number)
		}
		out[s.SourceID], taken[s.Number] = s.Number, true
	}
	return out
}

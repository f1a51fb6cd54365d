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

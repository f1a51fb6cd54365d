package postgres_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
)

func TestMigrationsHoldTheTablesOfTheLibraries(t *testing.T) {
	t.Parallel()
	for file, schema := range map[string]string{
		"0007_feeds.sql":       feed.Schema(postgres.ChangeLog) + feed.CursorSchema,
		"0008_idempotency.sql": idempotency.Schema,
		"0010_webhooks.sql":    webhook.Schema,
	} {
		text, err := fs.ReadFile(postgres.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), schema) {
			t.Errorf("%s does not hold the library's tables as they are:\n%s", file, schema)
		}
	}
}

func TestMigrationsGoDownAndUpAgain(t *testing.T) {
	t.Parallel()
	cfg := pgtest.New(t, nil).Config()
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := libpostgres.Migrate(t.Context(), cfg, postgres.Migrations()); err != nil {
			t.Fatal(err)
		}
		for range files {
			if err := libpostgres.MigrateDown(t.Context(), cfg, postgres.Migrations()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

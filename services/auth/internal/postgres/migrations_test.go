package postgres_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
)

func TestMigrationsHoldTheTablesOfWebhooks(t *testing.T) {
	t.Parallel()
	const file = "0046_webhooks.sql"
	text, err := fs.ReadFile(postgres.Migrations(), file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), webhook.Schema) {
		t.Errorf("%s does not hold the library's tables as they are:\n%s", file, webhook.Schema)
	}
}

package stationcatalog_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

// TestREADMEListsTheSettings promises that the table of the README is that of Config.
func TestREADMEListsTheSettings(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := config.Markdown(stationcatalog.Config{}); !strings.Contains(string(readme), table) {
		t.Errorf("the README's settings are not those of Config, which are:\n%s", table)
	}
}

// TestConfig promises that every fault is told at once, by name and without its value.
func TestConfig(t *testing.T) {
	t.Parallel()
	var cfg stationcatalog.Config
	if err := config.Load(&cfg, []string{"DATABASE_URL=postgres://localhost/x", "AUTH_ISSUER=http://localhost", "AUTH_JWKS_URL=http://localhost/jwks"}); err != nil {
		t.Fatalf("the defaults are faulty: %v", err)
	}
	err := config.Load(&cfg, []string{
		"DATABASE_URL=postgres://localhost/x", "AUTH_ISSUER=http://localhost", "AUTH_JWKS_URL=http://localhost/jwks",
		"ENVIRONMENT=production", "MIGRATIONS=sometimes", "CHARGING_PLOT_URL=nowhere", "AUTH_TOKEN_URL=http://localhost/token",
		"IMPORT_WORKERS=99", "RATE_ANONYMOUS=-1", "CACHE_TTL=0s",
	})
	if err == nil {
		t.Fatal("nothing was found at fault")
	}
	for _, name := range []string{"CURSOR_KEY", "MIGRATIONS", "CHARGING_PLOT_URL", "CLIENT_SECRET", "IMPORT_WORKERS", "RATE_ANONYMOUS", "CACHE_TTL"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named in %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "nowhere") || strings.Contains(err.Error(), "sometimes") {
		t.Errorf("a value is shown: %v", err)
	}
}

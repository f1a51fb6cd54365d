package chargingplot_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func TestTheREADMEListsTheSettings(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := config.Markdown(chargingplot.Config{}); !strings.Contains(string(text), table) {
		t.Errorf("README.md does not hold this table:\n%s", table)
	}
}

func TestDefaultsAreGoodForDevelopmentOnly(t *testing.T) {
	t.Parallel()
	base := []string{"DATABASE_URL=postgres://x", "AUTH_ISSUER=http://127.0.0.1:5000", "AUTH_JWKS_URL=http://127.0.0.1:5000/jwks"}
	var cfg chargingplot.Config
	if err := config.Load(&cfg, base); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	err := config.Load(&cfg, append(base, "ENVIRONMENT=production"))
	for _, name := range []string{"CURSOR_KEY", "INTERNAL_URL"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("production with defaults: %v, want a word on %s", err, name)
		}
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	var cfg chargingplot.Config
	err := config.Load(&cfg, []string{
		"ENVIRONMENT=test", "CURSOR_KEY=secret-value", "MIGRATIONS=maybe", "PUBLIC_URL=ftp://secret-value", "AUTH_TOKEN_URL=http://x", "RESERVATION_MIN=48h",
		"SILENT_AFTER=1m", "RESERVATIONS_AT_ONCE=0", "SCHEDULE_TICK=-1s", "RATE_ANONYMOUS=-1",
	})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, name := range []string{
		"ENVIRONMENT", "MIGRATIONS", "PUBLIC_URL", "CLIENT_SECRET", "RESERVATION_MIN", "SILENT_AFTER", "RESERVATIONS_AT_ONCE", "SCHEDULE_TICK", "RATE_ANONYMOUS",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("no word on %s: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "secret-value") {
		t.Errorf("a value is printed: %v", err)
	}
}

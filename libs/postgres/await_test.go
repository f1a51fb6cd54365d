package postgres_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// TestMigrateSaysWhichDatabaseItWaitsFor asks for one that is nowhere: an operator must read so in one line, long before it gives up.
func TestMigrateSaysWhichDatabaseItWaitsFor(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel, err := telemetry.Start(t.Context(), telemetry.Config{Service: "tested", Version: "1", LogOutput: &out})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	cfg := postgres.Config{URL: "postgres://tester:hush@127.0.0.1:1/nowhere?sslmode=disable", Telemetry: tel}
	if err := postgres.Migrate(ctx, cfg, fstest.MapFS{}); err == nil || fault.Of(err).Kind() == fault.Internal {
		t.Errorf("it ends with %v", err)
	}
	if n := strings.Count(out.String(), "the database does not answer yet"); n != 1 || !strings.Contains(out.String(), "127.0.0.1:1") {
		t.Errorf("it is said %d times:\n%s", n, out.String())
	}
	if strings.Contains(out.String(), "hush") {
		t.Errorf("the password is in the log:\n%s", out.String())
	}
}

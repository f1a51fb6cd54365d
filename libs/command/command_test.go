package command_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

func run(t *testing.T, cmd *cobra.Command, args ...string) (string, error) {
	t.Helper()
	root := &cobra.Command{Use: "service", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cmd)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestMigrateUpDownStatus(t *testing.T) {
	t.Parallel()
	migrations := fstest.MapFS{"0001_stones.sql": {Data: []byte("-- +goose Up\nCREATE TABLE stones (id int);\n-- +goose Down\nDROP TABLE stones;\n")}}
	cfg := pgtest.New(t, nil).Config()
	database := func() (postgres.Config, error) { return cfg, nil }
	for _, step := range []struct{ verb, says string }{
		{"status", "0001_stones.sql  no"}, {"up", "up to date"}, {"status", "0001_stones.sql  20"}, {"down", "taken back"}, {"status", "0001_stones.sql  no"},
	} {
		out, err := run(t, command.Migrate(database, migrations), "migrate", step.verb)
		if err != nil || !strings.Contains(out, step.says) {
			t.Fatalf("migrate %s: %v, %q; it should say %q", step.verb, err, out, step.says)
		}
	}
}

func TestServeRunsWithTheSettingsOrSaysWhatIsWrongWithThem(t *testing.T) {
	t.Parallel()
	var served string
	serve := func(_ context.Context, name string) error { served = name; return nil }
	if _, err := run(t, command.Serve(func() (string, error) { return "plots", nil }, serve), "serve"); err != nil || served != "plots" {
		t.Errorf("%v; served %q", err, served)
	}
	wrong := errors.New("LISTEN is no address")
	if _, err := run(t, command.Serve(func() (string, error) { return "", wrong }, serve), "serve"); !errors.Is(err, wrong) {
		t.Errorf("faulty settings: %v", err)
	}
}

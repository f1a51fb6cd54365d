package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

// TestImportCommand promises the report of an import, from a file and from the input, and the counts of stats.
func TestImportCommand(t *testing.T) {
	db := pgtest.New(t, stationcatalog.Migrations())
	t.Setenv("DATABASE_URL", db.Config().URL)
	run := func(input string, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		cmd := importing()
		if len(args) == 0 {
			cmd = stats()
		}
		cmd.SetArgs(args)
		cmd.SetOut(&out)
		cmd.SetErr(&bytes.Buffer{})
		cmd.SetIn(strings.NewReader(input))
		if err := cmd.ExecuteContext(t.Context()); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out.String())
		}
		return out.String()
	}
	const file = "../../internal/importer/testdata/irve_excerpt.jsonl"
	first := run("", "--format", "irve", file)
	for _, want := range []string{
		"succeeded\n", "13 read, 4 rejected, 3 adjusted", "7: 7 created, 0 updated, 0 unchanged, 0 removed",
		"line 8 : rejected, missing_id: ", "line 7 FRPLME00061: rejected, coordinates: the coordinates are zero. ",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("the report lacks %q:\n%s", want, first)
		}
	}
	dry := run(`{"source":"demo","source_id":"1","operator":{"country_code":"FR","party_id":"PLM"},"name":"One","country":"FR","evses":[]}`,
		"--format", "ndjson", "--dry-run", "--quiet", "-")
	if !strings.Contains(dry, "nothing was written") || !strings.Contains(dry, "1: 1 created") {
		t.Errorf("the dry run says:\n%s", dry)
	}
	if counts := run(""); !strings.Contains(counts, "stations                          7\n") {
		t.Errorf("stats say:\n%s", counts)
	}
	cmd := importing()
	cmd.SetArgs([]string{"--format", "irve", "no-such-file"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(t.Context()); err == nil {
		t.Error("a file that is not there was imported")
	}
}

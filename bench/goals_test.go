package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

const printed = `goos: linux
BenchmarkSearchHTTP/nearby-2   	       1	      0.45 x-constant	         0.93 x-ideal-cpu
BenchmarkSearch/near_same_matches/10000-2  	  100	  2.0 p50-cpu-µs
BenchmarkSearch/near_same_matches/1000000-2  	  100	  5.0 p50-cpu-µs
BenchmarkStatusToSearch/alone   	       1	       250 ms-p99
PASS`

func TestGoalsAreHeldAgainstWhatIsPrinted(t *testing.T) {
	t.Parallel()
	results := metrics{}
	results.read(printed)
	verdicts := map[string]string{
		"catalogue/nearby/of a constant's rate":          "MISSED",
		"catalogue/nearby/of the ideal, by processor":    "reached",
		"catalogue/nearby/p99 of the ideal's":            "NOT MEASURED",
		"catalogue/index/growth of nearby 10k to 1M":     "MISSED",
		"catalogue/index/growth of nearby 10k to 100k":   "NOT MEASURED",
		"catalogue/status to search, 3 replicas, p99 ms": "reached",
	}
	none := []string{"written-again", "other-answers", "failures", "killed", "forks", "lost-answers", "undetected", "lost", "differences"} // of these there may be none
	for _, g := range goals {
		if want, asked := verdicts[g.name]; asked && !strings.HasSuffix(g.report(results), want) {
			t.Errorf("%s, want %s", g.report(results), want)
		}
		delete(verdicts, g.name)
		if (g.least > 0) == (g.most > 0) && !slices.Contains(none, g.unit) {
			t.Errorf("%s aims at nothing", g.name)
		}
	}
	if len(verdicts) > 0 {
		t.Errorf("there are no goals of the names %v", verdicts)
	}
}

func TestListNamesTheGoals(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-list", "-run", "status"}, &out, io.Discard); err != nil || !strings.Contains(out.String(), "at most 250") {
		t.Errorf("it lists %q, %v", out.String(), err)
	}
	if err := run(t.Context(), []string{"-run", "nothing has this name"}, &out, io.Discard); err == nil {
		t.Error("a pattern that matches nothing is not refused")
	}
}

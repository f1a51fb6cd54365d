package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The register's file, beside the repository where it is there at all, and the excerpt that takes its place.
const (
	registerFile = "../shared/data/fr_irve_static_2024-07-03.jsonl.gz"
	excerptFile  = "e2e/testdata/irve_excerpt.jsonl"
)

var register struct {
	sync.Once
	done bool
}

// imported makes sure that the French register is in the catalogue: imported once by an administrator over the API.
func imported(t *testing.T) {
	t.Helper()
	product(t)
	register.Do(func() {
		importRegister(t, func(r importReport) {
			if r.Created == 0 || r.Created+r.Updated+r.Unchanged != r.Stations {
				t.Fatalf("the first import says %+v", r)
			}
		})
		register.done = true
	})
	if !register.done {
		t.Fatal("the register could not be imported; see the test that tried first")
	}
}

func importRegister(t *testing.T, check func(importReport)) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(world.root, registerFile))
	if err != nil {
		t.Logf("the register is not there (%v): the hand-written excerpt takes its place", err)
		if raw, err = os.ReadFile(filepath.Join(world.root, excerptFile)); err != nil {
			t.Fatal(err)
		}
	}
	admin := administrator(t)
	begin := time.Now()
	report := want[importReport](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve", bytes.NewReader(raw),
		header("Content-Type", "application/octet-stream"))
	eventually(t, 3*time.Minute, "the import ends", func() bool {
		report = get[importReport](admin, "/v1/imports/"+report.ID)
		return report.State == "succeeded" || report.State == "failed"
	})
	if report.State != "succeeded" {
		t.Fatalf("the import failed: %s", report.Error)
	}
	t.Logf("import of %d rows: %d stations in %s (%d created, %d updated, %d unchanged; %d rows rejected, %d adjusted)", report.Rows, report.Stations,
		time.Since(begin).Round(time.Millisecond), report.Created, report.Updated, report.Unchanged, report.RejectedRows, report.AdjustedRows)
	check(report)
}

func TestASecondImportOfTheSameRegisterChangesNothing(t *testing.T) {
	imported(t)
	importRegister(t, func(r importReport) {
		if r.Created != 0 || r.Updated != 0 || r.Unchanged != r.Stations {
			t.Errorf("the second import says %+v", r)
		}
	})
}

package postgres_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

func anybody(uuid.UUID) bool { return true }
func silently(int, int)      {}

func TestFinishedSessionsAreImportedOnce(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, other := w.Site(1), w.Site(1)
	w.Must(func() error { // the other's EVSEs have names of their own
		_, err := w.DB.ExecContext(t.Context(), `UPDATE evses SET evse_id = 'FR*OTH*E9' WHERE station_id = $1`, other.ID)
		return err
	}())
	file := strings.Join([]string{
		`{"evse_id":"de*ihr*e1","started_at":"2026-05-01T10:00:00Z","ended_at":"2026-05-01T11:00:00Z","energy_kwh":31.5}`,
		`{"evse_id":"DEIHRE1","started_at":"2026-05-01T10:00:00Z","ended_at":"2026-05-01T11:00:00Z","energy_kwh":31.5}`, // the same
		`{"evse_id":"DEIHRE1","started_at":"2026-05-02T10:00:00Z","ended_at":"2026-05-02T11:00:00Z","energy_kwh":10,"id":"mine"}`,
		`{"evse_id":"FROTHE9","started_at":"2026-05-02T10:00:00Z","ended_at":"2026-05-02T11:00:00Z","energy_kwh":10}`, // not theirs
		`{"evse_id":"NOWHERE","started_at":"2026-05-02T10:00:00Z","ended_at":"2026-05-02T11:00:00Z","energy_kwh":10}`,
	}, "\n")
	mine := func(operator uuid.UUID) bool { return operator == site.Operator.ID }
	run := func() importer.Report {
		t.Helper()
		report, err := importer.Import(t.Context(), w.Store, "ndjson", strings.NewReader(file), w.Clock.Now(), mine, silently)
		w.Must(err)
		return report
	}
	first := run()
	codes := ""
	for _, f := range first.Findings {
		codes += f.Code + " "
	}
	if first.Stored != 2 || first.Unchanged != 0 || codes != "duplicate unknown_evse unknown_evse " {
		t.Errorf("the first import is %+v", first)
	}
	w.Clock.Move(time.Minute)
	if again := run(); again.Stored != 0 || again.Unchanged != 2 || len(again.Findings) != 3 {
		t.Errorf("the second import is %+v", again)
	}
	found, err := w.Store.ListSessions(t.Context(), access.Selection{Plot: site.PlotIDs[0], Limit: 10})
	w.Must(err)
	if len(found) != 2 || found[0].StartedAt.Day() != 2 || *found[1].EnergyWh != 31_500 || found[1].State != session.Completed ||
		found[1].Reason != session.ReasonImported || found[1].ChargePointID != uuid.Nil {
		t.Errorf("the sessions are %+v", found)
	}
}

// realSessions are next to the checkout, where they are at all.
const realSessions = "../../../../../shared/data/fr_irve_sessions_2024-12_2025-01.jsonl.gz"

// BenchmarkImportSessions prints how long the 110,366 sessions of the French register take to import.
func BenchmarkImportSessions(b *testing.B) {
	w := postgrestest.New(b)
	text := lines(b, realSessions, 110_366)
	w.Apply(stationsOf(b, text)...)
	for b.Loop() {
		began := time.Now()
		report, err := importer.Import(b.Context(), w.Store, "irve", bytes.NewReader(text), w.Clock.Now(), anybody, silently)
		w.Must(err)
		b.ReportMetric(time.Since(began).Seconds(), "s")
		b.ReportMetric(float64(report.Stored), "stored")
	}
}

// TestTheRealSessionsAreImported imports the first 5,000 of the 110,366 sessions of the French register; with REAL_SESSIONS=all, all.
func TestTheRealSessionsAreImported(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(realSessions); errors.Is(err, fs.ErrNotExist) {
		t.Skip("NOT CHECKED: the real sessions are not next to the checkout (../shared/data)")
	}
	w := postgrestest.New(t)
	rows := 5000
	if os.Getenv("REAL_SESSIONS") == "all" {
		rows = 110_366
	}
	text := lines(t, realSessions, rows)
	w.Apply(stationsOf(t, text)...)
	began := time.Now()
	report, err := importer.Import(t.Context(), w.Store, "irve", bytes.NewReader(text), w.Clock.Now(), anybody, silently)
	w.Must(err)
	took := time.Since(began)
	codes := map[string]int{}
	for _, f := range report.Findings {
		codes[f.Code]++
	}
	t.Logf("%d rows, %d stored, %v, in %.1f s", report.Rows, report.Stored, codes, took.Seconds())
	if report.Rows != rows || report.Stored+len(report.Findings) != rows || len(report.Findings) > 10 {
		t.Errorf("the import is of %d rows, %d stored, %v", report.Rows, report.Stored, codes)
	}
	if rows > 5000 && (codes["duplicate"] != 7 || codes["zero_length"] != 3) {
		t.Errorf("of all sessions there are %v", codes)
	}
	again, err := importer.Import(t.Context(), w.Store, "irve", bytes.NewReader(text), w.Clock.Now(), anybody, silently)
	if err != nil || again.Stored != 0 || again.Unchanged != report.Stored {
		t.Errorf("imported again, %d are stored (%v)", again.Stored, err)
	}
}

// lines gives the first lines of a packed file.
func lines(t testing.TB, path string, n int) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	packed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	scanner := bufio.NewScanner(packed)
	for ; n > 0 && scanner.Scan(); n-- {
		out.Write(append(scanner.Bytes(), '\n'))
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// stationsOf makes stations of a hundred EVSEs out of all the EVSEs that sessions name.
func stationsOf(t testing.TB, text []byte) []catalog.Station {
	t.Helper()
	seen := map[string]bool{}
	var out []catalog.Station
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var row struct {
			ID string `json:"id_pdc_itinerance"`
		}
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		if seen[row.ID] {
			continue
		}
		if len(seen)%100 == 0 {
			st := postgrestest.Station(0)
			out = append(out, st)
		}
		seen[row.ID] = true
		evse := postgrestest.Station(1).EVSEs[0]
		evse.UID, evse.EVSEID = row.ID, row.ID
		out[len(out)-1].EVSEs = append(out[len(out)-1].EVSEs, evse)
	}
	return out
}

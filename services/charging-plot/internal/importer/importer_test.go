package importer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
)

var now = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// book stores everything and remembers it.
type book struct {
	rows  []importer.Row
	fails error
}

func (b *book) StoreFinished(_ context.Context, rows []importer.Row, _ func(uuid.UUID) bool, progress func(int)) ([]importer.Outcome, error) {
	b.rows = append(b.rows, rows...)
	progress(len(rows))
	return make([]importer.Outcome, len(rows)), b.fails
}

func run(t *testing.T, format, file string) (*book, importer.Report, error) {
	t.Helper()
	b := &book{}
	report, err := importer.Import(t.Context(), b, format, strings.NewReader(file), now, func(uuid.UUID) bool { return true }, func(int, int) {})
	return b, report, err
}

const good = `{"evse_id":"FR*HPC*E1","started_at":"2025-01-01T10:00:00Z","ended_at":"2025-01-01T10:40:00+00:00","energy_kwh":31.5,"id":"a"}`

func TestBothFormatsSayTheSame(t *testing.T) {
	t.Parallel()
	own, _, err := run(t, "ndjson", good+"\n\n"+strings.Replace(good, `"a"`, `"b"`, 1))
	if err != nil || len(own.rows) != 2 || own.rows[1].Line != 3 {
		t.Fatalf("%+v, %v", own.rows, err)
	}
	irve, _, err := run(t, "irve", `{"energy":31.5,"start":1735725600000,"end":1735728000000,"id_pdc_itinerance":"FRHPCE1"}`)
	if err != nil || len(irve.rows) != 1 {
		t.Fatalf("%+v, %v", irve.rows, err)
	}
	a, b := own.rows[0], irve.rows[0]
	if !a.StartedAt.Equal(b.StartedAt) || !a.EndedAt.Equal(b.EndedAt) || a.EnergyWh != b.EnergyWh || importer.Normal(a.EVSEID) != importer.Normal(b.EVSEID) {
		t.Errorf("%+v and %+v", a, b)
	}
	a.ID = ""
	if a.Key(uuid.New()) != b.Key(uuid.New()) {
		t.Error("one session has two keys")
	}
	if own.rows[0].Key(uuid.Nil) == own.rows[1].Key(uuid.Nil) {
		t.Error("two ids have one key")
	}
}

func TestRowsThatCannotBeAreReported(t *testing.T) {
	t.Parallel()
	with := func(start, end, kWh string) string {
		return fmt.Sprintf(`{"evse_id":"E","started_at":%q,"ended_at":%q,"energy_kwh":%s}`, start, end, kWh)
	}
	for name, c := range map[string]struct{ line, code string }{
		"zero length":      {with("2025-01-01T10:00:00Z", "2025-01-01T10:00:00Z", "1"), "zero_length"},
		"backwards":        {with("2025-01-01T10:00:00Z", "2025-01-01T09:00:00Z", "1"), "ends_before_start"},
		"months":           {with("2025-01-01T10:00:00Z", "2025-03-01T10:00:00Z", "1"), "too_long"},
		"the future":       {with("2026-05-04T11:00:00Z", "2026-05-04T13:00:00Z", "1"), "future"},
		"1970":             {with("1970-01-01T10:00:00Z", "1970-01-01T11:00:00Z", "1"), "bad_time"},
		"negative":         {with("2025-01-01T10:00:00Z", "2025-01-01T11:00:00Z", "-1"), "negative_energy"},
		"a power station":  {with("2025-01-01T10:00:00Z", "2025-01-01T11:00:00Z", "90000"), "impossible_power"},
		"more than counts": {with("2025-01-01T10:00:00Z", "2025-01-01T11:00:00Z", "1e300"), "impossible_power"},
		"not a number":     {with("2025-01-01T10:00:00Z", "2025-01-01T11:00:00Z", "NaN"), "bad_json"},
		"no JSON":          {`evse_id;started_at`, "bad_json"},
		"two objects":      {good + good, "bad_json"},
		"a list":           {`[1]`, "bad_json"},
		"unknown member":   {`{"evse_id":"E","price":1}`, "bad_json"},
		"missing":          {`{"evse_id":"E"}`, "missing"},
		"long":             {`{"evse_id":"` + strings.Repeat("E", 20_000) + `"}`, "too_long"},
		"long id":          {strings.Replace(good, "FR*HPC*E1", strings.Repeat("E", 65), 1), "bad_id"},
		"a zero byte":      {strings.Replace(good, "FR*HPC*E1", `E\u0000`, 1), "bad_id"},
	} {
		b, report, err := run(t, "ndjson", good+"\n"+c.line+"\n"+strings.Replace(good, `"a"`, `"b"`, 1)+"\n")
		if err != nil || len(b.rows) != 2 || report.Rows != 3 || len(report.Findings) != 1 || report.Findings[0].Line != 2 || report.Findings[0].Code != c.code {
			t.Errorf("%s: %+v, %d rows, %v", name, report, len(b.rows), err)
		}
	}
}

func TestFilesThatAreNone(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(good))
	_ = w.Close()
	if b, _, err := run(t, "ndjson", packed.String()); err != nil || len(b.rows) != 1 {
		t.Errorf("packed: %v", err)
	}
	for name, c := range map[string]struct {
		format, file string
		want         error
	}{
		"empty":             {"ndjson", "", importer.ErrFile},
		"blank":             {"ndjson", "\n \n", importer.ErrFile},
		"broken off":        {"ndjson", packed.String()[:packed.Len()-9], importer.ErrFile},
		"no gzip after all": {"ndjson", "\x1f\x8bnonsense", importer.ErrFile},
		"unknown":           {"xml", good, importer.ErrFormat},
	} {
		if b, _, err := run(t, c.format, c.file); !errors.Is(err, c.want) || len(b.rows) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var blank bytes.Buffer
	w = gzip.NewWriter(&blank)
	_, _ = w.Write(bytes.Repeat([]byte(strings.Repeat(" ", 1<<15-1)+"\n"), 32))
	_ = w.Close()
	bomb := strings.Repeat(blank.String(), 257) // members of one MiB each
	if _, _, err := run(t, "ndjson", bomb); !errors.Is(err, importer.ErrTooMany) {
		t.Errorf("a bomb of %d bytes: %v", len(bomb), err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("ndjson", good)
	f.Add("irve", `{"energy":31.5,"start":1735725600000,"end":1735728000000,"id_pdc_itinerance":"FRHPCE1"}`)
	f.Fuzz(func(t *testing.T, format, file string) {
		b := &book{}
		report, err := importer.Import(t.Context(), b, format, strings.NewReader(file), now, func(uuid.UUID) bool { return true }, func(int, int) {})
		if err == nil && report.Rows != report.Stored+len(report.Findings) {
			t.Errorf("of %d rows %d are stored and %d reported", report.Rows, report.Stored, len(report.Findings))
		}
		for _, r := range b.rows {
			if !r.EndedAt.After(r.StartedAt) || r.EnergyWh < 0 {
				t.Errorf("stored %+v", r)
			}
		}
	})
}

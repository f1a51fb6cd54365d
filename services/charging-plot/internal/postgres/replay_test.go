package postgres_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// charge is a session as the register writes it: milliseconds since 1970.
type charge struct {
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	EVSE  string `json:"id_pdc_itinerance"`
}

func readCharges(t testing.TB, r io.Reader) []charge {
	t.Helper()
	var out []charge
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var c charge
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// turn is a moment at which a plot's status changes, or is said to.
type turn struct {
	EVSE   string
	At     int64
	Status status.Status
}

func inTime(a, b turn) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.EVSE, b.EVSE)) }

// said is what a back end says that sees each session begin and end, in order of time: that a car charges, again for each, and that the
// plot is free where no other session goes on.
func said(charges []charge) []turn {
	byEVSE := map[string][]charge{}
	for _, c := range charges {
		if c.End > c.Start {
			byEVSE[c.EVSE] = append(byEVSE[c.EVSE], c)
		}
	}
	var out []turn
	for evse, of := range byEVSE {
		for _, c := range of {
			out = append(out, turn{evse, c.Start, status.Charging})
			if !slices.ContainsFunc(of, func(o charge) bool { return o.Start <= c.End && c.End < o.End }) {
				out = append(out, turn{evse, c.End, status.Available})
			}
		}
	}
	slices.SortStableFunc(out, inTime)
	return out
}

// expected are the transitions that the file comes to: of each EVSE the beginnings and ends of what its sessions cover together.
func expected(charges []charge) map[string][]turn {
	sorted := slices.Clone(charges)
	slices.SortFunc(sorted, func(a, b charge) int {
		return cmp.Or(cmp.Compare(a.EVSE, b.EVSE), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	out := map[string][]turn{}
	for _, c := range sorted {
		if c.Start == c.End {
			continue
		}
		of := out[c.EVSE]
		if n := len(of); n > 0 && c.Start <= of[n-1].At {
			of[n-1].At = max(of[n-1].At, c.End)
			continue
		}
		out[c.EVSE] = append(of, turn{c.EVSE, c.Start, status.Charging}, turn{c.EVSE, c.End, status.Available})
	}
	return out
}

// stationsWith makes stations of a hundred EVSEs.
func stationsWith(evses map[string][]turn) []catalog.Station {
	var out []catalog.Station
	n := 0
	for id := range evses {
		if n%100 == 0 {
			st := postgrestest.Station(0)
			st.TimeZone = "Europe/Paris"
			out = append(out, st)
		}
		n++
		evse := postgrestest.Station(1).EVSEs[0]
		evse.UID, evse.EVSEID = id, id
		out[len(out)-1].EVSEs = append(out[len(out)-1].EVSEs, evse)
	}
	return out
}

// batches cuts what is said as a back end sends it: what an hour brought.
func batches(rows []turn) (out [][]turn) {
	for _, r := range rows {
		if n := len(out); n == 0 || r.At-out[n-1][0].At >= time.Hour.Milliseconds() {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], r)
	}
	return out
}

// replay has the sessions told through the status path, and returns how many transitions the histories hold, how many differ from those
// that the file comes to, and what the telling took.
func replay(t testing.TB, w *postgrestest.World, charges []charge) (transitions, differences int, took time.Duration) {
	t.Helper()
	rows, want := said(charges), expected(charges)
	w.Clock.Set(time.UnixMilli(rows[0].At).Add(-time.Hour))
	stations := stationsWith(want)
	w.Apply(stations...)
	plots := map[string]uuid.UUID{}
	for _, st := range stations {
		for _, p := range w.Plots(st) {
			plots[p.EVSEs[0].UID] = p.ID
		}
	}
	w.Must(w.Store.RollHistory(t.Context(), time.Time{}))
	began := time.Now()
	for _, batch := range batches(rows) {
		w.Clock.Set(time.UnixMilli(batch[len(batch)-1].At))
		pushes := make([]plot.PushRow, len(batch))
		for i, r := range batch {
			pushes[i] = plot.PushRow{PlotID: plots[r.EVSE], Push: plot.Push{Status: r.Status, At: time.UnixMilli(r.At)}}
		}
		w.Must(w.Store.PushPlots(t.Context(), pushes, func(uuid.UUID) bool { return true }))
		for _, p := range pushes {
			w.Must(p.Fault)
		}
	}
	took = time.Since(began)

	var stored []struct {
		PlotID uuid.UUID `db:"plot_id"`
		Since  time.Time `db:"since"`
		Status string    `db:"status"`
	}
	w.Must(w.DB.SelectContext(t.Context(), &stored, `SELECT plot_id, since, status FROM plot_history WHERE version > 1 ORDER BY plot_id, version`))
	got := map[uuid.UUID][]turn{}
	for _, s := range stored {
		got[s.PlotID] = append(got[s.PlotID], turn{At: s.Since.UnixMilli(), Status: status.Status(s.Status)})
	}
	for evse, turns := range want {
		have := got[plots[evse]]
		for i := range max(len(turns), len(have)) {
			if i >= len(turns) || i >= len(have) || turns[i].At != have[i].At || turns[i].Status != have[i].Status {
				differences++
			}
		}
	}
	return len(stored), differences, took
}

func TestSessionsToldThroughTheStatusPathAreTheTransitionsOfTheFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/sessions_excerpt.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	w := postgrestest.New(t)
	charges := readCharges(t, bytes.NewReader(text))
	transitions, differences, _ := replay(t, w, charges)
	if transitions != 14 || differences != 0 { // seven stays: what touches or overlaps is one
		t.Errorf("%d sessions come to %d transitions, %d of them other than in the file", len(charges), transitions, differences)
	}
	// Told a second time, late as all of it is by now, nothing changes.
	var before, after int
	w.Must(w.DB.GetContext(t.Context(), &before, `SELECT count(*) FROM plot_history`))
	var again []plot.PushRow
	var plots []uuid.UUID
	w.Must(w.DB.SelectContext(t.Context(), &plots, `SELECT id FROM plots`))
	for _, id := range plots {
		again = append(again, plot.PushRow{PlotID: id, Push: plot.Push{Status: status.Charging, At: time.UnixMilli(charges[0].Start)}})
	}
	w.Must(w.Store.PushPlots(t.Context(), again, func(uuid.UUID) bool { return true }))
	w.Must(w.DB.GetContext(t.Context(), &after, `SELECT count(*) FROM plot_history`))
	if before != after {
		t.Errorf("what is late adds %d statuses", after-before)
	}
}

// BenchmarkReplay tells a month of real sessions through the status path, or the excerpt where they are not next to the checkout, and
// prints what it takes, the transitions that differ from the file's, and the Brier score of the forecast made of them, an hour and three
// hours ahead, beside that of same as now.
func BenchmarkReplay(b *testing.B) {
	var charges []charge
	if file, err := os.Open("../../../../../shared/data/fr_irve_sessions_2024-12_2025-01.jsonl.gz"); err == nil {
		defer file.Close()
		packed, err := gzip.NewReader(file)
		if err != nil {
			b.Fatal(err)
		}
		charges = readCharges(b, packed)
	} else {
		text, err := os.ReadFile("testdata/sessions_excerpt.jsonl")
		if err != nil {
			b.Fatal(err)
		}
		charges = readCharges(b, bytes.NewReader(text))
	}
	for b.Loop() {
		w := postgrestest.New(b)
		transitions, differences, took := replay(b, w, charges)
		b.ReportMetric(float64(len(charges)), "sessions")
		b.ReportMetric(float64(transitions), "transitions")
		b.ReportMetric(float64(differences), "differences")
		b.ReportMetric(took.Seconds(), "s")
		scoreForecasts(b, w)
	}
}

func scoreForecasts(b *testing.B, w *postgrestest.World) {
	b.Helper()
	for more := true; more; {
		var err error
		more, err = w.Store.ComputeOccupancy(b.Context(), w.Clock.Now().Add(time.Hour))
		w.Must(err)
	}
	var stations []uuid.UUID
	w.Must(w.DB.SelectContext(b.Context(), &stations, `SELECT id FROM stations`))
	for ahead, name := range map[int]string{1: "1h", 3: "3h"} {
		brier, same, samples := 0.0, 0.0, 0.0
		for _, id := range stations {
			typical, _, err := w.Store.GetOccupancy(b.Context(), id)
			w.Must(err)
			s := typical.Score[ahead-1]
			brier, same, samples = brier+s.Brier*float64(s.Samples), same+s.SameAsNow*float64(s.Samples), samples+float64(s.Samples)
		}
		if samples > 0 {
			b.ReportMetric(brier/samples, "Brier-"+name)
			b.ReportMetric(same/samples, "same-as-now-"+name)
		}
	}
}

package postgres_test

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// median runs fn n times, one after the other, and gives the median of what it took.
func median(n int, fn func(i int)) time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		fn(i)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[n/2]
}

// sites makes n sites of one plot each and has the tables analysed, as autovacuum does of tables that have grown.
func sites(b *testing.B, w *postgrestest.World, n int) []postgrestest.Site {
	b.Helper()
	out := make([]postgrestest.Site, n)
	for i := range out {
		out[i] = w.Site(1)
	}
	_, err := w.DB.ExecContext(b.Context(), "ANALYZE")
	w.Must(err)
	return out
}

// insertRoundTrip is the median of one INSERT round trip as pgbench does it: prepared, on one connection, into a table of three columns.
func insertRoundTrip(b *testing.B, w *postgrestest.World) time.Duration {
	b.Helper()
	const n = 3000
	_, err := w.DB.ExecContext(b.Context(), `CREATE TABLE IF NOT EXISTS bare (id uuid PRIMARY KEY, plot_id uuid, at timestamptz)`)
	w.Must(err)
	folder := b.TempDir()
	script, log := filepath.Join(folder, "insert.sql"), filepath.Join(folder, "log")
	w.Must(os.WriteFile(script, []byte(`INSERT INTO bare VALUES (gen_random_uuid(), gen_random_uuid(), now());`), 0o600))
	out, err := exec.CommandContext(b.Context(), "pgbench", "-n", "-M", "prepared", "-c", "1", "-t", strconv.Itoa(n), "-f", script,
		"-l", "--log-prefix", log, w.DB.Config().URL).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	logs, err := filepath.Glob(log + "*")
	w.Must(err)
	text, err := os.ReadFile(logs[0])
	w.Must(err)
	var took []time.Duration // client, number, µs, …
	for line := range strings.Lines(string(text)) {
		us, err := strconv.Atoi(strings.Fields(line)[2])
		w.Must(err)
		took = append(took, time.Duration(us)*time.Microsecond)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// BenchmarkReserve prints the median of one claim beside that of one INSERT round trip by pgbench, each over one connection, and claims a
// second over eight.
func BenchmarkReserve(b *testing.B) {
	w := postgrestest.New(b, postgrestest.Options{PerDriver: 1 << 30})
	w.DB.SetMaxOpenConns(8)
	w.DB.SetMaxIdleConns(8)
	const n = 300
	many := sites(b, w, n)
	for range 20 { // each connection meets each statement before it is measured
		_, err := w.Reserve(b.Context(), w.Site(1).PlotIDs[0], uuid.New(), time.Hour)
		w.Must(err)
	}
	for b.Loop() {
		w.Clock.Move(time.Second) // every round's rows are others
		insert := insertRoundTrip(b, w)
		claim := median(n, func(i int) {
			_, err := w.Reserve(b.Context(), many[i].PlotIDs[0], uuid.New(), time.Hour)
			w.Must(err)
		})
		later := w.Clock.Now().Add(time.Hour)
		next := make(chan uuid.UUID, n)
		for _, s := range many {
			next <- s.PlotIDs[0]
		}
		close(next)
		began := time.Now()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for id := range next {
					_, err := w.ReserveAt(b.Context(), id, uuid.New(), later, time.Hour)
					w.Must(err)
				}
			})
		}
		wg.Wait()
		b.ReportMetric(float64(insert.Microseconds()), "µs/INSERT")
		b.ReportMetric(float64(claim.Microseconds()), "µs/claim")
		b.ReportMetric(float64(claim)/float64(insert), "times")
		b.ReportMetric(n/time.Since(began).Seconds(), "claims/s")
		w.Clock.Move(48 * time.Hour)
		for busy := 1; busy > 0; {
			var err error
			busy, err = w.Store.GiveUpReservations(b.Context(), 500)
			w.Must(err)
		}
	}
}

// BenchmarkStatusChanges prints how many status changes a second are stored, each by a caller of its own that waits for its commit, beside
// COPY of the same rows into the same tables: history, events and change feed.
func BenchmarkStatusChanges(b *testing.B) {
	w := postgrestest.New(b)
	w.DB.SetMaxOpenConns(4)
	const n, callers = 20_000, 1000
	many := sites(b, w, callers)
	office := central.New(central.Config{Replica: postgrestest.Replica, HeartbeatInterval: time.Minute, SeenEvery: time.Minute}, w.Store, w.Store, w.Store, w.Clock.Now, slog.New(slog.DiscardHandler))
	words := []chargepoint.ConnectorStatus{chargepoint.Preparing, chargepoint.Charging, chargepoint.Finishing, chargepoint.Available}
	for b.Loop() {
		w.Clock.Move(time.Second)
		began := time.Now()
		var wg sync.WaitGroup
		for _, s := range many {
			wg.Go(func() {
				for i := range n / callers {
					err := office.StatusChanged(b.Context(), s.ChargePoint.ID, chargepoint.StatusReport{
						Connector: 1, Status: words[i%len(words)], ErrorCode: "NoError", At: w.Clock.Now(),
					})
					w.Must(err)
				}
			})
		}
		wg.Wait()
		stored := time.Since(began)
		began = time.Now()
		rows := func(yield func([]any, error) bool) {
			for i := range n {
				if !yield([]any{uuid.New(), w.Clock.Now(), i, "CHARGING", "charge_point"}, nil) {
					return
				}
			}
		}
		w.Must(w.DB.InTx(b.Context(), copyInto("plot_history", []string{"plot_id", "since", "version", "status", "source"}, rows)))
		w.Must(w.DB.InTx(b.Context(), copyInto("events", []string{"at", "kind", "plot_id", "station_id", "operator_id", "data"}, told(w, "status", n))))
		changed := func(yield func([]any, error) bool) {
			for i := range n {
				if !yield([]any{uuid.New(), "upsert", i}, nil) {
					return
				}
			}
		}
		w.Must(w.DB.InTx(b.Context(), copyInto("plot_changes", []string{"entity_id", "op", "version"}, changed)))
		b.ReportMetric(n/stored.Seconds(), "changes/s")
		b.ReportMetric(float64(stored)/float64(time.Since(began)), "timesCOPY")
	}
}

// BenchmarkReadings prints how many readings a second are stored, one a message, each by a charge point that waits for its commit, beside
// COPY of as many rows into the same tables: readings and events.
func BenchmarkReadings(b *testing.B) {
	w := postgrestest.New(b)
	w.DB.SetMaxOpenConns(4)
	const n, callers = 20_000, 500
	many := sites(b, w, callers)
	transactions := make([]chargepoint.TransactionID, callers)
	for i, s := range many {
		ordered, _, err := w.Store.OrderSession(b.Context(), session.Order{PlotID: s.PlotIDs[0], DriverID: uuid.New()})
		w.Must(err)
		started, err := w.Store.StartTransaction(b.Context(), s.ChargePoint.ID, chargepoint.TransactionStart{
			Connector: 1, IDTag: ordered.IDTag, At: w.Clock.Now(),
		}, w.Clock.Now())
		w.Must(err)
		transactions[i] = started.Transaction
	}
	office := central.New(central.Config{Replica: postgrestest.Replica, HeartbeatInterval: time.Minute, SeenEvery: time.Minute}, w.Store, w.Store, w.Store, w.Clock.Now, slog.New(slog.DiscardHandler))
	for b.Loop() {
		base := w.Clock.Move(time.Hour)
		began := time.Now()
		var wg sync.WaitGroup
		for i, s := range many {
			wg.Go(func() {
				for k := range n / callers {
					at := base.Add(time.Duration(k-n) * time.Millisecond)
					err := office.MeterValues(b.Context(), s.ChargePoint.ID, 1, transactions[i], []chargepoint.Sample{
						{At: at, Measurand: chargepoint.EnergyImportRegister, Value: float64(k)}, {At: at, Measurand: chargepoint.PowerImport, Value: 7000},
					})
					w.Must(err)
				}
			})
		}
		wg.Wait()
		stored := time.Since(began)
		began = time.Now()
		rows := func(yield func([]any, error) bool) {
			id := uuid.New()
			for i := range n {
				if !yield([]any{id, base.Add(time.Duration(i) * time.Millisecond), float64(i), 7000.0}, nil) {
					return
				}
			}
		}
		w.Must(w.DB.InTx(b.Context(), copyInto("meter_values", []string{"session_id", "at", "register_wh", "power_w"}, rows)))
		w.Must(w.DB.InTx(b.Context(), copyInto("events", []string{"at", "kind", "plot_id", "station_id", "operator_id", "data"}, told(w, "meter_value", n))))
		b.ReportMetric(n/stored.Seconds(), "readings/s")
		b.ReportMetric(float64(stored)/float64(time.Since(began)), "timesCOPY")
	}
}

// BenchmarkCurveOfTenHours is a session of 36,000 readings from the table to the SVG.
func BenchmarkCurveOfTenHours(b *testing.B) {
	w := postgrestest.New(b)
	w.Must(w.Store.EnsurePartitions(b.Context()))
	site := w.Site(1)
	ordered, _, err := w.Store.OrderSession(b.Context(), session.Order{PlotID: site.PlotIDs[0], DriverID: uuid.New()})
	w.Must(err)
	start := w.Clock.Move(time.Second)
	_, err = w.Store.StartTransaction(b.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{Connector: 1, IDTag: ordered.IDTag, At: start}, start)
	w.Must(err)
	id := ordered.ID
	rows := func(yield func([]any, error) bool) {
		for i := 1; i < 36_000; i++ {
			if !yield([]any{id, start.Add(time.Duration(i) * time.Second), float64(i * 3), 11_000 + 200*math.Sin(float64(i)), 20 + float64(i)/600}, nil) {
				return
			}
		}
	}
	w.Must(w.DB.InTx(b.Context(), copyInto("meter_values", []string{"session_id", "at", "register_wh", "power_w", "soc_percent"}, rows)))
	w.Clock.Move(11 * time.Hour)
	_, err = w.Store.RollUp(b.Context(), 10)
	w.Must(err)
	_, err = w.DB.ExecContext(b.Context(), "ANALYZE meter_values, meter_minutes")
	w.Must(err)
	of, err := w.Store.GetSession(b.Context(), id)
	w.Must(err)
	var reading, drawing time.Duration
	n := 0
	for b.Loop() {
		began := time.Now()
		readings, total, err := w.Store.CurveReadings(b.Context(), of, 600)
		w.Must(err)
		if total != 36_000 {
			b.Fatalf("%d readings", total)
		}
		reading += time.Since(began)
		began = time.Now()
		var buf bytes.Buffer
		w.Must(curve.From(start, 0, readings).Thin(600).SVG(&buf, chart.Light))
		drawing += time.Since(began)
		n++
	}
	b.ReportMetric(reading.Seconds()*1000/float64(n), "ms-reading")
	b.ReportMetric(drawing.Seconds()*1000/float64(n), "ms-drawing")
	b.ReportMetric((reading+drawing).Seconds()*1000/float64(n), "ms")
}

// BenchmarkCatalogue prints how long the first replay of a catalogue of 10,000 stations with two EVSEs each takes.
func BenchmarkCatalogue(b *testing.B) {
	w := postgrestest.New(b)
	for b.Loop() {
		began := time.Now()
		for range 20 {
			batch := catalog.Batch{Cursor: "c"}
			for range 500 {
				st := postgrestest.Station(2)
				batch.Changes = append(batch.Changes, catalog.Change{ID: st.ID, Station: st})
			}
			w.Must(w.Store.ApplyCatalogue(b.Context(), batch))
		}
		b.ReportMetric(20_000/time.Since(began).Seconds(), "plots/s")
		found, err := w.Store.ListPlots(b.Context(), plot.Filter{}, uuid.Nil, 1)
		w.Must(err)
		if len(found) != 1 {
			b.Fatal("no plots were made")
		}
	}
}

// told are n events of the size that ours have.
func told(w *postgrestest.World, kind string, n int) iter.Seq2[[]any, error] {
	data := `{"plot_id":"01a20a60-0e5f-732b-995e-64c30211aed5","station_id":"01a20a60-0ee5-7e72-acbe-2eb8618dbd71","status":"AVAILABLE",` +
		`"status_since":"2026-05-04T12:00:00Z","status_source":"charge_point","version":7}`
	return func(yield func([]any, error) bool) {
		for range n {
			if !yield([]any{w.Clock.Now(), kind, uuid.New(), uuid.New(), uuid.New(), data}, nil) {
				return
			}
		}
	}
}

func copyInto(table string, columns []string, rows iter.Seq2[[]any, error]) func(context.Context, *sqlx.Tx) error {
	return func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := libpostgres.CopyFrom(ctx, tx, table, columns, rows)
		return err
	}
}

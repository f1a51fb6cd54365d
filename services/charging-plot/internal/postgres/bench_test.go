package postgres_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
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
	const n = 1500
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
// second over eight: medians of its rounds. It claims among the plots of 2,300 stations, where there have been claims before, and autovacuum
// keeps up: of empty tables and small ones Postgres plans to read the whole, and would go on doing so while they grow.
func BenchmarkReserve(b *testing.B) {
	w := postgrestest.New(b, postgrestest.Options{PerDriver: 1 << 30})
	w.DB.SetMaxOpenConns(8)
	w.DB.SetMaxIdleConns(8)
	const n, others = 300, 2000
	for range others / 500 {
		batch := make([]catalog.Station, 500)
		for i := range batch {
			batch[i] = postgrestest.Station(1)
		}
		w.Apply(batch...)
	}
	many := sites(b, w, n)
	var inserts, claims, eights []time.Duration
	var times []float64
	round := func() {
		w.Clock.Move(time.Second) // every round's rows are others
		insert := insertRoundTrip(b, w)
		claim := median(n, func(i int) {
			_, err := w.Reserve(b.Context(), many[i].PlotIDs[0], uuid.New(), time.Hour)
			w.Must(err)
		})
		insert = (insert + insertRoundTrip(b, w)) / 2 // before and after, since nothing keeps a machine as busy as it was
		later := w.Clock.Now().Add(time.Hour)
		next := make(chan uuid.UUID, n)
		for _, s := range many {
			next <- s.PlotIDs[0]
		}
		close(next)
		eights = append(eights, took(func() {
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
		}))
		inserts, claims, times = append(inserts, insert), append(claims, claim), append(times, float64(claim)/float64(insert))
		w.Clock.Move(48 * time.Hour)
		for busy := 1; busy > 0; {
			var err error
			busy, err = w.Store.GiveUpReservations(b.Context(), 500)
			w.Must(err)
		}
		_, err := w.DB.ExecContext(b.Context(), "VACUUM ANALYZE")
		w.Must(err)
	}
	round() // each connection meets each statement before it is measured
	inserts, claims, eights, times = nil, nil, nil, nil
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(middle(inserts).Microseconds()), "µs/INSERT")
	b.ReportMetric(float64(middle(claims).Microseconds()), "µs/claim")
	b.ReportMetric(middle(times), "times")
	b.ReportMetric(n/middle(eights).Seconds(), "claims/s")
}

// BenchmarkStatusChanges prints how many status changes a second are stored, each by a caller of its own that waits for its commit, and
// the median of how many times as long that takes as psql's \copy of the same rows into the same tables: history, events and change feed.
func BenchmarkStatusChanges(b *testing.B) {
	w := postgrestest.New(b)
	w.DB.SetMaxOpenConns(4)
	const n, callers = 20_000, 1000
	many := sites(b, w, callers)
	office := central.New(central.Config{Replica: postgrestest.Replica, HeartbeatInterval: time.Minute, SeenEvery: time.Minute}, w.Store, w.Store, w.Store, w.Clock.Now, slog.New(slog.DiscardHandler))
	words := []chargepoint.ConnectorStatus{chargepoint.Preparing, chargepoint.Charging, chargepoint.Finishing, chargepoint.Available}
	var stored, copied []time.Duration
	for b.Loop() {
		w.Clock.Move(time.Second)
		stored = append(stored, took(func() {
			var wg sync.WaitGroup
			for who, s := range many {
				wg.Go(func() {
					for i := range n / callers {
						if who == 0 {
							w.Clock.Move(time.Millisecond)
						}
						err := office.StatusChanged(b.Context(), s.ChargePoint.ID, chargepoint.StatusReport{
							Connector: 1, Status: words[i%len(words)], ErrorCode: "NoError", At: w.Clock.Now(),
						})
						w.Must(err)
					}
				})
			}
			wg.Wait()
		}))
		var history, events, changes strings.Builder
		since := w.Clock.Move(time.Second).Format(time.RFC3339Nano)
		for i := range n {
			s := many[i%callers]
			fmt.Fprintf(&history, "%s\t%s\t%d\tCHARGING\tcharge_point\n", s.PlotIDs[0], since, 1_000_000+i)
			fmt.Fprintf(&events, "%s\tstatus\t%s\t%s\t%s\t{\"plot_id\":\"%[2]s\",\"station_id\":\"%[3]s\",\"status\":\"CHARGING\","+
				"\"status_since\":\"%[1]s\",\"status_source\":\"charge_point\",\"version\":%[5]d}\n", since, s.PlotIDs[0], s.ID, s.Operator.ID, i)
			fmt.Fprintf(&changes, "%s\tupsert\t%d\n", s.PlotIDs[0], i)
		}
		copied = append(copied, copyByPsql(b, w,
			textOf{"plot_history (plot_id, since, version, status, source)", history.String()},
			textOf{"events (at, kind, plot_id, station_id, operator_id, data)", events.String()},
			textOf{"plot_changes (entity_id, op, version)", changes.String()}))
	}
	b.ReportMetric(n/middle(stored).Seconds(), "changes/s")
	b.ReportMetric(float64(middle(stored))/float64(middle(copied)), "timesCOPY")
}

// BenchmarkReadings prints how many readings a second are stored, one a message, each by a charge point that waits for its commit, and the
// median of how many times as long that takes as psql's \copy of as many into the same tables: readings of the same sessions, and events.
func BenchmarkReadings(b *testing.B) {
	w := postgrestest.New(b)
	w.DB.SetMaxOpenConns(4)
	const n, callers = 20_000, 500
	many := sites(b, w, callers)
	transactions, sessions := make([]chargepoint.TransactionID, callers), make([]uuid.UUID, callers)
	for i, s := range many {
		ordered, _, err := w.Store.OrderSession(b.Context(), session.Order{PlotID: s.PlotIDs[0], DriverID: uuid.New()})
		w.Must(err)
		started, err := w.Store.StartTransaction(b.Context(), s.ChargePoint.ID, chargepoint.TransactionStart{
			Connector: 1, IDTag: ordered.IDTag, At: w.Clock.Now(),
		}, w.Clock.Now())
		w.Must(err)
		transactions[i], sessions[i] = started.Transaction, ordered.ID
	}
	office := central.New(central.Config{Replica: postgrestest.Replica, HeartbeatInterval: time.Minute, SeenEvery: time.Minute}, w.Store, w.Store, w.Store, w.Clock.Now, slog.New(slog.DiscardHandler))
	var stored, copied []time.Duration
	for b.Loop() {
		base := w.Clock.Move(time.Hour)
		stored = append(stored, took(func() {
			var wg sync.WaitGroup
			for i, s := range many {
				wg.Go(func() {
					for k := range n / callers {
						if i == 0 { // time goes on: what a session's row says of it is new each time
							w.Clock.Move(time.Millisecond)
						}
						at := base.Add(time.Duration(k-n) * time.Millisecond)
						err := office.MeterValues(b.Context(), s.ChargePoint.ID, 1, transactions[i], []chargepoint.Sample{
							{At: at, Measurand: chargepoint.EnergyImportRegister, Value: float64(k)}, {At: at, Measurand: chargepoint.PowerImport, Value: 7000},
						})
						w.Must(err)
					}
				})
			}
			wg.Wait()
		}))
		var readings, events strings.Builder
		for i := range n {
			s, at := many[i%callers], base.Add(time.Duration(i/callers)*time.Millisecond).Format(time.RFC3339Nano)
			fmt.Fprintf(&readings, "%s\t%s\t%d\t7000\n", sessions[i%callers], at, i/callers)
			fmt.Fprintf(&events, "%s\tmeter_value\t%s\t%s\t%s\t%s\t{\"session_id\":\"%s\",\"plot_id\":\"%[2]s\",\"at\":\"%[1]s\",\"power_kw\":7,"+
				"\"energy_kwh\":0.012,\"soc_percent\":null}\n", at, s.PlotIDs[0], s.ID, s.Operator.ID, uuid.Max, sessions[i%callers])
		}
		copied = append(copied, copyByPsql(b, w,
			textOf{"meter_values (session_id, at, register_wh, power_w)", readings.String()},
			textOf{"events (at, kind, plot_id, station_id, operator_id, driver_id, data)", events.String()}))
	}
	b.ReportMetric(n/middle(stored).Seconds(), "readings/s")
	b.ReportMetric(float64(middle(stored))/float64(middle(copied)), "timesCOPY")
}

func took(fn func()) time.Duration {
	began := time.Now()
	fn()
	return time.Since(began)
}

// middle is the median.
func middle[T cmp.Ordered](list []T) T {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// textOf is what goes into a table ("name (column, …)") as COPY reads it.
type textOf struct{ table, text string }

// copyByPsql gives how long psql takes to copy the texts into their tables, one after the other.
func copyByPsql(b *testing.B, w *postgrestest.World, texts ...textOf) time.Duration {
	b.Helper()
	folder := b.TempDir()
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", w.DB.Config().URL}
	for i, t := range texts {
		file := filepath.Join(folder, strconv.Itoa(i))
		w.Must(os.WriteFile(file, []byte(t.text), 0o600))
		args = append(args, "-c", `\copy `+t.table+` from '`+file+`'`)
	}
	return took(func() {
		if out, err := exec.CommandContext(b.Context(), "psql", args...).CombinedOutput(); err != nil {
			b.Fatalf("psql: %v\n%s", err, out)
		}
	})
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
	_, err = w.DB.ExecContext(b.Context(), "UPDATE sessions SET read_at = $2, version = version + 1 WHERE id = $1", // as each reading does
		id, start.Add(35_999*time.Second))
	w.Must(err)
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

func copyInto(table string, columns []string, rows iter.Seq2[[]any, error]) func(context.Context, *sqlx.Tx) error {
	return func(ctx context.Context, tx *sqlx.Tx) error {
		_, err := libpostgres.CopyFrom(ctx, tx, table, columns, rows)
		return err
	}
}

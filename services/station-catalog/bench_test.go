package stationcatalog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/proctest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// serverRole is set in the processes that a benchmark starts: this binary again, as the server under load.
const serverRole = "STATION_CATALOG_BENCH_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(serverRole) {
	case "":
		os.Exit(m.Run())
	case "catalogue":
		fail(serveCatalogue())
	case "constant":
		fail(serveConstant())
	case "ideal":
		fail(serveIdeal())
	case "ordinary":
		fail(serveOrdinary())
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "the server of a benchmark failed:", err)
		os.Exit(1)
	}
}

// serveCatalogue is the service as it is, from the environment.
func serveCatalogue() error {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	var cfg stationcatalog.Config
	if err := config.Load(&cfg, os.Environ()); err != nil {
		return err
	}
	cfg.Telemetry.LogOutput = io.Discard // the lines are made, and nobody waits for a disk
	return stationcatalog.Run(ctx, cfg)
}

// serveConstant is a bare fiber server that answers with what it got on its standard input.
func serveConstant() error {
	payload, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/readyz", func(*fiber.Ctx) error { return nil })
	app.Get("/v1/stations", func(c *fiber.Ctx) error {
		c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Response().SetBodyRaw(payload)
		return nil
	})
	return app.Listen(os.Getenv("LISTEN"))
}

// serveIdeal is what cannot be beaten: a bare fiber server that reads four parameters without checking them, searches the same index
// and copies what is rendered. It knows nothing of tokens, limits, logs, metrics, cursors and tags.
func serveIdeal() error {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	var cfg stationcatalog.Config
	if err := config.Load(&cfg, os.Environ()); err != nil {
		return err
	}
	db, err := libpostgres.Open(ctx, cfg.Postgres)
	if err != nil {
		return err
	}
	defer db.Close()
	store := postgres.New(db)
	log := slog.New(slog.DiscardHandler)
	replica := find.NewReplica(store, feed.NewSource(db, feed.SourceOptions[station.Station]{Table: postgres.ChangeLog, Load: store.Load, Log: log}), log)
	go func() { _ = replica.Run(ctx) }()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/readyz", func(c *fiber.Ctx) error {
		if !replica.Warm() {
			return fiber.ErrServiceUnavailable
		}
		return nil
	})
	var result search.Result // one core, and handlers do not wait: one is enough
	var turn sync.Mutex
	app.Get("/v1/stations", func(c *fiber.Ctx) error {
		q := search.Query{Limit: 20, At: time.Now()}
		q.Limit, _ = strconv.Atoi(c.Query("limit"))
		number := func(s string) float64 { v, _ := strconv.ParseFloat(s, 64); return v }
		if at := c.Query("near"); at != "" {
			lat, lon, _ := strings.Cut(at, ",")
			region, err := search.NewCircle(number(lat), number(lon), 1000*number(c.Query("radius_km")))
			if err != nil {
				return err
			}
			q.Region, q.Order = region, search.ByRank()
		}
		if at := strings.Split(c.Query("bbox"), ","); len(at) == 4 {
			region, err := search.NewBox(number(at[0]), number(at[1]), number(at[2]), number(at[3]))
			if err != nil {
				return err
			}
			q.Region = region
		}
		if plug := c.Query("connector"); plug != "" {
			q.Plug = search.Plug{Standards: []string{plug}, MinPowerW: 1000 * uint32(number(c.Query("min_power_kw"))), Free: true}
		}
		if ids := c.Query("id"); ids != "" {
			for id := range strings.SplitSeq(ids, ",") {
				q.Among = append(q.Among, search.ID(uuid.MustParse(id)))
			}
		}
		turn.Lock()
		defer turn.Unlock()
		replica.Snapshot().Search(&q, &result)
		body := append(c.Response().SwapBody(nil)[:0], `{"items":[`...)
		for i := range result.Hits {
			body = append(result.Hits[i].AppendItem(body), ',')
		}
		body = strconv.AppendInt(append(body, `],"total":`...), int64(result.Total), 10)
		c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		c.Response().SwapBody(append(body, '}'))
		return nil
	})
	return app.Listen(os.Getenv("LISTEN"))
}

// registerText is the French register of 2024, or the hand-written excerpt when it is not there.
func registerText(b *testing.B) []byte {
	b.Helper()
	packed, err := os.Open("../../../shared/data/fr_irve_static_2024-07-03.jsonl.gz")
	if err != nil {
		b.Logf("the register is not there: the hand-written excerpt takes its place, and the figures say nothing")
		text, err := os.ReadFile("internal/importer/testdata/irve_excerpt.jsonl")
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func configFor(b *testing.B, db *libpostgres.DB) stationcatalog.Config {
	b.Helper()
	var cfg stationcatalog.Config
	err := config.Load(&cfg, []string{"DATABASE_URL=postgres://replaced/x", "AUTH_ISSUER=http://127.0.0.1:1", "AUTH_JWKS_URL=http://127.0.0.1:1/jwks"})
	if err != nil {
		b.Fatal(err)
	}
	cfg.Postgres = db.Config()
	return cfg
}

// BenchmarkImportRegister measures the import of the register into an empty catalogue against psql's \copy of the same rows as raw
// text into a table of one column, in turns, and then the import of the same file again. The goal is 5 times.
func BenchmarkImportRegister(b *testing.B) {
	text := registerText(b)
	path := filepath.Join(b.TempDir(), "register.jsonl")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	var first, again, raw []float64
	rows, written := int64(0), int64(0)
	for b.Loop() {
		db := pgtest.New(b, stationcatalog.Migrations())
		cfg := configFor(b, db)
		raw = append(raw, copyRaw(b, db, path))
		for _, seconds := range []*[]float64{&first, &again} {
			report, err := stationcatalog.Import(b.Context(), cfg, "irve", bytes.NewReader(text), nil)
			if err != nil {
				b.Fatal(err)
			}
			*seconds = append(*seconds, report.Duration.Seconds())
			rows, written = report.Import.Rows, report.Import.Created+report.Import.Updated+report.Import.Removed
		}
	}
	b.ReportMetric(0, "ns/op") // preparing takes most of it
	b.ReportMetric(median(first), "s/import")
	b.ReportMetric(median(again), "s/again")
	b.ReportMetric(median(raw), "s/copy")
	b.ReportMetric(median(first)/median(raw), "x-copy")
	b.ReportMetric(float64(rows), "rows")
	b.ReportMetric(float64(written), "written-again")
}

// copyRaw gives the seconds that psql takes, or COPY through the driver where there is no psql.
func copyRaw(b *testing.B, db *libpostgres.DB, path string) float64 {
	b.Helper()
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE raw_rows (line text)`); err != nil {
		b.Fatal(err)
	}
	psql, err := exec.LookPath("psql")
	if err != nil {
		b.Fatalf("the reference of this benchmark is psql: %v", err)
	}
	// Characters that the file does not have keep psql from reading anything into its lines.
	script := `\copy raw_rows from '` + path + `' with (format csv, delimiter e'\x01', quote e'\x02')`
	cmd := exec.CommandContext(b.Context(), psql, "-q", "-v", "ON_ERROR_STOP=1", db.Config().URL, "-c", script)
	start := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("psql: %v: %s", err, out)
	}
	return time.Since(start).Seconds()
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

const (
	searchRounds   = 5
	searchRound    = time.Second
	searchWorkers  = 16
	searchSpreadKM = 8.0
)

// multiply puts n stations beside the real ones, copies of them with all their EVSEs in a grid around the globe, and gives every EVSE a
// status. They do not come by an import, which is not what is measured.
func multiply(b *testing.B, db *libpostgres.DB, n int) {
	b.Helper()
	patient := db.Config()
	patient.StatementTimeout = time.Hour
	own, err := libpostgres.Open(b.Context(), patient)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = own.Close() }()
	_, err = own.ExecContext(b.Context(), fmt.Sprintf(`
BEGIN;
SET LOCAL session_replication_role = replica; -- references are right by construction
CREATE TEMPORARY TABLE copies ON COMMIT DROP AS
	WITH originals AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM stations WHERE deleted_at IS NULL)
	SELECT i, md5('station ' || i)::uuid AS id, originals.id AS original,
		-60 + (i %% 1200) * 0.1::double precision AS latitude, -180 + (i / 1200) * 0.43::double precision AS longitude
	FROM generate_series(0, %d - 1) AS i JOIN originals ON number = i %% (SELECT count(*) FROM originals);
INSERT INTO stations (id, operator_id, source, source_id, name, address, city, postal_code, state, country, latitude, longitude, x, y, z,
	time_zone, access, parking_type, facilities, opening, opening_text, payment, content_hash, words)
SELECT c.id, operator_id, 'generated', c.i, name, address, city, postal_code, state, country, c.latitude, c.longitude,
	cosd(c.latitude) * cosd(c.longitude), cosd(c.latitude) * sind(c.longitude), sind(c.latitude),
	time_zone, access, parking_type, facilities, opening, opening_text, payment, content_hash, words
FROM copies c JOIN stations s ON s.id = c.original;
CREATE TEMPORARY TABLE copied_evses ON COMMIT DROP AS
	SELECT md5(c.id::text || e.id)::uuid AS id, e.id AS original, c.id AS station_id, c.i
	FROM copies c JOIN evses e ON e.station_id = c.original AND e.removed_at IS NULL;
INSERT INTO evses (id, station_id, source, uid, evse_id, capabilities, parking_restrictions, reservable, price_text, position)
SELECT c.id, c.station_id, 'generated', c.i || ' ' || uid, evse_id, capabilities, parking_restrictions, reservable, price_text, position
FROM copied_evses c JOIN evses e ON e.id = c.original;
INSERT INTO connectors (evse_id, id, position, standard, format, power_type, max_voltage, max_amperage, max_electric_power)
SELECT c.id, k.id, position, standard, format, power_type, max_voltage, max_amperage, max_electric_power
FROM copied_evses c JOIN connectors k ON k.evse_id = c.original;
INSERT INTO evse_status (evse_id, plot_id, status, status_since, reservable, version)
SELECT id, gen_random_uuid(), CASE WHEN hashtext(id::text) %% 3 = 0 THEN 'CHARGING' ELSE 'AVAILABLE' END, now(), false, 1 FROM evses;
COMMIT;
ANALYZE`, n))
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSearchHTTP measures searches of 20 stations around Paris over HTTP against two servers that answer the same, in turns,
// each on one core and the load on the other: a bare fiber server that answers a constant of the same size (goal: half of its rate),
// and the ideal (goal: 0.9 of its requests for each second of processor, and at most twice its p99). Beside the register there are
// STATION_CATALOG_BENCH_STATIONS generated stations, none unless it says so.
func BenchmarkSearchHTTP(b *testing.B) {
	db := pgtest.New(b, stationcatalog.Migrations())
	ids := paris(b, db)
	settings := searchSettings(db)
	catalogue := startServer(b, "catalogue", settings, nil)
	ideal := startServer(b, "ideal", settings, nil)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, kind := range searchKinds(ids) {
		b.Run(kind.name, func(b *testing.B) {
			sample := catalogue.get(b, kind.ask(rand.New(rand.NewPCG(1, 1))))
			constant := startServer(b, "constant", nil, sample)
			var ours, best, same []sampleSet
			for b.Loop() {
				for range searchRounds {
					ours = append(ours, catalogue.load(b, kind.ask))
					best = append(best, ideal.load(b, kind.ask))
					same = append(same, constant.load(b, kind.ask))
				}
			}
			rate := func(s sampleSet) float64 { return s.perSecond }
			perCPU := func(s sampleSet) float64 { return s.perCPUSecond }
			p99 := func(s sampleSet) float64 { return s.p99.Seconds() * 1e3 }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(medianOf(ours, rate), "req/s")
			b.ReportMetric(medianOf(ours, perCPU), "req/cpu-s")
			b.ReportMetric(medianOf(ours, p99), "ms-p99")
			b.ReportMetric(medianOf(ours, rate)/medianOf(same, rate), "x-constant")
			b.ReportMetric(medianOf(ours, perCPU)/medianOf(same, perCPU), "x-constant-cpu")
			b.ReportMetric(medianOf(ours, perCPU)/medianOf(best, perCPU), "x-ideal-cpu")
			b.ReportMetric(medianOf(ours, p99)/medianOf(best, p99), "x-ideal-p99")
			b.ReportMetric(float64(len(ids)), "stations")
			b.ReportMetric(float64(len(sample)), "B/answer")
			b.ReportMetric(proctest.Memory(b, catalogue.pid)/(1<<20), "MiB")
		})
	}
}

// paris brings in the register, with two of three plots free, and gives the ids of its stations.
func paris(b *testing.B, db *libpostgres.DB) []string {
	b.Helper()
	cfg := configFor(b, db)
	if _, err := stationcatalog.Import(b.Context(), cfg, "irve", bytes.NewReader(registerText(b)), nil); err != nil {
		b.Fatal(err)
	}
	multiply(b, db, stations(b, 0))
	var ids []string
	if err := db.SelectContext(b.Context(), &ids, `SELECT id FROM stations WHERE deleted_at IS NULL ORDER BY id`); err != nil {
		b.Fatal(err)
	}
	return ids
}

func searchSettings(db *libpostgres.DB) []string {
	return []string{
		"DATABASE_URL=" + db.Config().URL, "REDIS_URL=" + os.Getenv("TEST_REDIS_URL"), "AUTH_ISSUER=http://127.0.0.1:1",
		"AUTH_JWKS_URL=http://127.0.0.1:1/jwks", "RATE_ANONYMOUS=1000000000", "MIGRATIONS=off",
	}
}

// searchKind is a kind of search and how it is asked, of 20 stations.
type searchKind struct {
	name string
	ask  func(*rand.Rand) string
}

func searchKinds(ids []string) []searchKind {
	return []searchKind{
		{"nearby", func(r *rand.Rand) string { return "/v1/stations?near=" + aroundParis(r) + "&radius_km=10&limit=20" }},
		{"bbox", func(r *rand.Rand) string {
			lat, lon, _ := strings.Cut(aroundParis(r), ",")
			south, west := float(lat), float(lon)
			return fmt.Sprintf("/v1/stations?bbox=%.5f,%.5f,%.5f,%.5f&limit=20", west, south, west+.1, south+.1)
		}},
		{"filtered", func(r *rand.Rand) string {
			return "/v1/stations?near=" + aroundParis(r) + "&radius_km=30&connector=IEC_62196_T2_COMBO&min_power_kw=50&available=true&limit=20"
		}},
		{"by_id", func(r *rand.Rand) string {
			some := make([]string, 20)
			for i := range some {
				some[i] = ids[r.IntN(len(ids))]
			}
			return "/v1/stations?id=" + strings.Join(some, ",") + "&limit=20"
		}},
	}
}

func medianOf(sets []sampleSet, of func(sampleSet) float64) float64 {
	values := make([]float64, len(sets))
	for i, s := range sets {
		values[i] = of(s)
	}
	return median(values)
}

func float(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// aroundParis is a place some kilometres around the centre.
func aroundParis(r *rand.Rand) string {
	const kmPerDegree = 111.2
	lat := 48.8566 + (r.Float64()*2-1)*searchSpreadKM/kmPerDegree
	lon := 2.3522 + (r.Float64()*2-1)*searchSpreadKM/kmPerDegree
	return fmt.Sprintf("%.5f,%.5f", lat, lon)
}

// server is a process under load.
type server struct {
	address string
	pid     int
	others  []int        // processes that work for it, whose processor time counts too
	kill    func() error // at once, as when a machine is gone
	client  *fasthttp.HostClient
}

// startServer launches a server and waits until it answers, its index loaded.
func startServer(b testing.TB, role string, settings []string, input []byte) *server {
	b.Helper()
	s := launchServer(b, role, settings, input)
	for deadline := time.Now().Add(5 * time.Minute); ; { // a million stations take their time
		_, warm, body := s.ready()
		if warm {
			return s
		}
		if time.Now().After(deadline) {
			b.Fatalf("the %s was not ready within five minutes: %s", role, body)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// launchServer begins to run this binary in a role, on one core where taskset is there, without waiting for it.
func launchServer(b testing.TB, role string, settings []string, input []byte) *server {
	b.Helper()
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		b.Fatal(err)
	}
	args := []string{os.Args[0]}
	if taskset, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		args = []string{taskset, "-c", "0", os.Args[0]}
	} else {
		b.Log("taskset is not there: servers are bound to one core by GOMAXPROCS alone")
	}
	cmd := exec.CommandContext(b.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), append(settings, serverRole+"="+role, "LISTEN="+address, "GOMAXPROCS=1")...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &server{address: address, pid: cmd.Process.Pid, kill: cmd.Process.Kill, client: &fasthttp.HostClient{Addr: address, MaxConns: searchWorkers}}
}

// ready tells whether the server answers that it is ready, and whether its index is loaded.
func (s *server) ready() (ready, warm bool, body []byte) {
	status, body, err := s.client.Get(nil, "http://"+s.address+"/readyz")
	ready = err == nil && status == fasthttp.StatusOK
	return ready, ready && !bytes.Contains(body, []byte(`"search index","required":false,"status":"failed"`)), body
}

func (s *server) get(b *testing.B, path string) []byte {
	b.Helper()
	status, body, err := s.client.Get(nil, "http://"+s.address+path)
	if err != nil || status != fasthttp.StatusOK {
		b.Fatalf("%s was answered by %d, %v: %s", path, status, err, body)
	}
	return body
}

// cpu is the processor time that went into serving.
func (s *server) cpu(b *testing.B) time.Duration {
	b.Helper()
	used := proctest.CPU(b, s.pid)
	for _, pid := range s.others {
		used += proctest.CPU(b, pid)
	}
	return used
}

// sampleSet is what a round of load showed.
type sampleSet struct {
	perSecond    float64
	perCPUSecond float64 // of the server's processor: what a busy machine does not spoil
	p50, p99     time.Duration
}

// load asks as fast as it can for a while, over connections that are kept.
func (s *server) load(b *testing.B, ask func(*rand.Rand) string) sampleSet {
	b.Helper()
	ctx, stop := context.WithTimeout(b.Context(), searchRound)
	defer stop()
	took := make([][]time.Duration, searchWorkers)
	var workers sync.WaitGroup
	var once sync.Once
	start, used := time.Now(), s.cpu(b)
	for worker := range searchWorkers {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 7))
			request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			for ctx.Err() == nil {
				request.SetRequestURI("http://" + s.address + ask(r))
				began := time.Now()
				if err := s.client.Do(request, response); err != nil || response.StatusCode() != fasthttp.StatusOK {
					once.Do(func() { b.Errorf("a request failed: %d, %v", response.StatusCode(), err) })
					return
				}
				took[worker] = append(took[worker], time.Since(began))
			}
		})
	}
	workers.Wait()
	all := slices.Concat(took...)
	if len(all) == 0 {
		b.Fatal("no request was answered")
	}
	slices.Sort(all)
	return sampleSet{
		perSecond: float64(len(all)) / time.Since(start).Seconds(), perCPUSecond: float64(len(all)) / (s.cpu(b) - used).Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100],
	}
}

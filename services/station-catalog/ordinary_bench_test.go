package stationcatalog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

// ordinaryName is how the ordinary service's connections are known to Postgres.
const ordinaryName = "ordinary"

// serveOrdinary is the service that one would write: it keeps answers in Redis for a minute by the text of the question, and asks
// PostGIS for the others. Stations are rendered beforehand, and nothing is checked, limited, told or tagged: it is better off than a
// real one.
func serveOrdinary() error {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	db, err := sqlx.ConnectContext(ctx, "postgres", os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(searchWorkers)
	db.SetMaxIdleConns(searchWorkers)
	options, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return err
	}
	cache := redis.NewClient(options)
	app := fiber.New(fiber.Config{DisableStartupMessage: true, Immutable: true})
	app.Get("/readyz", func(*fiber.Ctx) error { return nil })
	app.Get("/v1/stations", func(c *fiber.Ctx) error {
		key := "ordinary:" + string(c.Request().URI().QueryString())
		body, err := cache.Get(c.Context(), key).Bytes()
		if errors.Is(err, redis.Nil) {
			if body, err = askPostGIS(c.Context(), db, c.Query); err == nil {
				err = cache.Set(c.Context(), key, body, time.Minute).Err()
			}
		}
		if err != nil {
			return err
		}
		c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	return app.Listen(os.Getenv("LISTEN"))
}

// askPostGIS answers one of the questions of BenchmarkSearchHTTP, with the total.
func askPostGIS(ctx context.Context, db *sqlx.DB, parameter func(string, ...string) string) ([]byte, error) {
	var args []any
	arg := func(v any) string { args = append(args, v); return "$" + strconv.Itoa(len(args)) }
	distance, order, conditions := "0::float8", "id", []string{}
	if at := parameter("near"); at != "" {
		lat, lon, _ := strings.Cut(at, ",")
		point := "ST_SetSRID(ST_MakePoint(" + arg(lon) + "::float8, " + arg(lat) + "::float8), 4326)::geography"
		distance, order = "ST_Distance(place, "+point+", false)", "distance, id"
		conditions = append(conditions, "ST_DWithin(place, "+point+", "+arg(parameter("radius_km"))+"::float8 * 1000, false)")
	}
	if at := strings.Split(parameter("bbox"), ","); len(at) == 4 {
		conditions = append(conditions, "point && ST_MakeEnvelope("+arg(at[0])+"::float8, "+arg(at[1])+"::float8, "+arg(at[2])+"::float8, "+arg(at[3])+"::float8, 4326)")
	}
	if ids := parameter("id"); ids != "" {
		conditions = append(conditions, "id = ANY ("+arg(pq.Array(strings.Split(ids, ",")))+"::uuid[])")
	}
	if plug := parameter("connector"); plug != "" {
		conditions = append(conditions, `EXISTS (SELECT FROM evses e JOIN connectors c ON c.evse_id = e.id JOIN evse_status s ON s.evse_id = e.id
  WHERE e.station_id = ordinary.id AND s.status = 'AVAILABLE' AND c.standard = `+arg(plug)+" AND c.max_electric_power >= "+arg(parameter("min_power_kw"))+"::int * 1000)")
	}
	var rows []struct {
		Item     string
		Distance float64
		Total    int
	}
	query := "SELECT item, " + distance + " AS distance, count(*) OVER () AS total FROM ordinary WHERE " + strings.Join(conditions, " AND ") +
		" ORDER BY " + order + " LIMIT " + arg(parameter("limit"))
	if err := db.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, err
	}
	body, total := bytes.NewBufferString(`{"items":[`), 0
	for i, row := range rows {
		if total = row.Total; i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(body, `{"distance_m":%.0f,`, row.Distance)
		body.WriteString(row.Item[1:])
	}
	fmt.Fprintf(body, `],"total":%d}`, total)
	return body.Bytes(), nil
}

// ordinaryTable makes the ordinary service's table: place and answer of each station, as the catalogue renders it.
func ordinaryTable(b *testing.B, db *libpostgres.DB, catalogue *server) {
	b.Helper()
	exec := func(statement string, args ...any) {
		if _, err := db.ExecContext(b.Context(), statement, args...); err != nil {
			b.Fatalf("%s: %v", statement, err)
		}
	}
	exec(`CREATE TABLE ordinary (id uuid PRIMARY KEY, place geography(Point, 4326) NOT NULL, point geometry(Point, 4326) NOT NULL, item text NOT NULL)`)
	for path := "/v1/stations?limit=500"; ; {
		var page struct {
			Items      []json.RawMessage `json:"items"`
			NextCursor string            `json:"next_cursor"`
		}
		if err := json.Unmarshal(catalogue.get(b, path), &page); err != nil {
			b.Fatal(err)
		}
		items := make([]string, len(page.Items))
		for i, item := range page.Items {
			items[i] = string(item)
		}
		exec(`INSERT INTO ordinary SELECT s.id, ST_MakePoint(s.longitude, s.latitude), ST_SetSRID(ST_MakePoint(s.longitude, s.latitude), 4326), item
FROM unnest($1::text[]) item JOIN stations s ON s.id = (item::json ->> 'id')::uuid`, pq.Array(items))
		if page.NextCursor == "" {
			break
		}
		path = "/v1/stations?limit=500&cursor=" + url.QueryEscape(page.NextCursor)
	}
	exec(`CREATE INDEX ON ordinary USING gist (place)`)
	exec(`CREATE INDEX ON ordinary USING gist (point)`)
	exec(`ANALYZE`)
}

// servedBy adds the processes that work for the ordinary service: the server's of its connections, and Redis.
func (s *server) servedBy(b *testing.B, db *libpostgres.DB) {
	b.Helper()
	if err := db.SelectContext(b.Context(), &s.others, `SELECT pid FROM pg_stat_activity WHERE application_name = $1`, ordinaryName); err != nil {
		b.Fatal(err)
	}
	options, err := redis.ParseURL(os.Getenv("TEST_REDIS_URL"))
	if err != nil {
		b.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	about, err := client.Info(b.Context(), "server").Result()
	if err != nil {
		b.Fatal(err)
	}
	_, pid, _ := strings.Cut(about, "process_id:")
	pid, _, _ = strings.Cut(pid, "\r")
	redisPID, err := strconv.Atoi(pid)
	if err != nil || len(s.others) < 2 {
		b.Fatalf("who works for the ordinary service is not known: %v, Redis %q (%v)", s.others, pid, err)
	}
	s.others = append(s.others, redisPID)
}

// BenchmarkOrdinary measures searches of 20 stations around Paris over HTTP against an ordinary service on the same stations, which asks
// PostGIS and keeps answers in Redis, in turns, by the processor time of all that serves: of questions that were not asked before (goal: 20
// times as many), and of a hundred that it holds in Redis already (goal: twice as many).
func BenchmarkOrdinary(b *testing.B) {
	db := pgtest.New(b, stationcatalog.Migrations())
	var there bool
	if err := db.GetContext(b.Context(), &there, `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgis')`); err != nil {
		b.Fatal(err)
	}
	if !there {
		b.Fatal("the reference of this benchmark is PostGIS, which this Postgres does not have (apt-get install postgresql-15-postgis-3)")
	}
	ids := paris(b, db)
	if _, err := db.ExecContext(b.Context(), `CREATE EXTENSION postgis`); err != nil {
		b.Fatal(err)
	}
	catalogue := startServer(b, "catalogue", searchSettings(db), nil)
	ordinaryTable(b, db, catalogue)
	at, err := url.Parse(db.Config().URL)
	if err != nil {
		b.Fatal(err)
	}
	settings := at.Query()
	settings.Set("application_name", ordinaryName)
	settings.Set("binary_parameters", "yes") // one exchange a query, as the catalogue's own
	at.RawQuery = settings.Encode()
	ordinary := startServer(b, "ordinary", []string{"DATABASE_URL=" + at.String(), "REDIS_URL=" + os.Getenv("TEST_REDIS_URL")}, nil)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, kind := range searchKinds(ids) {
		b.Run(kind.name, func(b *testing.B) {
			sameAnswers(b, catalogue, ordinary, kind.ask)
			_ = ordinary.load(b, kind.ask) // its connections
			ordinary.servedBy(b, db)
			r := rand.New(rand.NewPCG(2, 2))
			known := make([]string, 100)
			for i := range known {
				known[i] = kind.ask(r)
				ordinary.get(b, known[i])
			}
			cached := func(r *rand.Rand) string { return known[r.IntN(len(known))] }
			// Each round asks anew: what was asked in the one before is in Redis.
			var ours, theirs, oursCached, theirsCached []sampleSet
			for b.Loop() {
				for round := range searchRounds {
					fresh := func(r *rand.Rand) string { return kind.ask(rand.New(rand.NewPCG(r.Uint64(), uint64(round)))) }
					ours = append(ours, catalogue.load(b, fresh))
					theirs = append(theirs, ordinary.load(b, fresh))
					oursCached = append(oursCached, catalogue.load(b, cached))
					theirsCached = append(theirsCached, ordinary.load(b, cached))
				}
			}
			rate := func(s sampleSet) float64 { return s.perSecond }
			perCPU := func(s sampleSet) float64 { return s.perCPUSecond }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(medianOf(theirs, rate), "ordinary-req/s")
			b.ReportMetric(medianOf(ours, rate)/medianOf(theirs, rate), "x-rate")
			b.ReportMetric(medianOf(ours, perCPU)/medianOf(theirs, perCPU), "x-cpu")
			b.ReportMetric(medianOf(oursCached, rate)/medianOf(theirsCached, rate), "x-rate-cached")
			b.ReportMetric(medianOf(oursCached, perCPU)/medianOf(theirsCached, perCPU), "x-cpu-cached")
		})
	}
}

// sameAnswers holds that both find the same stations: who finds other ones is not to be compared with. Our distances are along the
// ellipsoid and PostGIS's here along a sphere, so that neighbours may change places and one at the rim may be in or out.
func sameAnswers(b *testing.B, catalogue, ordinary *server, ask func(*rand.Rand) string) {
	b.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	for range 20 {
		path := ask(r)
		var found [2]struct {
			Items []struct{ ID string }
			Total int
		}
		for i, s := range []*server{catalogue, ordinary} {
			if err := json.Unmarshal(s.get(b, path), &found[i]); err != nil {
				b.Fatal(err)
			}
		}
		common := 0
		for _, item := range found[1].Items {
			if slices.ContainsFunc(found[0].Items, func(other struct{ ID string }) bool { return other.ID == item.ID }) {
				common++
			}
		}
		if off := found[0].Total - found[1].Total; off*off > 4 || len(found[0].Items) != len(found[1].Items) || common < len(found[0].Items)-2 {
			b.Fatalf("%s: %d of %d stations here, %d of %d there, %d in common", path, len(found[0].Items), found[0].Total, len(found[1].Items), found[1].Total, common)
		}
	}
}

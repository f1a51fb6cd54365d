// Package stationcatalog is the catalogue of a charging network: operators, stations, EVSEs, connectors and tariffs; their search,
// their imports and exports, and the feed that others follow.
//
// Run is the service, in a process of its own or beside others in one. Import brings a file of stations in without it.
package stationcatalog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	libocpi "github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/seal"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/ocm"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/peer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Name is the service's name in telemetry, in its audience and in the path of its document.
const Name = "station-catalog"

// Migrations are the goose migrations of the service's database.
func Migrations() fs.FS { return postgres.Migrations() }

// Run migrates the database when it is to, and serves until ctx ends. It starts whatever else is away: without Redis it caches
// nothing, without charging-plot it answers with the statuses it last knew, without auth it verifies with the keys it has.
func Run(ctx context.Context, cfg Config) (err error) {
	cfg.Telemetry.Service = Name
	tel, err := telemetry.Start(ctx, cfg.Telemetry)
	if err != nil {
		return fmt.Errorf("start telemetry: %w", err)
	}
	defer func() {
		// Telemetry is flushed after everything else has ended, in a time of its own.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), telemetryPatience)
		defer cancel()
		err = errors.Join(err, tel.Shutdown(stop))
	}()
	cfg.Postgres.Telemetry, cfg.Redis.Telemetry = tel, tel
	cfg.Postgres.ApplicationName = Name
	if cfg.Migrations == "startup" {
		if err := libpostgres.Migrate(ctx, cfg.Postgres, Migrations()); err != nil {
			return err
		}
	}
	db, err := libpostgres.Open(ctx, cfg.Postgres)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	client, err := rediscache.Open(cfg.Redis)
	if err != nil {
		return fmt.Errorf("open the cache: %w", err)
	}
	if client != nil {
		defer client.Close()
	}
	if cfg.Auth.Issuer == "" {
		cfg.Auth.Issuer = cfg.PublicURL // auth issues in the product's own name
	}
	cfg.Auth.Audience = cfg.audience()
	cfg.Auth.Revocations = authn.FollowRevocations(ctx, client, tel.Log())
	limiter := ratelimit.New(client, ratelimit.Options{Namespace: Name, Log: tel.Log()})
	if cfg.TokenURL != "" && cfg.Auth.Introspect == nil {
		cfg.Auth.Introspect = httpclient.Introspection(cfg.TokenURL, cfg.client())
		cfg.Auth.Keys = authn.Keys{
			Exchange: httpclient.KeyExchange(cfg.TokenURL, cfg.client()),
			Admit:    limiter.Admit("api-key", ratelimit.PerMinute(keysPerMinute)), From: httpserver.ClientIP,
		}
	}
	verifier, err := authn.NewVerifier(ctx, cfg.Auth)
	if err != nil {
		return fmt.Errorf("token verifier: %w", err)
	}
	return serve(ctx, cfg, parts{tel: tel, db: db, redis: client, limiter: limiter, verifier: verifier})
}

const (
	telemetryPatience = 3 * time.Second
	workerPoll        = 5 * time.Second
	tidyEvery         = 10 * time.Minute
	// silence is how long an upload may bring nothing before its import counts as lost.
	silence = 15 * time.Minute
	// keysPerMinute is how many API keys that are not known here an address may come with.
	keysPerMinute = 120
)

// parts are what the service is put together of.
type parts struct {
	tel      *telemetry.Telemetry
	db       *libpostgres.DB
	redis    redis.UniversalClient
	limiter  *ratelimit.Limiter
	verifier *authn.Verifier
}

// part is something that runs beside the others until the service ends.
type part struct {
	name string
	run  func(context.Context) error
}

func serve(ctx context.Context, cfg Config, p parts) error {
	running, err := assemble(cfg, p)
	if err != nil {
		return err
	}
	group := lifecycle.New(ctx, p.tel.Log())
	for _, part := range running {
		group.Go(part.name, part.run)
	}
	return group.Wait()
}

// assemble puts the service together and gives what is to run, in order of start; it stops in reverse.
func assemble(cfg Config, p parts) ([]part, error) {
	log := p.tel.Log()
	store := postgres.New(p.db)
	changes := feed.NewSource(p.db, feed.SourceOptions[station.Station]{Table: postgres.ChangeLog, Load: store.Load, Log: log})
	replica := find.NewReplica(store, changes, log)
	worker := transfer.NewWorker(store, importer.Formats(), log, workerPoll)
	running := []part{
		{"replica", replica.Run},
		{"status wake-up", func(ctx context.Context) error { return listen(ctx, p.db, postgres.StatusChannel, replica.Wake) }},
		{"rating wake-up", func(ctx context.Context) error { return listen(ctx, p.db, postgres.RatingChannel, replica.WakeRatings) }},
		{"tidying", func(ctx context.Context) error { return tidy(ctx, p.db, store, changes, log) }},
	}
	fetcher := fetching(cfg, store, worker.Wake, log)
	running = append(running, part{"fetches", fetcher.Run})
	for range cfg.Workers {
		running = append(running, part{"imports", worker.Run})
	}
	checks := []httpserver.Check{
		{Name: "postgres", Required: true, Probe: libpostgres.SchemaProbe(p.db, Migrations())},
		{Name: "search index", Probe: replica.Probe},
	}
	if p.redis != nil {
		checks = append(checks, httpserver.Check{Name: "redis", Probe: rediscache.Probe(p.redis)})
	}
	if cfg.ChargingPlotURL != "" {
		statuses := plotstatus.Follow(chargingPlot(cfg, p.tel), store, log)
		running = append(running, part{"statuses", statuses.Run})
		checks = append(checks, httpserver.Check{Name: "charging-plot", Probe: statuses.Probe})
	}
	if cfg.TokenURL != "" {
		erasures := erasure.Follow(erasure.Config{
			TokenURL: cfg.TokenURL, Client: cfg.client(), Issuer: cfg.Auth.Issuer,
			Database: p.db, Forget: store.Forget, Telemetry: p.tel,
		})
		running = append(running, part{"erasures", erasures.Run})
		checks = append(checks, httpserver.Check{Name: "erasures", Probe: erasures.Probe})
	}
	vehicles, err := vehicle.Open(cfg.VehicleTable)
	if err != nil {
		return nil, err
	}
	server := httpserver.New(cfg.HTTP, p.tel, checks...)
	finder := find.NewFinder(replica, store).Caching(rediscache.New[[]byte](p.redis, rediscache.Options{
		Namespace: "station-text", Version: 1, TTL: cfg.CacheTTL, Telemetry: p.tel,
	}))
	document, err := httpapi.Document()
	if err != nil {
		return nil, err
	}
	api := httpapi.New(httpapi.Config{
		Store: store, Parties: store, Records: store, Tariffs: store, Reviews: store, Photos: store, Reports: store, Suggestions: store, Contributions: store, Imports: store, Uploads: store, Fetches: fetcher, Formats: importer.Formats(), Changes: changes,
		Finder: finder, Relay: peer.NewRelay(onBehalf(cfg, p.tel)), Vehicles: vehicles, Sources: store, Origin: cfg.PublicURL,
		Cache: rediscache.New[[]byte](p.redis, rediscache.Options{
			Namespace: "station", Version: 1, TTL: cfg.CacheTTL, Telemetry: p.tel,
		}),
		Cursors: page.NewCodec([]byte(cfg.CursorKey)), Submitted: worker.Wake, Log: log,
	})
	authenticate, limit := p.verifier.Middleware(), p.limiter.Middleware(rules(cfg)...)
	if err := api.Register(server, document, authenticate, limit, once()); err != nil {
		return nil, err
	}
	ocpi.New(store, cfg.PublicURL).Register(server.App(), document, libocpi.Middleware(p.verifier.AdmitKey), authenticate, limit)
	ocm.New(finder, store, store, store, cfg.PublicURL, time.Now).Register(server.App(), document, authenticate, limit)
	// The feed is the last, so that it is the first to stop: long polls then end by themselves.
	return append(running, part{"http", server.Run}, part{"changes", changes.Run}), nil
}

// fetching brings in files that stand elsewhere.
func fetching(cfg Config, store *postgres.Store, submitted func(), log *slog.Logger) *peer.Fetcher {
	return peer.New(peer.Config{
		Guard: publichttp.NewGuard(publichttp.Rules{Allow: cfg.FetchAllow}), Orders: store, Imports: store, Formats: importer.Formats(),
		Box: seal.New([]byte(cfg.CursorKey), "tokens of peers"), Submitted: submitted, Poll: workerPoll, Log: log,
	})
}

// listen calls wake whenever a channel of the database is notified, until ctx ends.
func listen(ctx context.Context, db *libpostgres.DB, channel string, wake func()) error {
	err := libpostgres.Listen(ctx, db.Config(), channel, func(string) { wake() })
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// chargingPlot is the client of charging-plot.
func chargingPlot(cfg Config, tel *telemetry.Telemetry) *httpclient.Client {
	c := httpclient.Config{BaseURL: cfg.ChargingPlotURL, Telemetry: tel}
	if cfg.TokenURL != "" {
		c.Tokens = httpclient.ClientCredentials(cfg.TokenURL, cfg.client(), cfg.Auth.Issuer+"/charging-plot")
	}
	return httpclient.New(c)
}

// onBehalf is a client of charging-plot that has no token but those of the callers it is passed, nil when there is no charging-plot.
func onBehalf(cfg Config, tel *telemetry.Telemetry) *httpclient.Client {
	if cfg.ChargingPlotURL == "" {
		return nil
	}
	return httpclient.New(httpclient.Config{BaseURL: cfg.ChargingPlotURL, Telemetry: tel})
}

// rules are the budgets: one for everything that is cheap, and smaller ones for what is dear.
func rules(cfg Config) []ratelimit.Rule {
	if cfg.AnonymousRate == 0 && cfg.PrincipalRate == 0 {
		return nil
	}
	const dearer, large = 100, 10
	budget := func(n, share int) ratelimit.Limit {
		if n == 0 {
			return ratelimit.Limit{}
		}
		return ratelimit.PerMinute(max(1, n/share))
	}
	return []ratelimit.Rule{
		{
			Name: "transfer", Routes: []string{"POST /v1/imports", "POST /v1/imports/fetch", "POST /v1/imports/uploads", "GET /v1/exports/stations.ndjson", "GET /v1/exports/stations.geojson", "GET /v1/exports/stations.csv"},
			Anonymous: budget(cfg.AnonymousRate, dearer), Principal: budget(cfg.PrincipalRate, dearer),
		},
		{
			Name: "photos", Routes: []string{"POST /v1/stations/:station_id/photos"},
			Anonymous: budget(cfg.AnonymousRate, dearer), Principal: budget(cfg.PrincipalRate, dearer),
		},
		{
			Name: "ocm", Routes: ocm.Routes, Anonymous: budget(cfg.AnonymousRate, large), Principal: budget(cfg.PrincipalRate, large),
		},
		{Name: "default", Anonymous: budget(cfg.AnonymousRate, 1), Principal: budget(cfg.PrincipalRate, 1)},
	}
}

// once is the idempotency middleware, but for uploads: it would hold the whole file in memory, and importing a file twice does
// nothing the second time anyway.
func once() fiber.Handler {
	remember := idempotency.Middleware()
	return func(c *fiber.Ctx) error {
		if c.Route().Path == "/v1/imports" {
			return c.Next()
		}
		return remember(c)
	}
}

// tidy drops what has been kept long enough, until ctx ends.
func tidy(ctx context.Context, db *libpostgres.DB, store *postgres.Store, changes *feed.Source[station.Station], log *slog.Logger) error {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		if _, err := idempotency.Purge(ctx, db); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "old answers were not purged", "error", err)
		}
		if err := store.Abandon(ctx, silence); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "silent imports were not ended", "error", err)
		}
		if err := store.ForgetUploads(ctx, transfer.UploadLife); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "forsaken uploads were not dropped", "error", err)
		}
		if _, err := changes.Compact(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "the change log was not compacted", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

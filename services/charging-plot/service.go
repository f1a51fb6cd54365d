// Package chargingplot is the minute-by-minute truth about every plot: its status, who has reserved it, what charges there and what that
// came to.
//
// Run is the service, in a process of its own or beside others in one. RegisterChargePoint, ListChargePoints and ListSessions do by hand
// what the API does for callers.
package chargingplot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
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
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/journal"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/metering"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/ocpp"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/peer"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/pki"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
	bus "github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/redis"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/schedule"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Name is the service's name in telemetry, in its audience and in the path of its document.
const Name = "charging-plot"

// Migrations are the goose migrations of the service's database.
func Migrations() fs.FS { return postgres.Migrations() }

const (
	telemetryPatience = 3 * time.Second
	seenEvery         = 5 * time.Second
	compactEvery      = 10 * time.Minute
	occupancyTick     = 10 * time.Second
)

// Run migrates the database when it is to, and serves until ctx ends. It starts whatever else is away: without Redis live streams of
// other replicas' doings lag by a poll, without station-catalog the plots stay as they are, without auth tokens are verified with the
// keys there are.
func Run(ctx context.Context, cfg Config) (err error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
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
		return fmt.Errorf("open Redis: %w", err)
	}
	if client != nil {
		defer client.Close()
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
	// The listener is opened here because the replica's own address follows from it.
	if cfg.HTTP.Listener == nil {
		if cfg.HTTP.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.HTTP.Listen); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	return serve(ctx, cfg, parts{tel: tel, db: db, redis: client, limiter: limiter, verifier: verifier})
}

// keysPerMinute is how many API keys that are not known here an address may come with.
const keysPerMinute = 120

// parts are what the service is put together of.
type parts struct {
	tel      *telemetry.Telemetry
	db       *libpostgres.DB
	redis    redis.UniversalClient
	limiter  *ratelimit.Limiter
	verifier *authn.Verifier
}

// storeOptions are the settings that the store heeds.
func storeOptions(cfg Config, p parts, wake func()) postgres.Options {
	return postgres.Options{
		Wake: wake, Log: p.tel.Log(), PushTTL: cfg.PushTTL, Guard: cfg.ReservationGuard, PerDriver: cfg.ReservationsAtOnce,
		StartTimeout: cfg.SessionStartTimeout,
	}
}

func serve(ctx context.Context, cfg Config, p parts) error {
	log := p.tel.Log()
	self := cfg.internalURL(cfg.HTTP.Listener)
	group := lifecycle.New(ctx, log)

	// What wakes the live streams is made after the store that calls it, since both read the store's event log.
	hub := live.NewHub(postgres.Events(p.db), cfg.LivePoll, log)
	var told *webhook.Dispatcher
	wake := func() {
		hub.Wake()
		told.Wake()
	}
	checks := []httpserver.Check{{Name: "postgres", Required: true, Probe: libpostgres.SchemaProbe(p.db, Migrations())}}
	if p.redis != nil {
		wakeups := bus.New(p.redis, hub.Wake, log)
		wake = func() {
			wakeups.Wake()
			told.Wake()
		}
		group.Go("wake-ups out", wakeups.Publish)
		group.Go("wake-ups in", wakeups.Subscribe)
		checks = append(checks, httpserver.Check{Name: "redis", Probe: rediscache.Probe(p.redis)})
	}
	store := postgres.New(p.db, storeOptions(cfg, p, wake))
	changes := feed.NewSource(p.db, feed.SourceOptions[httpapi.Plot]{Table: postgres.ChangeLog, Load: load(store), Log: log})
	hooks, sender := webhooks(cfg, p)
	told = webhook.NewDispatcher(store.Dispatch(hooks), cfg.LivePoll, sender.Wake, log)
	group.Go("live", hub.Run)
	group.Go("webhooks out", sender.Run)
	group.Go("webhooks in", told.Run)

	office := central.New(central.Config{Replica: self, HeartbeatInterval: cfg.HeartbeatInterval, SeenEvery: seenEvery}, store, store, store, time.Now, log)
	group.Go("signs of life", office.Run)
	messages := journal.New(store, cfg.MessageKeep, time.Now, log)
	group.Go("message log", messages.Run)
	cfg.OCPP.TrustedProxies, cfg.OCPP.Journal = cfg.HTTP.TrustedProxies, messages
	sockets, err := ocpp.New(cfg.OCPP, office, p.tel)
	if err != nil {
		return err
	}
	office.Replace(sockets.Replace)
	certificates, err := pki.New(cfg.PKI, publichttp.New(publichttp.Config{Guard: cfg.publicInternet(), UserAgent: Name}), time.Now)
	if err != nil {
		return err
	}
	commands := central.NewRecorder(peer.NewForwarder(self, sockets, store, tokens(cfg, cfg.audience())), store, time.Now, log)
	office.Certify(certificates, commands)
	desk := session.NewDesk(store, commands, cfg.CommandTimeout, log)
	herald := reservation.NewHerald(store, commands, cfg.CommandTimeout, log)
	group.Go("reservations out", func(ctx context.Context) error { return herald.Run(ctx, cfg.ScheduleTick) })

	if stations := follow(cfg, p, store); stations != nil {
		checks = append(checks, httpserver.Check{Name: "station-catalog", Probe: stations.Probe})
		group.Go("stations", stations.Run)
	}
	if cfg.TokenURL != "" {
		erasures := erasure.Follow(erasure.Config{
			TokenURL: cfg.TokenURL, Client: cfg.client(), Issuer: cfg.Auth.Issuer,
			Database: p.db, Forget: store.Forget, Telemetry: p.tel,
		})
		checks = append(checks, httpserver.Check{Name: "erasures", Probe: erasures.Probe})
		group.Go("erasures", erasures.Run)
	}
	group.Go("schedule", func(ctx context.Context) error {
		timing := schedule.Config{Tick: cfg.ScheduleTick, SilentAfter: cfg.SilentAfter, KeepEvents: cfg.LiveKeep, KeepHistory: cfg.PlotHistoryKeep}
		return schedule.Run(ctx, timing, store, store, time.Now, log)
	})
	group.Go("metering", func(ctx context.Context) error {
		timing := metering.Config{
			Tick: cfg.ScheduleTick, Keep: cfg.MeterValuesKeep, KeepMinutes: cfg.MeterMinutesKeep, KeepQuarters: cfg.MeterQuartersKeep,
		}
		return metering.Run(ctx, timing, store, desk, time.Now, log)
	})
	group.Go("occupancy", func(ctx context.Context) error {
		return occupancy.Run(ctx, occupancy.Config{Tick: occupancyTick, Every: cfg.OccupancyEvery}, store, time.Now, log)
	})
	group.Go("compaction", func(ctx context.Context) error { return compact(ctx, changes, p) })

	server := httpserver.New(cfg.HTTP, p.tel, checks...)
	httpapi.AllowBodies(server)
	document, err := httpapi.Document()
	if err != nil {
		return fmt.Errorf("load the OpenAPI document: %w", err)
	}
	vehicles, err := vehicle.Open(cfg.VehicleTable)
	if err != nil {
		return err
	}
	api := httpapi.New(httpapi.Deps{
		Plots: store, Changes: changes, Reservations: store, Herald: herald, Terms: cfg.terms(), Sessions: store, Desk: desk, Tokens: store, Vehicles: vehicles, Finished: store, ChargePoints: store, Upkeep: store,
		Webhooks: hooks, Keys: central.NewLocksmith(store, commands),
		Commands: commands, Hub: hub, Events: store.Events(), Stations: store, Occupancies: store, Cursors: page.NewCodec([]byte(cfg.CursorKey)),
		Now: time.Now, Log: log, CommandTimeout: cfg.CommandTimeout, Heartbeat: cfg.LiveHeartbeat,
	})
	authenticate := p.verifier.Middleware()
	httpapi.Bodies(server)
	limit := p.limiter.Middleware(rules(cfg)...)
	api.Register(server.App(), document, authenticate, limit, idempotency.Middleware())
	partners := partnersOf(cfg, store, desk, commands, log)
	partners.Register(server.App(), document, libocpi.Middleware(p.verifier.AdmitKey), authenticate, limit)
	group.Go("partners", func(ctx context.Context) error { return partners.RunPushes(ctx, cfg.ScheduleTick) })
	httpapi.RegisterInternal(server.App(), sockets, cfg.ClientID, authenticate)

	group.Go("earlier sockets", func(ctx context.Context) error { return forget(ctx, store, self, p) })
	group.Go("ocpp", sockets.Run)
	group.Go("orders", func(ctx context.Context) error {
		<-ctx.Done()
		desk.Wait()
		partners.Wait()
		office.Wait()
		return nil
	})
	group.Go("http", server.Run)
	group.Go("changes", changes.Run) // last, so that it is the first to stop and long polls end
	return group.Wait()
}

// partnersOf makes what speaks OCPI with partners.
func partnersOf(cfg Config, store *postgres.Store, desk *session.Desk, commands chargepoint.Commander, log *slog.Logger) *ocpi.API {
	guard, rotate := cfg.publicInternet(), httpclient.KeyRotation(cfg.TokenURL)
	return ocpi.New(ocpi.Config{
		Lists: store, Tokens: store, Partners: store, Pushes: store, Places: store, Reservations: store, Terms: cfg.terms(), Desk: desk, Commands: commands,
		Client: publichttp.New(publichttp.Config{Guard: guard, UserAgent: Name}),
		CheckURL: func(url string) error {
			_, err := guard.CheckURL(url)
			return err
		},
		Rotate:  func(ctx context.Context, key string) (string, error) { return rotate(ctx, key, 0) },
		Secrets: []byte(cfg.WebhookKey), Origin: cfg.PublicURL, CommandTimeout: cfg.CommandTimeout, Now: time.Now, Log: log,
	})
}

// webhooks make what keeps and what sends webhooks.
func webhooks(cfg Config, p parts) (*webhook.Store, *webhook.Worker) {
	guard := cfg.publicInternet()
	hooks := webhook.NewStore(p.db, webhook.StoreOptions{Guard: guard, Key: []byte(cfg.WebhookKey)})
	client := publichttp.New(publichttp.Config{Guard: guard, UserAgent: Name})
	return hooks, webhook.NewWorker(hooks, client, webhook.WorkerConfig{Log: p.tel.Log()})
}

// load gives the documents of plots to their change feed.
func load(store *postgres.Store) func(context.Context, []uuid.UUID) (map[uuid.UUID]httpapi.Plot, error) {
	return func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]httpapi.Plot, error) {
		plots, err := store.GetPlots(ctx, ids)
		if err != nil {
			return nil, err
		}
		out := make(map[uuid.UUID]httpapi.Plot, len(plots))
		for _, p := range plots {
			out[p.ID] = httpapi.ToAPIPlot(p, time.Now())
		}
		return out, nil
	}
}

// follow makes the follower of the catalogue, nil when there is none to follow.
func follow(cfg Config, p parts, store *postgres.Store) *feed.Follower[catalog.Station] {
	if cfg.StationCatalogURL == "" {
		return nil
	}
	client := httpclient.New(httpclient.Config{
		BaseURL: cfg.StationCatalogURL, Tokens: tokens(cfg, cfg.Auth.Issuer+"/station-catalog"), Telemetry: p.tel,
	})
	return peer.FollowStations(client, store, p.tel.Log())
}

// tokens are this service's own for a peer, nil where it has none.
func tokens(cfg Config, audience string) httpclient.TokenSource {
	if cfg.TokenURL == "" {
		return nil
	}
	return httpclient.ClientCredentials(cfg.TokenURL, cfg.client(), audience)
}

// rules are the callers' budgets.
func rules(cfg Config) []ratelimit.Rule {
	if cfg.AnonymousRate == 0 && cfg.PrincipalRate == 0 {
		return nil
	}
	return []ratelimit.Rule{
		{Name: "default", Anonymous: ratelimit.PerMinute(cfg.AnonymousRate), Principal: ratelimit.PerMinute(cfg.PrincipalRate)},
	}
}

// forget ends, in the database, the connections that a predecessor at this address left behind when it was killed. It tries until the
// database answers.
func forget(ctx context.Context, store *postgres.Store, self string, p parts) error {
	started := time.Now()
	for {
		err := store.ForgetReplica(ctx, self, started)
		if err == nil {
			return nil
		}
		p.tel.Log().WarnContext(ctx, "connections of an earlier process are not ended yet", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// compact drops from the change log what no reader needs, now and then.
func compact(ctx context.Context, changes *feed.Source[httpapi.Plot], p parts) error {
	ticker := time.NewTicker(compactEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if _, err := changes.Compact(ctx); err != nil && ctx.Err() == nil {
			p.tel.Log().WarnContext(ctx, "the change log could not be compacted", "error", err)
		}
	}
}

// Package auth is the account service: people and service clients, their credentials, and the tokens that every service
// verifies. Run starts it, in a process of its own or beside others; Admin does what an operator does by hand.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/invitation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mail"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Service is the name by which the others know this one.
const Service = "auth"

// Migrations returns the schema as goose files.
func Migrations() fs.FS { return postgres.Migrations() }

// Run serves until ctx ends, then drains and returns nil. It returns an error when the settings are wrong, when the schema
// could not be brought up to date, or when it could not listen.
func Run(ctx context.Context, cfg Config) error {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	cfg.Telemetry.Version = version()
	tel, err := telemetry.Start(ctx, cfg.Telemetry)
	if err != nil {
		return fmt.Errorf("start telemetry: %w", err)
	}
	err = run(ctx, cfg, tel)
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	return errors.Join(err, tel.Shutdown(flush))
}

func run(ctx context.Context, cfg Config, tel *telemetry.Telemetry) error {
	log := tel.Log()
	cfg.Database.Telemetry, cfg.Redis.Telemetry = tel, tel
	if cfg.Migrations == "startup" {
		if err := pg.Migrate(ctx, cfg.Database, Migrations()); err != nil {
			return err
		}
	}
	db, err := pg.Open(ctx, cfg.Database)
	if err != nil {
		return err
	}
	defer closing(ctx, log, "database", db)
	cache, err := rediscache.Open(cfg.Redis)
	if err != nil {
		return err
	}
	if cache != nil { // no REDIS_URL, no client
		defer closing(ctx, log, "redis", cache)
	}

	parts, err := assemble(cfg, db, log)
	if err != nil {
		return err
	}
	// So that the first answer is a good one. When the database is away the ring tries again for as long as it takes.
	if err := parts.ring.Refresh(ctx); err != nil {
		log.WarnContext(ctx, "the signing keys cannot be read yet", "error", err)
	}
	server, err := parts.serve(ctx, cfg, tel, cache)
	if err != nil {
		return err
	}
	group := lifecycle.New(ctx, log)
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"signing keys", func(ctx context.Context) error { return parts.ring.Run(ctx, log) }},
		{"service clients", parts.bootstrap},
		{"mail", parts.courier.Run},
		{"webhooks in", parts.teller.Run},
		{"webhooks out", parts.sender.Run},
		{"janitor", parts.sweep},
		{"sealed secrets", parts.reseal},
		{"revocations", func(ctx context.Context) error { return relayRevocations(ctx, db, cache, log) }},
		{"http", server.Run},
		{"erasures", parts.erasures.Run}, // last, so that it is the first to stop and long polls end
	} {
		group.Go(part.name, part.run)
	}
	return group.Wait()
}

func closing(ctx context.Context, log *slog.Logger, what string, c io.Closer) {
	if err := c.Close(); err != nil {
		log.WarnContext(ctx, "could not close", "what", what, "error", err)
	}
}

// parts are the pieces of the service that others are made of.
type parts struct {
	log       *slog.Logger
	db        *pg.DB
	sealer    *signingkey.Sealer
	keeper    *signingkey.Keeper
	ring      *signingkey.Ring
	minter    *token.Minter
	hasher    *credential.Hasher
	policy    credential.Policy
	accounts  *postgres.Accounts
	sessions  *postgres.Sessions
	clients   *postgres.Clients
	factors   *postgres.Factors
	throttles *postgres.Throttles
	events    *postgres.Events
	apiKeys   *apikey.Service
	pepper    *apikey.Pepper
	webhooks  *webhook.Store
	sender    *webhook.Worker
	teller    *webhook.Dispatcher
	janitor   *postgres.Janitor
	erasures  *feed.Source[struct{}]
	courier   *notice.Courier
	bootstrap func(context.Context) error
}

// assemble puts the domain onto the database.
func assemble(cfg Config, db *pg.DB, log *slog.Logger) (*parts, error) {
	p := &parts{
		log: log, db: db, accounts: postgres.NewAccounts(db), sessions: postgres.NewSessions(db), clients: postgres.NewClients(db),
		factors: postgres.NewFactors(db), throttles: postgres.NewThrottles(db), events: postgres.NewEvents(db), janitor: postgres.NewJanitor(db),
		erasures: postgres.Erasures(db, log),
		hasher:   credential.NewHasher(credential.DefaultParams, cfg.HashParallel, 0),
		policy:   credential.Policy{MinLength: cfg.PasswordMinLength},
	}
	var err error
	if p.policy.Breached, err = credential.LoadBreached(cfg.BreachFile); err != nil {
		return nil, fmt.Errorf("PASSWORD_BREACH_FILE: %w", err)
	}
	if p.sealer, err = signingkey.NewSealer(cfg.KeyEncryptionKey); err != nil {
		return nil, fmt.Errorf("KEY_ENCRYPTION_KEY: %w", err)
	}
	p.keeper = signingkey.NewKeeper(postgres.NewKeys(db), p.sealer, signingkey.DefaultSchedule, time.Now)
	p.ring = signingkey.NewRing(p.keeper)
	p.minter = token.NewMinter(p.ring, cfg.PublicURL, time.Now)
	keys := postgres.NewAPIKeys(db)
	p.pepper = apikey.NewPepper(keys, p.sealer)
	p.apiKeys = apikey.NewService(keys, p.pepper, p.minter, time.Now)
	guard := cfg.publicInternet()
	// The secrets of webhooks lie under the pepper, which outlives a change of the key-encryption key.
	p.webhooks = webhook.NewStore(db, webhook.StoreOptions{
		Guard: guard, KeyOf: func(ctx context.Context) ([]byte, error) { return p.pepper.Derive(ctx, "webhooks") },
		Record: postgres.RecordWebhooks(httpapi.WebhookAudit),
	})
	p.sender = webhook.NewWorker(p.webhooks, publichttp.New(publichttp.Config{Guard: guard, UserAgent: Service}), webhook.WorkerConfig{Log: log})
	p.teller = webhook.NewDispatcher(postgres.NewWebhookQueue(db, p.webhooks), time.Second, p.sender.Wake, log)
	sender, err := newSender(cfg, log)
	if err != nil {
		return nil, err
	}
	p.courier = notice.NewCourier(postgres.NewOutbox(db), sender, notice.LinksAt(cfg.PublicURL), log)
	p.courier.Mute(cfg.People.muted()...)
	clients, err := client.ParseBootstrap(cfg.ServiceClients)
	if err != nil {
		return nil, fmt.Errorf("SERVICE_CLIENTS: %w", err)
	}
	p.bootstrap = func(ctx context.Context) error { return bootstrap(ctx, p.clients, clients, log) }
	return p, nil
}

func newSender(cfg Config, log *slog.Logger) (notice.Sender, error) {
	writer, err := mail.NewWriter(cfg.brand())
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	if cfg.SMTPURL == "" {
		return mail.NewFolder(writer, cfg.MailFolder, log)
	}
	return mail.NewSMTP(writer, cfg.SMTPURL)
}

// serve puts the handlers onto a server. The verifier of our own tokens lives until ctx ends.
func (p *parts) serve(ctx context.Context, cfg Config, tel *telemetry.Telemetry, cache redis.UniversalClient) (*httpserver.Server, error) {
	inspector := introspection.NewService(p.minter, p.sessions, p.clients)
	limiter := ratelimit.New(cache, ratelimit.Options{Namespace: Service, Log: p.log})
	audience := client.Audience(cfg.PublicURL, Service)
	verifier, err := authn.NewVerifier(ctx, authn.Config{
		Issuer: cfg.PublicURL, Audience: audience, JWKSURL: ownKeys, Client: &http.Client{Transport: keyTransport{p.ring}},
		Revocations: authn.FollowRevocations(ctx, cache, p.log), Introspect: isLive(inspector), Log: p.log,
		Keys: authn.Keys{Exchange: ownExchange(p.apiKeys, audience), Admit: limiter.Admit("api-key", ratelimit.PerMinute(120)), From: httpserver.ClientIP},
	})
	if err != nil {
		return nil, err
	}
	checks := []httpserver.Check{
		{Name: "postgres", Required: true, Probe: pg.SchemaProbe(p.db, Migrations())},
		{Name: "signing_keys", Required: true, Probe: p.probeKeys},
	}
	if cache != nil {
		ping := func(ctx context.Context) (string, error) { return "", cache.Ping(ctx).Err() }
		checks = append(checks, httpserver.Check{Name: "redis", Probe: ping})
	}
	server := httpserver.New(cfg.HTTP, tel, checks...)
	nudge := p.courier.Nudge
	passkeys, err := passkey.NewService(p.factors, mfa.NewCodes, cfg.site(), time.Now)
	if err != nil {
		return nil, err
	}
	clients := client.NewService(p.clients, p.minter)
	if err := cfg.ServiceAccounts.trust(ctx, clients, p.log); err != nil {
		return nil, fmt.Errorf("SERVICE_ACCOUNT_JWKS_URL: %w", err)
	}
	factors := mfa.NewService(p.factors, p.sealer, p.throttles, passkeys, cfg.People.AppName, time.Now)
	needs := httpapi.Needs{
		Registrar:   account.NewRegistrar(p.accounts, p.hasher, p.policy, p.throttles, nudge),
		Passwords:   account.NewPasswords(p.accounts, p.hasher, p.policy, p.throttles, nudge),
		Profiles:    account.NewProfiles(p.accounts, p.throttles, cfg.People.UsernamesFixed, nudge),
		Emails:      account.NewEmails(p.accounts, p.throttles, nudge),
		Erasure:     account.NewErasure(p.accounts, cfg.People.ErasureGrace, nudge),
		Erasures:    p.erasures,
		Devices:     session.NewDevices(p.sessions),
		Users:       account.NewUsers(p.accounts),
		Trail:       p.events,
		Webhooks:    p.webhooks,
		Invitations: invitation.NewService(p.accounts, p.hasher, p.policy, p.throttles, nudge),
		Sessions: session.NewService(session.Needs{
			Store: p.sessions, Hasher: p.hasher, Minter: p.minter, Throttle: p.throttles, Recorder: p.events,
			Second: p.sessions, Factors: factors, Passkeys: passkeys,
			Audiences: client.Audiences(cfg.PublicURL), Lifetimes: session.DefaultLifetimes, Now: time.Now,
		}),
		Factors: factors, Passkeys: passkeys, Guard: p.sessions, APIKeys: p.apiKeys,
		Clients:   clients,
		Inspector: inspector,
		Keys:      p.ring, Issuer: cfg.PublicURL, Veil: caller.NewVeil(p.sealer.Derive("networks and devices")), Verifier: verifier,
		Cursors: page.NewCodec(p.sealer.Derive("cursors")), AppName: cfg.People.AppName,
		AutoLogin:  cfg.People.autoLogin(),
		LimitScale: cfg.RateLimitFactor,
	}
	if cfg.People.Registration == RegistrationByInvitation {
		needs.Registrar.ByInvitation()
	}
	if cfg.RateLimitFactor > 0 {
		needs.Limiter = limiter
	}
	return server, httpapi.Register(server.App(), needs)
}

func (p *parts) probeKeys(context.Context) (string, error) {
	if _, _, err := p.ring.Signing(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d published", p.ring.Size()), nil
}

// bootstrap writes the configured service clients, and tries until it has.
func bootstrap(ctx context.Context, store client.Store, clients []client.Client, log *slog.Logger) error {
	for {
		err := putClients(ctx, store, clients)
		if err == nil {
			return nil
		}
		log.WarnContext(ctx, "the configured service clients could not be written", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(2 * time.Second):
		}
	}
}

// reseal seals the secrets of authenticator apps and the pepper of API keys anew that an old key-encryption key has sealed, and
// tries until it has.
func (p *parts) reseal(ctx context.Context) error {
	for {
		n, err := mfa.Reseal(ctx, p.factors, p.sealer)
		if err == nil {
			_, err = p.pepper.Reseal(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			p.log.WarnContext(ctx, "secrets could not be sealed anew", "error", err)
		case n > 0:
			p.log.InfoContext(ctx, "secrets of authenticator apps were sealed anew", "rows", n)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Minute):
		}
	}
}

// sweep erases the accounts whose time has come, and deletes what has lost its meaning, once in ten minutes.
func (p *parts) sweep(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		switch n, err := p.janitor.Erase(ctx); {
		case err != nil && ctx.Err() == nil:
			p.log.WarnContext(ctx, "accounts could not be erased", "error", err)
		case n > 0:
			p.log.InfoContext(ctx, "accounts were erased", "accounts", n)
		}
		if _, err := p.janitor.FillSkeletons(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "usernames could not be read over", "error", err)
		}
		switch n, err := p.janitor.Sweep(ctx); {
		case err != nil && ctx.Err() == nil:
			p.log.WarnContext(ctx, "old rows could not be deleted", "error", err)
		case n > 0:
			p.log.InfoContext(ctx, "old rows were deleted", "rows", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ownExchange exchanges the API keys that this service itself is sent.
func ownExchange(keys *apikey.Service, audience string) func(context.Context, string) (string, error) {
	return func(ctx context.Context, text string) (string, error) {
		issued, err := keys.Exchange(ctx, text, audience)
		if errors.Is(err, apikey.ErrUnknown) {
			return "", nil
		}
		return issued.Access, err
	}
}

// ownKeys is the address under which our own verifier asks for the key set. It is never dialled.
const ownKeys = "http://auth.internal/.well-known/jwks.json"

// keyTransport answers that request from the ring.
type keyTransport struct{ ring *signingkey.Ring }

// RoundTrip returns the key set.
func (t keyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	document, _, err := t.ring.JWKS()
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: int64(len(document)),
		Body: io.NopCloser(strings.NewReader(string(document))),
	}, nil
}

// version is the commit that the program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				return setting.Value
			}
		}
	}
	return "unknown"
}

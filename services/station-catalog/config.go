package stationcatalog

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Config is everything that the service wants to know, filled from the environment by libs/config.
type Config struct {
	HTTP      httpserver.Config
	Postgres  postgres.Config
	Redis     rediscache.Config
	Auth      authn.Config
	Telemetry telemetry.Config

	Environment string `env:"ENVIRONMENT" envDefault:"development" desc:"development or production; production refuses development secrets"`
	PublicURL   string `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:5000" desc:"origin under which callers reach the product; the issuer of tokens when AUTH_ISSUER is empty"`
	Migrations  string `env:"MIGRATIONS" envDefault:"startup" desc:"startup: migrate before serving; off: somebody else does"`
	CursorKey   string `env:"CURSOR_KEY" envDefault:"development cursor key" desc:"secret that cursors are signed and tokens of peers sealed with, the same on every replica"`

	ChargingPlotURL string `env:"CHARGING_PLOT_URL" desc:"where charging-plot is; none: no live status is known"`
	TokenURL        string `env:"AUTH_TOKEN_URL" desc:"where the service gets its tokens; none: it calls charging-plot without one"`
	ClientID        string `env:"CLIENT_ID" envDefault:"station-catalog" desc:"the service's client id at auth"`
	ClientSecret    string `env:"CLIENT_SECRET" desc:"the service's client secret at auth"`
	ClientToken     string `env:"CLIENT_TOKEN_PATH" desc:"file with a Kubernetes ServiceAccount token that is for auth, with which the service proves itself in place of a secret; read anew each time"`

	CacheTTL     time.Duration  `env:"CACHE_TTL" envDefault:"10m" desc:"how long documents of stations, and what texts find, stay in Redis"`
	Workers      int            `env:"IMPORT_WORKERS" envDefault:"1" desc:"imports that are worked off at once; 0: by other replicas"`
	FetchAllow   []netip.Prefix `env:"IMPORT_FETCH_ALLOW" desc:"networks that files may be fetched from though they are not public, such as 10.1.0.0/16; for tests and peers inside"`
	VehicleTable string         `env:"VEHICLE_TABLE" desc:"CSV of reference vehicles instead of those that are built in"`
	// Limits on requests per minute: per client address without a token, per caller with one.
	AnonymousRate int `env:"RATE_ANONYMOUS" envDefault:"600" desc:"requests a minute of a caller without a token; 0: no limit"`
	PrincipalRate int `env:"RATE_PRINCIPAL" envDefault:"6000" desc:"requests a minute of a caller with a token; 0: as without"`
}

const developmentKey = "development cursor key"

// client is what the service proves to auth with who it is.
func (c Config) client() httpclient.Credential {
	return httpclient.Credential{ID: c.ClientID, Secret: c.ClientSecret, TokenPath: c.ClientToken}
}

// Validate names every setting that cannot be right.
func (c Config) Validate() error {
	var faults []error
	bad := func(name, detail string) { faults = append(faults, fmt.Errorf("%s: %s", name, detail)) }
	if c.Environment != "development" && c.Environment != "production" {
		bad("ENVIRONMENT", "must be development or production")
	}
	if c.Environment == "production" && c.CursorKey == developmentKey {
		bad("CURSOR_KEY", "is the development secret, which production refuses")
	}
	if c.CursorKey == "" {
		bad("CURSOR_KEY", "must not be empty")
	}
	if c.Migrations != "startup" && c.Migrations != "off" {
		bad("MIGRATIONS", "must be startup or off")
	}
	for name, value := range map[string]string{
		"PUBLIC_URL": c.PublicURL, "CHARGING_PLOT_URL": c.ChargingPlotURL, "AUTH_TOKEN_URL": c.TokenURL,
	} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			bad(name, "must be an http or https URL")
		}
	}
	if c.TokenURL != "" && !c.client().Complete() {
		bad("CLIENT_SECRET", "is wanted, or CLIENT_TOKEN_PATH, with CLIENT_ID, when AUTH_TOKEN_URL is set")
	}
	if c.CacheTTL <= 0 {
		bad("CACHE_TTL", "must be positive")
	}
	if c.Workers < 0 || c.Workers > 16 {
		bad("IMPORT_WORKERS", "must be from 0 to 16")
	}
	if c.AnonymousRate < 0 || c.PrincipalRate < 0 {
		bad("RATE_ANONYMOUS, RATE_PRINCIPAL", "must not be negative")
	}
	return errors.Join(faults...)
}

// audience is what tokens for this service name.
func (c Config) audience() string { return c.Auth.Issuer + "/station-catalog" }

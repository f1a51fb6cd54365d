package chargingplot

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/ocpp"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/pki"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

// Config is everything the service wants to know, filled from the environment by libs/config. The zero value of what is a duration or a
// number of reservations means its default.
type Config struct {
	HTTP      httpserver.Config
	OCPP      ocpp.Config
	PKI       pki.Config
	Postgres  postgres.Config
	Redis     rediscache.Config
	Auth      authn.Config
	Telemetry telemetry.Config

	Environment string `env:"ENVIRONMENT" envDefault:"development" desc:"development or production; production refuses development secrets"`
	PublicURL   string `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:5000" desc:"origin under which callers reach the product"`
	InternalURL string `env:"INTERNAL_URL" desc:"address under which other replicas reach this one, such as http://10.1.2.3:8080; in development the listener's own"`
	Migrations  string `env:"MIGRATIONS" envDefault:"startup" desc:"startup: migrate before serving; off: somebody else does"`
	CursorKey   string `env:"CURSOR_KEY" envDefault:"development cursor key" desc:"secret that cursors are signed with, the same on every replica"`

	WebhookKey   string   `env:"WEBHOOK_KEY" desc:"secret that webhooks' own secrets are encrypted under, the same on every replica; CURSOR_KEY when empty"`
	WebhookAllow []string `env:"WEBHOOK_ALLOW" desc:"networks that webhooks may reach although they are not public, such as 127.0.0.0/8 in development"`

	StationCatalogURL string `env:"STATION_CATALOG_URL" desc:"where station-catalog is; none: plots stay as they are"`
	TokenURL          string `env:"AUTH_TOKEN_URL" desc:"where the service gets its tokens; none: replicas do not reach each other's charge points"`
	ClientID          string `env:"CLIENT_ID" envDefault:"charging-plot" desc:"the service's client id at auth"`
	ClientSecret      string `env:"CLIENT_SECRET" desc:"the service's client secret at auth"`
	ClientToken       string `env:"CLIENT_TOKEN_PATH" desc:"file with a Kubernetes ServiceAccount token that is for auth, with which the service proves itself in place of a secret; read anew each time"`

	ReservationMin      time.Duration `env:"RESERVATION_MIN" envDefault:"5m" desc:"shortest reservation"`
	ReservationMax      time.Duration `env:"RESERVATION_MAX" envDefault:"24h" desc:"longest reservation"`
	ReservationAhead    time.Duration `env:"RESERVATION_AHEAD" envDefault:"744h" desc:"how far in the future a reservation may begin"`
	ReservationNoShow   time.Duration `env:"RESERVATION_NO_SHOW" envDefault:"15m" desc:"how long a plot waits for its driver"`
	ReservationGuard    time.Duration `env:"RESERVATION_GUARD" envDefault:"15m" desc:"how long before a reservation nobody else may begin a session on its plot"`
	ReservationsAtOnce  int           `env:"RESERVATIONS_AT_ONCE" envDefault:"3" desc:"reservations that a driver may hold at once"`
	SessionStartTimeout time.Duration `env:"SESSION_START_TIMEOUT" envDefault:"2m" desc:"how long an ordered session waits for its charge point to begin; longer than the car has to be plugged in"`
	CommandTimeout      time.Duration `env:"COMMAND_TIMEOUT" envDefault:"8s" desc:"how long a charge point may take to answer a command"`
	HeartbeatInterval   time.Duration `env:"HEARTBEAT_INTERVAL" envDefault:"5m" desc:"how often charge points are told to say that they live"`
	SilentAfter         time.Duration `env:"SILENT_AFTER" envDefault:"16m" desc:"how long after its last word a charge point's statuses are believed"`
	PushTTL             time.Duration `env:"PUSH_TTL" envDefault:"24h" desc:"how long a status that an operator's back end pushed is believed"`
	ScheduleTick        time.Duration `env:"SCHEDULE_TICK" envDefault:"1s" desc:"how often is looked for what is due"`
	LivePoll            time.Duration `env:"LIVE_POLL" envDefault:"1s" desc:"how often live events are looked for when nothing wakes a replica"`
	LiveHeartbeat       time.Duration `env:"LIVE_HEARTBEAT" envDefault:"15s" desc:"how often a live stream without events says that it lives"`
	MessageKeep         time.Duration `env:"OCPP_LOG_KEEP" envDefault:"720h" desc:"how long what charge points said, and what they were told to do, is kept"`
	LiveKeep            time.Duration `env:"LIVE_KEEP" envDefault:"1h" desc:"how far back a live stream can be replayed"`

	PlotHistoryKeep   time.Duration `env:"PLOT_HISTORY_KEEP" envDefault:"9504h" desc:"how long the statuses that plots had are kept; 0: for ever"`
	OccupancyEvery    time.Duration `env:"OCCUPANCY_EVERY" envDefault:"1h" desc:"how old the typical week of a station may be"`
	VehicleTable      string        `env:"VEHICLE_TABLE" desc:"CSV of reference vehicles instead of those that are built in"`
	MeterValuesKeep   time.Duration `env:"METER_VALUES_KEEP" envDefault:"9504h" desc:"how long readings are kept; what they were summed up to by the minute stays; 0: for ever"`
	MeterMinutesKeep  time.Duration `env:"METER_MINUTES_KEEP" envDefault:"0" desc:"how long is kept what readings were summed up to by the minute; 0: for ever"`
	MeterQuartersKeep time.Duration `env:"METER_QUARTERS_KEEP" envDefault:"0" desc:"how long is kept what readings were summed up to by the quarter of an hour; 0: for ever"`

	// Limits on requests per minute: per client address without a token, per caller with one.
	AnonymousRate int `env:"RATE_ANONYMOUS" envDefault:"600" desc:"requests a minute of a caller without a token; 0: no limit"`
	PrincipalRate int `env:"RATE_PRINCIPAL" envDefault:"6000" desc:"requests a minute of a caller with a token; 0: no limit"`
}

const developmentKey = "development cursor key"

// durations are the settings with a default, so that a Config made by hand may leave them out.
func (c *Config) durations() map[string]struct {
	value *time.Duration
	usual time.Duration
} {
	type setting = struct {
		value *time.Duration
		usual time.Duration
	}
	return map[string]setting{
		"RESERVATION_MIN":       {&c.ReservationMin, 5 * time.Minute},
		"RESERVATION_MAX":       {&c.ReservationMax, 24 * time.Hour},
		"RESERVATION_AHEAD":     {&c.ReservationAhead, 744 * time.Hour},
		"RESERVATION_NO_SHOW":   {&c.ReservationNoShow, 15 * time.Minute},
		"RESERVATION_GUARD":     {&c.ReservationGuard, 15 * time.Minute},
		"SESSION_START_TIMEOUT": {&c.SessionStartTimeout, 2 * time.Minute},
		"COMMAND_TIMEOUT":       {&c.CommandTimeout, 8 * time.Second},
		"HEARTBEAT_INTERVAL":    {&c.HeartbeatInterval, 5 * time.Minute},
		"SILENT_AFTER":          {&c.SilentAfter, 16 * time.Minute},
		"PUSH_TTL":              {&c.PushTTL, 24 * time.Hour},
		"SCHEDULE_TICK":         {&c.ScheduleTick, time.Second},
		"LIVE_POLL":             {&c.LivePoll, time.Second},
		"LIVE_HEARTBEAT":        {&c.LiveHeartbeat, 15 * time.Second},
		"OCPP_LOG_KEEP":         {&c.MessageKeep, 720 * time.Hour},
		"LIVE_KEEP":             {&c.LiveKeep, time.Hour},
		"OCCUPANCY_EVERY":       {&c.OccupancyEvery, time.Hour},
	}
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	for _, d := range c.durations() {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if c.ReservationsAtOnce == 0 {
		c.ReservationsAtOnce = 3
	}
	if c.Environment == "" {
		c.Environment = "development"
	}
	if c.CursorKey == "" && c.Environment == "development" {
		c.CursorKey = developmentKey
	}
	if c.ClientID == "" {
		c.ClientID = "charging-plot"
	}
	if c.WebhookKey == "" {
		c.WebhookKey = c.CursorKey
	}
	if c.Auth.Issuer == "" {
		c.Auth.Issuer = c.PublicURL
	}
	if c.Migrations == "" {
		c.Migrations = "startup"
	}
	return c
}

// client is what the service proves to auth with who it is.
func (c Config) client() httpclient.Credential {
	return httpclient.Credential{ID: c.ClientID, Secret: c.ClientSecret, TokenPath: c.ClientToken}
}

// Validate names every setting that cannot be right.
func (c Config) Validate() error {
	var faults []error
	bad := func(name, detail string) { faults = append(faults, fmt.Errorf("%s: %s", name, detail)) }
	production := c.Environment == "production"
	if c.Environment != "development" && !production {
		bad("ENVIRONMENT", "must be development or production")
	}
	if production && c.CursorKey == developmentKey {
		bad("CURSOR_KEY", "is the development secret, which production refuses")
	}
	if c.CursorKey == "" {
		bad("CURSOR_KEY", "must not be empty")
	}
	for _, network := range c.WebhookAllow {
		if _, err := netip.ParsePrefix(network); err != nil {
			bad("WEBHOOK_ALLOW", "must be networks such as 127.0.0.0/8")
		}
	}
	if production && c.InternalURL == "" {
		bad("INTERNAL_URL", "is wanted in production: replicas reach each other's charge points by it")
	}
	if c.Migrations != "startup" && c.Migrations != "off" {
		bad("MIGRATIONS", "must be startup or off")
	}
	for name, value := range map[string]string{
		"PUBLIC_URL": c.PublicURL, "INTERNAL_URL": c.InternalURL, "STATION_CATALOG_URL": c.StationCatalogURL, "AUTH_TOKEN_URL": c.TokenURL,
	} {
		if u, err := url.Parse(value); value != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			bad(name, "must be an http or https URL")
		}
	}
	if c.TokenURL != "" && !c.client().Complete() {
		bad("CLIENT_SECRET", "is wanted, or CLIENT_TOKEN_PATH, with CLIENT_ID, when AUTH_TOKEN_URL is set")
	}
	for name, d := range c.durations() {
		if *d.value <= 0 {
			bad(name, "must be positive")
		}
	}
	if c.ReservationMin > c.ReservationMax {
		bad("RESERVATION_MIN", "must not be longer than RESERVATION_MAX")
	}
	if c.SilentAfter <= c.HeartbeatInterval {
		bad("SILENT_AFTER", "must be longer than HEARTBEAT_INTERVAL")
	}
	if c.ReservationsAtOnce <= 0 {
		bad("RESERVATIONS_AT_ONCE", "must be positive")
	}
	for name, keep := range map[string]time.Duration{
		"METER_VALUES_KEEP": c.MeterValuesKeep, "METER_MINUTES_KEEP": c.MeterMinutesKeep, "METER_QUARTERS_KEEP": c.MeterQuartersKeep,
	} {
		if keep < 0 || keep > 0 && keep < 720*time.Hour {
			bad(name, "must be 0 or at least 720h: a running session is billed by its readings")
		}
	}
	if c.PlotHistoryKeep < 0 || c.PlotHistoryKeep > 0 && c.PlotHistoryKeep < occupancy.Window {
		bad("PLOT_HISTORY_KEEP", "must be 0 or at least 1344h: the typical week is made of eight weeks")
	}
	if c.AnonymousRate < 0 || c.PrincipalRate < 0 {
		bad("RATE_ANONYMOUS, RATE_PRINCIPAL", "must not be negative")
	}
	return errors.Join(faults...)
}

// audience is what tokens for this service name.
func (c Config) audience() string { return c.Auth.Issuer + "/charging-plot" }

// publicInternet says which addresses webhooks may reach.
func (c Config) publicInternet() *publichttp.Guard {
	rules := publichttp.Rules{}
	for _, network := range c.WebhookAllow {
		rules.Allow = append(rules.Allow, netip.MustParsePrefix(network)) // Validate has read it
	}
	return publichttp.NewGuard(rules)
}

// terms are what drivers may reserve.
func (c Config) terms() reservation.Terms {
	return reservation.Terms{
		MinDuration: c.ReservationMin, MaxDuration: c.ReservationMax, MaxAhead: c.ReservationAhead, NoShowAfter: c.ReservationNoShow,
		PerDriver: c.ReservationsAtOnce, Guard: c.ReservationGuard,
	}
}

// internalURL is the address under which other replicas reach the listener.
func (c Config) internalURL(listener net.Listener) string {
	if c.InternalURL != "" {
		return c.InternalURL
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return "http://" + listener.Addr().String()
	}
	if address.IP == nil || address.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", address.Port)
	}
	return "http://" + address.String()
}

package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mail"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
)

// Environments.
const (
	Development = "development"
	Production  = "production"
)

// developmentKey seals signing keys on developers' machines. It is public, and production refuses it.
const developmentKey = "ZGV2ZWxvcG1lbnQga2V5LWVuY3J5cHRpb24ga2V5ISE="

// Config is everything the service can be told. The defaults work on a developer's machine with a local Postgres.
type Config struct {
	Environment string `env:"ENVIRONMENT" envDefault:"development" desc:"development or production; production refuses development secrets"`
	PublicURL   string `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:5000" desc:"address of the gateway: the issuer of tokens, and where mailed links lead"`
	Migrations  string `env:"MIGRATIONS" envDefault:"startup" desc:"startup: bring the schema up to date before serving; off: somebody else does"`

	HTTP      httpserver.Config
	Database  postgres.Config
	Redis     rediscache.Config
	Telemetry telemetry.Config

	KeyEncryptionKey string `env:"KEY_ENCRYPTION_KEY" desc:"32 bytes in base64 that seal the signing keys; a new one is put before the old, with a comma"`
	SMTPURL          string `env:"SMTP_URL" desc:"mail server: smtp://user:password@host:587 (STARTTLS), smtps://…:465, or smtp://host:25?tls=none"`
	MailFolder       string `env:"MAIL_FOLDER" desc:"development: mails become files here and their links are logged; .local/mail when there is no SMTP_URL"`
	MailFrom         string `env:"MAIL_FROM" envDefault:"IHR Charging Plot <no-reply@localhost.example>" desc:"sender of mails"`
	ServiceClients   string `env:"SERVICE_CLIENTS" desc:"clients that shall exist: id:secret:service+service[:scope+scope] …, or serviceaccount=NAMESPACE/NAME for the secret; production reads them from a file only"`

	ServiceAccounts ServiceAccountConfig

	People PeopleConfig

	PasskeyDomain  string   `env:"PASSKEY_DOMAIN" desc:"domain that passkeys belong to; the host of PUBLIC_URL when empty, localhost when that is a loopback address"`
	PasskeyOrigins []string `env:"PASSKEY_ORIGINS" desc:"origins of apps and pages where passkeys may be used, besides PUBLIC_URL"`

	WebhookAllow []string `env:"WEBHOOK_ALLOW" desc:"networks that webhooks may reach although they are not public, such as 127.0.0.0/8 in development"`

	PasswordMinLength int     `env:"PASSWORD_MIN_LENGTH" envDefault:"15" desc:"least number of characters of a new password, 8 or more"`
	BreachFile        string  `env:"PASSWORD_BREACH_FILE" desc:"file of stolen passwords that are refused: a SHA-1 in hex a line, with or without a count, as Have I Been Pwned gives them; besides the 3,400 that are built in"`
	HashParallel      int     `env:"PASSWORD_HASH_PARALLEL" envDefault:"0" desc:"password hashes computed at once, 19 MiB each; 0: one for each CPU"`
	RateLimitFactor   float64 `env:"RATE_LIMIT_FACTOR" envDefault:"1" desc:"multiplies the request limits by caller; 0: no such limits (the budgets of guesses and mails stay)"`
}

// LoadConfig reads the settings from an environment as os.Environ gives it. It reports everything that is wrong at once.
func LoadConfig(environ []string) (Config, error) {
	var cfg Config
	err := config.Load(&cfg, environ)
	inline := slices.ContainsFunc(environ, func(line string) bool {
		value, found := strings.CutPrefix(line, "SERVICE_CLIENTS=")
		return found && value != ""
	})
	if cfg.Environment == Production && inline {
		err = errors.Join(err, errors.New("SERVICE_CLIENTS: production reads secrets from SERVICE_CLIENTS_FILE only"))
	}
	return cfg, err
}

// withDefaults fills in what depends on other settings.
func (c Config) withDefaults() Config {
	if c.Environment == "" {
		c.Environment = Development
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://127.0.0.1:5000"
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	if c.Migrations == "" {
		c.Migrations = "startup"
	}
	if c.MailFrom == "" {
		c.MailFrom = "IHR Charging Plot <no-reply@localhost.example>"
	}
	if c.PasswordMinLength == 0 {
		c.PasswordMinLength = credential.DefaultMinLength
	}
	if c.Environment == Development {
		if c.KeyEncryptionKey == "" {
			c.KeyEncryptionKey = developmentKey
		}
		if c.SMTPURL == "" && c.MailFolder == "" {
			c.MailFolder = ".local/mail"
		}
	}
	c.People = c.People.withDefaults()
	c.Telemetry.Service = Service
	c.Database.ApplicationName = Service
	return c
}

// Validate names every setting that cannot be right. It never quotes a value that may be a secret.
func (c Config) Validate() error {
	c = c.withDefaults()
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }

	if !slices.Contains([]string{Development, Production}, c.Environment) {
		bad("ENVIRONMENT: neither development nor production")
	}
	if !slices.Contains([]string{"startup", "off"}, c.Migrations) {
		bad("MIGRATIONS: neither startup nor off")
	}
	public, err := url.Parse(c.PublicURL)
	if err != nil || public.Host == "" || public.RawQuery != "" || public.Fragment != "" || public.User != nil {
		bad("PUBLIC_URL: not the address of a site")
	} else if public.Scheme != "https" && (c.Environment == Production || public.Scheme != "http") {
		bad("PUBLIC_URL: production wants https")
	}
	if c.Database.URL == "" {
		bad("DATABASE_URL: not set")
	}
	if c.KeyEncryptionKey == "" {
		bad("KEY_ENCRYPTION_KEY: not set")
	} else if _, err := signingkey.NewSealer(c.KeyEncryptionKey); err != nil {
		bad("KEY_ENCRYPTION_KEY: %w", err)
	}
	faults = append(faults, c.validateMail()...)
	faults = append(faults, c.People.validate()...)
	if _, err := client.ParseBootstrap(c.ServiceClients); err != nil {
		bad("SERVICE_CLIENTS: %w", err)
	}
	faults = append(faults, c.ServiceAccounts.validate()...)
	if _, err := passkey.NewService(nil, nil, c.site(), nil); err != nil {
		bad("PASSKEY_DOMAIN: %w", err)
	}
	for _, network := range c.WebhookAllow {
		if _, err := netip.ParsePrefix(network); err != nil {
			bad("WEBHOOK_ALLOW: not networks such as 127.0.0.0/8")
		}
	}
	if c.PasswordMinLength < credential.MinMinLength || c.PasswordMinLength > 64 {
		bad("PASSWORD_MIN_LENGTH: not from %d to 64", credential.MinMinLength)
	}
	if c.HashParallel < 0 {
		bad("PASSWORD_HASH_PARALLEL: negative")
	}
	if c.RateLimitFactor < 0 {
		bad("RATE_LIMIT_FACTOR: negative")
	}
	if c.Environment == Production {
		faults = append(faults, c.validateProduction()...)
	}
	return errors.Join(faults...)
}

// site is who asks for passkeys. A passkey belongs to a domain; a developer's machine is localhost, by whatever address.
func (c Config) site() passkey.Site {
	site := passkey.Site{ID: c.PasskeyDomain, Name: c.People.AppName, Origins: append([]string{c.PublicURL}, c.PasskeyOrigins...)}
	public, err := url.Parse(c.PublicURL)
	if err != nil {
		return site
	}
	site.Origins[0] = public.Scheme + "://" + public.Host
	if address, err := netip.ParseAddr(public.Hostname()); err == nil && address.IsLoopback() && site.ID == "" {
		site.ID = "localhost"
		site.Origins = append(site.Origins, public.Scheme+"://localhost:"+public.Port())
	}
	if site.ID == "" {
		site.ID = public.Hostname()
	}
	return site
}

// publicInternet says which addresses webhooks may reach.
func (c Config) publicInternet() *publichttp.Guard {
	rules := publichttp.Rules{}
	for _, network := range c.WebhookAllow {
		rules.Allow = append(rules.Allow, netip.MustParsePrefix(network)) // Validate has read it
	}
	return publichttp.NewGuard(rules)
}

func (c Config) validateMail() []error {
	var faults []error
	writer, err := mail.NewWriter(c.brand())
	if err != nil {
		faults = append(faults, fmt.Errorf("MAIL_FROM: %w", err))
	}
	switch {
	case c.SMTPURL != "" && c.MailFolder != "":
		faults = append(faults, errors.New("SMTP_URL and MAIL_FOLDER: only one of them"))
	case c.SMTPURL != "":
		if _, err := mail.NewSMTP(writer, c.SMTPURL); err != nil {
			faults = append(faults, fmt.Errorf("SMTP_URL: %w", err))
		}
	case c.MailFolder == "":
		faults = append(faults, errors.New("SMTP_URL: not set"))
	}
	return faults
}

// validateProduction refuses what only a developer's machine may have.
func (c Config) validateProduction() []error {
	var faults []error
	if slices.Contains(strings.Split(c.KeyEncryptionKey, ","), developmentKey) {
		faults = append(faults, errors.New("KEY_ENCRYPTION_KEY: this is the key of developers' machines"))
	}
	if c.MailFolder != "" {
		faults = append(faults, errors.New("MAIL_FOLDER: for development only, since it logs links that log people in"))
	}
	if strings.Contains(c.MailFrom, "localhost") {
		faults = append(faults, errors.New("MAIL_FROM: not set"))
	}
	if short := client.ShortSecrets(c.ServiceClients); len(short) > 0 {
		faults = append(faults, fmt.Errorf("SERVICE_CLIENTS: the secrets of %s have fewer than 32 characters", strings.Join(short, ", ")))
	}
	return faults
}

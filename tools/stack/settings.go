package stack

import (
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
)

// databases are the names of the services' databases and of the roles that own them.
var databases = map[string]string{Auth: "auth", StationCatalog: "catalog", ChargingPlot: "plot"}

// environment is everything a service is told. Nothing comes from this process' own environment, so that a stack is the same
// wherever it is started.
func (s *Stack) environment(name string, used ports) map[string]string {
	address := func(service string) string {
		return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(used.Services[service]))
	}
	out := map[string]string{
		"LISTEN":          net.JoinHostPort("127.0.0.1", strconv.Itoa(used.Services[name])),
		"PUBLIC_URL":      s.URL,
		"ENVIRONMENT":     "development",
		"DATABASE_URL":    s.Postgres.RoleURL(databases[name], s.secrets.Databases[name], databases[name]),
		"REDIS_URL":       s.Redis.URL(0),
		"MIGRATIONS":      "startup",
		"AUTH_ISSUER":     s.URL,
		"AUTH_JWKS_URL":   address(Auth) + "/.well-known/jwks.json",
		"AUTH_TOKEN_URL":  address(Auth) + "/oauth/token",
		"CLIENT_ID":       name,
		"CLIENT_SECRET":   s.secrets.Clients[name],
		"CURSOR_KEY":      s.secrets.CursorKeys[name],
		"TRUSTED_PROXIES": "127.0.0.1",
		"LOG_FORMAT":      "text",
	}
	switch name {
	case Auth:
		out["MAIL_FOLDER"] = s.state.path("mail")
		out["MAIL_FROM"] = "IHR Charging Plot <noreply@demo.example>"
		out["KEY_ENCRYPTION_KEY"] = s.secrets.KeyEncryptionKey
		out["SERVICE_CLIENTS"] = s.serviceClients()
	case StationCatalog:
		out["CHARGING_PLOT_URL"] = address(ChargingPlot)
	case ChargingPlot:
		out["STATION_CATALOG_URL"] = address(StationCatalog)
		out["OCPP_LISTEN"] = net.JoinHostPort("127.0.0.1", strconv.Itoa(used.OCPP))
	}
	maps.Copy(out, s.opts.Environment[""])
	maps.Copy(out, s.opts.Environment[name])
	return out
}

// serviceClients are the services that may ask auth for a token of their own, and for whom: id:secret:service.
func (s *Stack) serviceClients() string {
	// charging-plot also calls its own replicas: one of them has the socket of a charge point. auth tells both whom to forget.
	peers := map[string]string{StationCatalog: ChargingPlot + "+" + Auth, ChargingPlot: StationCatalog + "+" + ChargingPlot + "+" + Auth}
	var clients []string
	for _, name := range []string{StationCatalog, ChargingPlot} {
		clients = append(clients, fmt.Sprintf("%s:%s:%s", name, s.secrets.Clients[name], peers[name]))
	}
	return strings.Join(clients, ",")
}

package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/ihr-charging/charging-plot-api/libs/nodetest"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

const robotSecret = "a secret of the robot, 100% long & odd: +/="

// publicly runs the service behind TLS, as strangers meet it, with a service client that has a secret, one that has a key, and a user who
// is logged in. It returns the issuer, the key as PEM, the user's refresh token, a client that trusts the certificate, and the
// certificate's file.
func publicly(t *testing.T) (issuer, key, refresh string, client *http.Client, trust string) {
	t.Helper()
	cfg, _ := settings(t, pgtest.New(t, auth.Migrations()).Config().URL)
	target, err := url.Parse(cfg.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	gateway := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }})
	t.Cleanup(gateway.Close)
	inside := cfg.PublicURL
	cfg.PublicURL, cfg.Redis.URL, cfg.ServiceClients = gateway.URL, "", ""
	start(t, cfg)
	until(t, http.StatusOK, inside+"/readyz")
	admin, err := auth.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.CreateClient(t.Context(), auth.NewClient{
		ID: "charging-plot", Audiences: []string{"station-catalog"}, Scopes: []string{"feeds:read", "profile"}, Secret: robotSecret,
	}); err != nil {
		t.Fatal(err)
	}
	private, public := keyPair(t)
	if _, err := admin.CreateClient(t.Context(), auth.NewClient{
		ID: "keyed", Audiences: []string{"station-catalog"}, Scopes: []string{"feeds:read"}, PublicKey: public,
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := admin.CreateUser(t.Context(), auth.NewUser{Email: "ada@example.com", Password: password, Confirmed: true}); err != nil {
		t.Fatal(err)
	}
	status, login := call(t, http.MethodPost, inside+"/v1/auth/login", map[string]string{"login": "ada@example.com", "password": password})
	if status != http.StatusOK {
		t.Fatalf("login: %d %v", status, login)
	}
	trust = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(trust, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: gateway.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	refresh, _ = login["refresh_token"].(string)
	return gateway.URL, string(private), refresh, gateway.Client(), trust
}

// keyPair makes a key of P-256 and returns both halves as PEM.
func keyPair(t *testing.T) (private, public []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: own}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: shown})
}

// openid-client, jose and oauth4webapi go through every flow that we offer, told the issuer and nothing else.
func TestOpenIDClientAndJoseTakeUsAsWeAre(t *testing.T) {
	t.Parallel()
	place := nodetest.Install(t, "testdata/interop")
	issuer, key, refresh, _, trust := publicly(t)
	orders, err := json.Marshal(map[string]string{
		"issuer": issuer, "service": "charging-plot", "secret": robotSecret, "keyed": "keyed", "key": key, "target": issuer + "/station-catalog", "refresh": refresh,
	})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "relying-party.js")
	node.Dir, node.Stdin, node.Env = place, strings.NewReader(string(orders)), append(os.Environ(), "NODE_EXTRA_CA_CERTS="+trust)
	if faults, err := node.CombinedOutput(); err != nil {
		t.Errorf("%v; it found:\n%s", err, faults)
	}
}

// go-oidc and golang.org/x/oauth2 do the same.
func TestGoOIDCTakesUsAsWeAre(t *testing.T) {
	t.Parallel()
	issuer, _, refresh, client, _ := publicly(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	for name, style := range map[string]oauth2.AuthStyle{"found out": oauth2.AuthStyleAutoDetect, "basic": oauth2.AuthStyleInHeader, "post": oauth2.AuthStyleInParams} {
		service := clientcredentials.Config{
			ClientID: "charging-plot", ClientSecret: robotSecret, TokenURL: provider.Endpoint().TokenURL, AuthStyle: style,
			EndpointParams: url.Values{"resource": {issuer + "/station-catalog"}},
		}
		granted, err := service.Token(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		token, err := provider.Verifier(&oidc.Config{ClientID: issuer + "/station-catalog"}).Verify(ctx, granted.AccessToken)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var claims struct {
			Client string `json:"client_id"`
		}
		if err := token.Claims(&claims); err != nil || claims.Client != "charging-plot" {
			t.Errorf("%s: the token says %+v, %v", name, claims, err)
		}
		if _, err := provider.Verifier(&oidc.Config{ClientID: issuer + "/auth"}).Verify(ctx, granted.AccessToken); err == nil {
			t.Errorf("%s: the token verifies for another service", name)
		}
	}
	app := oauth2.Config{ClientID: "app", Endpoint: provider.Endpoint()}
	renewed, err := app.TokenSource(ctx, &oauth2.Token{RefreshToken: refresh}).Token()
	if err != nil {
		t.Fatal(err)
	}
	if renewed.RefreshToken == refresh || !renewed.Valid() {
		t.Errorf("a refresh gives %+v", renewed)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: issuer + "/charging-plot"}).Verify(ctx, renewed.AccessToken)
	if err != nil || !slices.Contains(token.Audience, issuer+"/charging-plot") {
		t.Errorf("the user's token: %+v, %v", token, err)
	}
}

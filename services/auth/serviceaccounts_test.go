package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// cluster is as much of a Kubernetes API server as auth asks of it, over TLS under an authority of its own: its keys, for whoever shows
// the token that it has given them. It signs ServiceAccount tokens.
type cluster struct {
	t      *testing.T
	server *httptest.Server
	asked  atomic.Int64
	down   atomic.Bool

	mu   sync.Mutex
	kid  string
	key  any // *rsa.PrivateKey or *ecdsa.PrivateKey
	keys []map[string]string
	own  string // the token that auth's pod has for the API server
}

const clusterIssuer = "https://kubernetes.default.svc.cluster.local"

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, own: "the token of auth's pod"}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.sign("first", key)
	c.server = httptest.NewTLSServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.server.Close)
	return c
}

// sign has the cluster sign with another key from now on; the earlier ones stay published.
func (c *cluster) sign(kid string, key any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kid, c.key = kid, key
	text := base64.RawURLEncoding.EncodeToString
	switch key := key.(type) {
	case *rsa.PrivateKey:
		c.keys = append(c.keys, map[string]string{
			"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": text(key.N.Bytes()), "e": text(big.NewInt(int64(key.E)).Bytes()),
		})
	case *ecdsa.PrivateKey:
		point, err := key.PublicKey.Bytes()
		if err != nil {
			c.t.Fatal(err)
		}
		c.keys = append(c.keys, map[string]string{"use": "sig", "kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": text(point[1:33]), "y": text(point[33:])})
	}
}

func (c *cluster) serve(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.down.Load():
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path != "/openid/v1/jwks":
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer "+c.own:
		w.WriteHeader(http.StatusUnauthorized)
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		if err := json.NewEncoder(w).Encode(map[string]any{"keys": c.keys}); err != nil {
			c.t.Error(err)
		}
	}
}

// token is a good one of a ServiceAccount for an audience but for what change does to it; a claim that is set to nil is absent.
func (c *cluster) token(account, audience string, change func(header, claims map[string]any)) string {
	c.t.Helper()
	namespace, name, _ := strings.Cut(account, "/")
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": clusterIssuer, "aud": []string{audience}, "sub": "system:serviceaccount:" + namespace + ":" + name,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "jti": "3f6e6b1c-6f0e-4b52-9d57-0d3f5f5d8a11",
		"kubernetes.io": map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": name}, "pod": map[string]any{"name": name + "-0"}},
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	method := jwt.SigningMethod(jwt.SigningMethodRS256)
	if _, is := c.key.(*ecdsa.PrivateKey); is {
		method = jwt.SigningMethodES256
	}
	unsigned := jwt.NewWithClaims(method, claims)
	delete(unsigned.Header, "typ") // Kubernetes sets none
	unsigned.Header["kid"] = c.kid
	if change != nil {
		change(unsigned.Header, claims)
	}
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	text, err := unsigned.SignedString(c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

// settings have auth trust the cluster. The token for the API server lies in a file.
func (c *cluster) settings() auth.ServiceAccountConfig {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(c.own+"\n"), 0o600); err != nil {
		c.t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.server.Certificate().Raw})
	return auth.ServiceAccountConfig{Issuer: clusterIssuer, JWKSURL: c.server.URL + "/openid/v1/jwks", CA: string(ca), TokenPath: path}
}

// inCluster runs auth in the cluster, with the client charging-plot, which is the ServiceAccount ihr/charging-plot.
func (c *cluster) inCluster() (base string) {
	c.t.Helper()
	cfg, _ := settings(c.t, pgtest.New(c.t, nil).Config().URL)
	cfg.Redis.URL, cfg.RateLimitFactor = "", 0
	cfg.ServiceAccounts = c.settings()
	cfg.ServiceClients = "charging-plot:serviceaccount=ihr/charging-plot:station-catalog+auth robot:a-secret:charging-plot"
	start(c.t, cfg)
	until(c.t, http.StatusOK, cfg.PublicURL+"/readyz")
	return cfg.PublicURL
}

// ask asks for a token of a client with an assertion, "" for no client_id, and returns the status and the answer.
func ask(t *testing.T, base, id, assertion string) (int, string) {
	t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion},
	}
	if id != "" {
		form.Set("client_id", id)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// A pod gets tokens with what kubelet has put into a file, again and again with the same and with the next; it asks about tokens and is
// itself in those that it gets.
func TestAPodProvesItselfWithItsServiceAccountToken(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	base := c.inCluster()
	path := filepath.Join(t.TempDir(), "token")
	renew := func() {
		t.Helper()
		if err := os.WriteFile(path, []byte(c.token("ihr/charging-plot", base, nil)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.untilGranted(base)
	proof := httpclient.Credential{ID: "charging-plot", TokenPath: path}
	get := func() (string, error) {
		return httpclient.ClientCredentials(base+"/oauth/token", proof, base+"/station-catalog").Token(t.Context())
	}
	if _, err := get(); err == nil || !strings.Contains(err.Error(), "ServiceAccount token") {
		t.Errorf("without a file: %v", err)
	}
	renew()
	verifier, err := authn.NewVerifier(t.Context(), authn.Config{Issuer: base, Audience: base + "/station-catalog", JWKSURL: base + "/.well-known/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	var access string
	for range 3 {
		if access, err = get(); err != nil {
			t.Fatal(err)
		}
		if who, err := verifier.Verify(t.Context(), access); err != nil || who.ClientID != "charging-plot" || who.Kind != authn.Service {
			t.Errorf("the token is of %+v, %v", who, err)
		}
	}
	if live, err := httpclient.Introspection(base+"/oauth/token", proof)(t.Context(), access); err != nil || !live {
		t.Errorf("introspection: %t, %v", live, err)
	}
	if token, err := httpclient.KeyExchange(base+"/oauth/token", proof)(t.Context(), "no key"); token != "" || err != nil {
		t.Errorf("exchange: %q, %v", token, err)
	}

	// The cluster takes another key, of another kind at that; kubelet renews the token.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.sign("second", key)
	renew()
	if _, err := get(); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if status, body := ask(t, base, "", c.token("ihr/charging-plot", base, nil)); status != http.StatusOK {
		t.Errorf("without client_id: %d %s", status, body)
	}
}

// Whatever is wrong with a ServiceAccount token is answered alike, and as for every other proof.
func TestServiceAccountTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	base := c.inCluster()
	c.untilGranted(base)
	claim := func(name string, value any) string {
		return c.token("ihr/charging-plot", base, func(_, claims map[string]any) { claims[name] = value })
	}
	head := func(name string, value any) string {
		return c.token("ihr/charging-plot", base, func(header, _ map[string]any) { header[name] = value })
	}
	stranger := newCluster(t)
	whole := claim("x", 1)
	now := time.Now()
	first := ""
	for name, attempt := range map[string]struct{ id, assertion string }{
		"for the API server":         {"charging-plot", c.token("ihr/charging-plot", clusterIssuer, nil)},
		"for one of our services":    {"charging-plot", c.token("ihr/charging-plot", base+"/auth", nil)},
		"for us and another":         {"charging-plot", claim("aud", []string{base, clusterIssuer})},
		"for nobody":                 {"charging-plot", claim("aud", nil)},
		"expired":                    {"charging-plot", claim("exp", now.Add(-time.Minute).Unix())},
		"without an end":             {"charging-plot", claim("exp", nil)},
		"good for a year":            {"charging-plot", claim("exp", now.Add(8760*time.Hour).Unix())},
		"not good yet":               {"charging-plot", claim("nbf", now.Add(2*time.Minute).Unix())},
		"of an unknown account":      {"charging-plot", c.token("ihr/stranger", base, nil)},
		"of another namespace":       {"charging-plot", c.token("default/charging-plot", base, nil)},
		"of an account, oddly":       {"charging-plot", claim("sub", "system:serviceaccount:ihr/charging-plot")},
		"of a user":                  {"charging-plot", claim("sub", "system:serviceaccount:ihr:charging-plot:x")},
		"of a node":                  {"charging-plot", claim("sub", "system:node:one")},
		"of nobody":                  {"charging-plot", claim("sub", nil)},
		"as another client":          {"robot", c.token("ihr/charging-plot", base, nil)},
		"of another cluster":         {"charging-plot", stranger.token("ihr/charging-plot", base, nil)},
		"of another issuer":          {"charging-plot", claim("iss", "https://evil.example")},
		"of the client, said itself": {"charging-plot", c.token("ihr/charging-plot", base, func(_, claims map[string]any) { claims["iss"], claims["sub"] = "charging-plot", "charging-plot" })},
		"changed":                    {"charging-plot", whole[:strings.LastIndex(whole, ".")] + "." + strings.Repeat("A", 342)},
		"by an unknown key":          {"charging-plot", head("kid", "third")},
		"by no key's name":           {"charging-plot", head("kid", "")},
		"with a key of its own":      {"charging-plot", head("jwk", map[string]string{"kty": "RSA"})},
		"with keys elsewhere":        {"charging-plot", head("jku", "https://evil.example/jwks")},
		"with critical extensions":   {"charging-plot", head("crit", []string{"x"})},
		"of another type":            {"charging-plot", head("typ", "at+jwt")},
		"nonsense":                   {"robot", "nonsense"},
		"of four parts":              {"charging-plot", strings.Replace(whole, ".", "..", 1)},
	} {
		status, body := ask(t, base, attempt.id, attempt.assertion)
		if first == "" {
			first = body
		}
		if status != http.StatusUnauthorized || body != first || !strings.Contains(body, `"invalid_client"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if c.asked.Load() > 4 {
		t.Errorf("invented keys had the API server asked %d times", c.asked.Load())
	}
	// A ServiceAccount takes no secret's place, nor the other way round.
	for _, secret := range []string{"", "serviceaccount=ihr/charging-plot", "ihr/charging-plot"} {
		source := httpclient.ClientCredentials(base+"/oauth/token", httpclient.Credential{ID: "charging-plot", Secret: secret}, "")
		if _, err := source.Token(t.Context()); fault.Of(err).Kind() != fault.Unauthenticated {
			t.Errorf("with the secret %q: %v", secret, err)
		}
	}
}

// Without the cluster's keys nobody can be told from a stranger: that is no refusal. It mends itself.
func TestTheClusterIsAwayWhenAuthStarts(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.down.Store(true)
	base := c.inCluster()
	token := c.token("ihr/charging-plot", base, nil)
	if status, body := ask(t, base, "charging-plot", token); status != http.StatusServiceUnavailable {
		t.Errorf("while it is away: %d %s", status, body)
	}
	c.down.Store(false)
	c.untilGranted(base)
}

// untilGranted asks until the good token of the one client is granted: clients are written while auth serves already.
func (c *cluster) untilGranted(base string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	for {
		status, body := ask(c.t, base, "charging-plot", c.token("ihr/charging-plot", base, nil))
		if status == http.StatusOK {
			return
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("it is not granted: %d %s", status, body)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A cluster without a reachable API server hands its keys out as a file.
func TestServiceAccountKeysFromAFile(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	path := filepath.Join(t.TempDir(), "jwks.json")
	keys, err := json.Marshal(map[string]any{"keys": c.keys})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _ := settings(t, pgtest.New(t, nil).Config().URL)
	cfg.Redis.URL, cfg.ServiceAccounts = "", auth.ServiceAccountConfig{Issuer: clusterIssuer, JWKSURL: "file://" + path}
	cfg.ServiceClients = "charging-plot:serviceaccount=ihr/charging-plot:auth"
	start(t, cfg)
	until(t, http.StatusOK, cfg.PublicURL+"/readyz")
	c.untilGranted(cfg.PublicURL)
	if c.asked.Load() != 0 {
		t.Error("the API server was asked")
	}
}

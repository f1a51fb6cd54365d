package httpapi_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

const byAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// keyed makes a service client that has a key and no secret.
func (w *world) keyed(id string, public crypto.PublicKey) {
	w.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		w.t.Fatal(err)
	}
	keys, err := client.ParseKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil {
		w.t.Fatal(err)
	}
	c := client.Client{ID: id, Name: id, Proof: client.Proof{Keys: keys}, Audiences: []string{"charging-plot"}, Scopes: []string{"feeds:read"}}
	if err := w.clients.CreateClient(w.t.Context(), c, audit.New(audit.ClientCreated, uuid.Nil, audit.CLI)); err != nil {
		w.t.Fatal(err)
	}
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// assertionOf is a good assertion of a client but for what change does to it; a claim that is set to nil is absent.
func assertionOf(t *testing.T, id string, method jwt.SigningMethod, key any, change func(header, claims map[string]any)) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": id, "sub": id, "aud": issuer, "jti": uuid.NewString(), "exp": time.Now().Add(time.Minute).Unix()}
	unsigned := jwt.NewWithClaims(method, claims)
	if change != nil {
		change(unsigned.Header, claims)
	}
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	text, err := unsigned.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// asserted is a form that an assertion is added to.
func asserted(assertion string, pairs ...string) url.Values {
	v := url.Values{"client_assertion_type": {byAssertion}, "client_assertion": {assertion}}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestClientAssertion(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := newECKey(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.keyed("robot", &key.PublicKey)
	w.keyed("old-robot", &rsaKey.PublicKey)
	good := func(change func(header, claims map[string]any)) string {
		return assertionOf(t, "robot", jwt.SigningMethodES256, key, change)
	}

	var access string
	for name, form := range map[string]url.Values{
		"ES256, for the issuer":      asserted(good(nil)),
		"with the client's id":       asserted(good(nil), "client_id", "robot"),
		"for the token endpoint":     asserted(good(func(_, c map[string]any) { c["aud"] = []string{issuer + tokenPath} })),
		"of the type that it may be": asserted(good(func(h, _ map[string]any) { h["typ"] = "client-authentication+jwt" })),
		"with a name for the key":    asserted(good(func(h, _ map[string]any) { h["kid"] = "mine" })),
		"RS256":                      asserted(assertionOf(t, "old-robot", jwt.SigningMethodRS256, rsaKey, nil)),
	} {
		form.Set("grant_type", "client_credentials")
		a := w.form(tokenPath, form)
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
			continue
		}
		access = a.text("access_token")
	}
	if _, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), access); err != nil {
		t.Error(err)
	}
	if a := w.form("/oauth/introspect", asserted(good(nil), "token", access)).want(http.StatusOK); a.body["active"] != true {
		t.Errorf("introspection: %s", a.raw)
	}
	w.form("/oauth/revoke", asserted(good(nil), "token", "nonsense")).want(http.StatusOK)
	w.form("/oauth/introspect", asserted("a.b.c", "token", access)).wantError(http.StatusUnauthorized, "invalid_client")
	w.form("/oauth/revoke", asserted("a.b.c", "token", access)).wantError(http.StatusUnauthorized, "invalid_client")

	for name, form := range map[string]url.Values{
		"without its type": {"client_assertion": {good(nil)}},
		"of another type":  asserted(good(nil), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
		"a type alone":     {"client_assertion_type": {byAssertion}},
		"beside a secret":  asserted(good(nil), "client_id", "robot", "client_secret", "x"),
	} {
		form.Set("grant_type", "client_credentials")
		if a := w.form(tokenPath, form); a.status != http.StatusBadRequest || a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
}

// Whatever is wrong with an assertion is answered alike, and it takes no other proof's place.
func TestClientAssertionRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := newECKey(t)
	w.keyed("robot", &key.PublicKey)
	w.keyed("off", &key.PublicKey)
	w.exec(`UPDATE service_clients SET disabled_at = now() WHERE id = 'off'`)
	w.service("secretive", secret, []string{"charging-plot"}, []string{"feeds:read"})
	good := func(change func(header, claims map[string]any)) string {
		return assertionOf(t, "robot", jwt.SigningMethodES256, key, change)
	}
	claim := func(name string, value any) string {
		return good(func(_, claims map[string]any) { claims[name] = value })
	}
	head := func(name string, value any) string {
		return good(func(header, _ map[string]any) { header[name] = value })
	}
	now := time.Now()
	whole := good(nil)
	var first string
	for name, form := range map[string]url.Values{
		"another's key":         asserted(assertionOf(t, "robot", jwt.SigningMethodES256, newECKey(t), nil)),
		"no signature":          asserted(assertionOf(t, "robot", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil)),
		"HS256":                 asserted(assertionOf(t, "robot", jwt.SigningMethodHS256, []byte("key"), nil)),
		"changed":               asserted(whole[:strings.LastIndex(whole, ".")] + "." + strings.Repeat("A", 86)),
		"with a line break":     asserted(good(nil) + "\n"),
		"nonsense":              asserted("nonsense"),
		"too long":              asserted(claim("x", strings.Repeat("x", 4096))),
		"iss of another":        asserted(claim("iss", "secretive")),
		"no iss":                asserted(claim("iss", nil)),
		"sub of another":        asserted(claim("sub", "secretive")),
		"no sub":                asserted(claim("sub", nil)),
		"aud of another":        asserted(claim("aud", "https://evil.example")),
		"aud of us and another": asserted(claim("aud", []string{issuer, "https://evil.example"})),
		"no aud":                asserted(claim("aud", nil)),
		"aud of a service":      asserted(claim("aud", issuer+"/charging-plot")),
		"expired":               asserted(claim("exp", now.Add(-time.Minute).Unix())),
		"no exp":                asserted(claim("exp", nil)),
		"too long a life":       asserted(claim("exp", now.Add(6*time.Minute).Unix())),
		"not yet":               asserted(claim("nbf", now.Add(time.Minute).Unix())),
		"from the future":       asserted(claim("iat", now.Add(time.Minute).Unix())),
		"no jti":                asserted(claim("jti", nil)),
		"an endless jti":        asserted(claim("jti", strings.Repeat("j", 256))),
		"an access token":       asserted(head("typ", "at+jwt")),
		"critical extensions":   asserted(head("crit", []string{"x"})),
		"a key of its own":      asserted(head("jwk", map[string]string{"kty": "EC"})),
		"a key set of its own":  asserted(head("jku", "https://evil.example/jwks.json")),
		"client_id of another":  asserted(good(nil), "client_id", "secretive"),
		"nobody":                asserted(assertionOf(t, "nobody", jwt.SigningMethodES256, key, nil)),
		"no id at all":          asserted(assertionOf(t, "robot'--", jwt.SigningMethodES256, key, nil)),
		"switched off":          asserted(assertionOf(t, "off", jwt.SigningMethodES256, key, nil)),
		"who has a secret":      asserted(assertionOf(t, "secretive", jwt.SigningMethodES256, key, nil)),
		"no secret":             {"client_id": {"robot"}, "client_secret": {""}},
	} {
		form.Set("grant_type", "client_credentials")
		a := w.form(tokenPath, form)
		if first == "" {
			first = a.raw
		}
		if a.status != http.StatusUnauthorized || a.text("error") != "invalid_client" || a.raw != first {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	var kept int
	if err := w.db.GetContext(t.Context(), &kept, `SELECT count(*) FROM client_assertions`); err != nil || kept != 0 {
		t.Errorf("%d refused assertions are remembered, %v", kept, err)
	}
}

// An assertion works once, whichever replica it comes to.
func TestAnAssertionWorksOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key := newECKey(t)
	w.keyed("robot", &key.PublicKey)
	w.keyed("namesake", &key.PublicKey)
	bases := []string{w.base}
	w.needs.Clients = client.NewService(w.clients, w.minter)
	w.serve(w.needs)
	bases = append(bases, w.base)
	named := func(_, claims map[string]any) { claims["jti"] = "once" }
	form := asserted(assertionOf(t, "robot", jwt.SigningMethodES256, key, named), "grant_type", "client_credentials").Encode()
	var granted, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			response, err := w.http.Post(bases[i%2]+tokenPath, "application/x-www-form-urlencoded", strings.NewReader(form))
			if err != nil {
				t.Error(err)
				return
			}
			defer response.Body.Close()
			switch response.StatusCode {
			case http.StatusOK:
				granted.Add(1)
			case http.StatusUnauthorized:
				refused.Add(1)
			}
		})
	}
	all.Wait()
	if granted.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d were granted, %d refused", granted.Load(), refused.Load())
	}
	// Another assertion under the same id is the same to us; another client's is not.
	again := assertionOf(t, "robot", jwt.SigningMethodES256, key, named)
	w.form(tokenPath, asserted(again, "grant_type", "client_credentials")).wantError(http.StatusUnauthorized, "invalid_client")
	other := assertionOf(t, "namesake", jwt.SigningMethodES256, key, named)
	w.form(tokenPath, asserted(other, "grant_type", "client_credentials")).want(http.StatusOK)
	var left time.Duration
	if err := w.db.GetContext(t.Context(), &left, `SELECT (extract(epoch FROM min(expires_at) - now()) * 1e9)::bigint FROM client_assertions`); err != nil || left < time.Minute {
		t.Errorf("it is forgotten in %v, %v", left, err)
	}
}

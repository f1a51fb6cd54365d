package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

func TestJWKS(t *testing.T) {
	t.Parallel()

	t.Run("200 and 304, cacheable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		a := w.get("/.well-known/jwks.json").want(http.StatusOK)
		if keys, _ := a.body["keys"].([]any); len(keys) != 2 {
			t.Errorf("there are %d keys", len(keys))
		}
		if a.header.Get("Cache-Control") != "public, max-age=300" || a.header.Get("ETag") == "" {
			t.Errorf("the headers are %v", a.header)
		}
		if strings.Contains(a.raw, `"d"`) {
			t.Error("a private half is published")
		}
		w.get("/.well-known/jwks.json", header("If-None-Match", a.header.Get("ETag"))).want(http.StatusNotModified)
		w.do(http.MethodHead, "/.well-known/jwks.json", "", nil).want(http.StatusOK)
	})

	t.Run("tokens from before and after a rotation verify, those of a revoked key do not", func(t *testing.T) { // K1
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		before := w.login("ada").text("access_token")
		verifier := w.verifier(issuer + "/charging-plot")
		if _, err := verifier.Verify(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		old, _, err := w.ring.Signing()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.keeper.Rotate(t.Context(), audit.CLI, true); err != nil {
			t.Fatal(err)
		}
		if err := w.ring.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := w.login("ada").text("access_token")
		for name, token := range map[string]string{"before": before, "after": after} {
			if _, err := verifier.Verify(t.Context(), token); err != nil { // with the key set from before: the key was published ahead
				t.Errorf("the token from %s the rotation: %v", name, err)
			}
			w.get("/v1/me", bearer(token)).want(http.StatusOK)
		}
		if err := w.keeper.Revoke(t.Context(), audit.CLI, old); err != nil {
			t.Fatal(err)
		}
		if err := w.ring.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		fresh := w.verifier(issuer + "/charging-plot")
		if _, err := fresh.Verify(t.Context(), before); err == nil {
			t.Error("a token of the revoked key verifies")
		}
		if _, err := fresh.Verify(t.Context(), after); err != nil {
			t.Errorf("a token of the key that followed: %v", err)
		}
	})
}

func TestOpenIDConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.get("/.well-known/openid-configuration").want(http.StatusOK)
	for member, want := range map[string]string{
		"issuer": issuer, "jwks_uri": issuer + "/.well-known/jwks.json", "token_endpoint": issuer + "/oauth/token",
		"introspection_endpoint": issuer + "/oauth/introspect", "revocation_endpoint": issuer + "/oauth/revoke",
	} {
		if got := a.text(member); got != want {
			t.Errorf("%s is %q, want %q", member, got, want)
		}
	}
	for _, endpoint := range []string{"token", "introspection", "revocation"} {
		methods, _ := a.body[endpoint+"_endpoint_auth_methods_supported"].([]any)
		algorithms, _ := a.body[endpoint+"_endpoint_auth_signing_alg_values_supported"].([]any)
		if !slices.Contains(methods, any("private_key_jwt")) || !slices.Equal(algorithms, []any{"ES256", "RS256"}) {
			t.Errorf("at the %s endpoint clients prove themselves by %v, %v", endpoint, methods, algorithms)
		}
	}
	if again := w.get("/.well-known/oauth-authorization-server").want(http.StatusOK); again.raw != a.raw {
		t.Errorf("RFC 8414's document is another: %s", again.raw)
	}
	w.get("/.well-known/openid-configuration", header("If-None-Match", a.header.Get("ETag"))).want(http.StatusNotModified)
	w.get("/.well-known/openid-configuration", header("Host", "evil.example"), header("X-Forwarded-Host", "evil.example")).want(http.StatusOK)
}

func TestTheDocumentIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.get("/openapi/auth.json").want(http.StatusOK)
	paths, _ := a.body["paths"].(map[string]any)
	for _, want := range []string{"/v1/auth/login", "/v1/me", "/oauth/token", "/.well-known/jwks.json"} {
		if _, there := paths[want]; !there {
			t.Errorf("the document lacks %s", want)
		}
	}
}

// Every operation answers a method that it does not have, and a path that is not there, with a problem.
func TestNoOtherWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do(http.MethodDelete, "/v1/auth/login", "", nil).want(http.StatusMethodNotAllowed)
	w.get("/v1/auth/login").want(http.StatusMethodNotAllowed)
	for _, path := range []string{"/v1/auth", "/v1/auth/login/", "/V1/me", "/v1/user", "/v1//me", "/oauth"} {
		if a := w.get(path); !slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed}, a.status) {
			t.Errorf("%s answers %d", path, a.status)
		}
	}
}

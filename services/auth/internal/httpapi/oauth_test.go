package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const (
	tokenPath = "/oauth/token"
	secret    = "a secret of the robot, long enough"
)

// wantError demands an error of RFC 6749, section 5.2.
func (a *answer) wantError(status int, code string) {
	a.t.Helper()
	a.want(status)
	if a.text("error") != code {
		a.t.Errorf("%s: the error is %q, want %q", a.what, a.text("error"), code)
	}
	if a.header.Get("Cache-Control") != "no-store" {
		a.t.Errorf("%s: Cache-Control is %q", a.what, a.header.Get("Cache-Control"))
	}
	if (status == http.StatusUnauthorized) != strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
		a.t.Errorf("%s: WWW-Authenticate is %q", a.what, a.header.Get("WWW-Authenticate"))
	}
}

func robotWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.service("robot", secret, []string{"station-catalog", "charging-plot"}, []string{"feeds:read", "stations:write"})
	return w
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	grant := url.Values{"grant_type": {"client_credentials"}}
	plus := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}

	t.Run("200 for all that the client has", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		for name, a := range map[string]*answer{
			"Basic":                          w.form(tokenPath, grant, basic("robot", url.QueryEscape(secret))),
			"form":                           w.form(tokenPath, plus("client_id", "robot", "client_secret", secret)),
			"parameters that we do not know": w.form(tokenPath, plus("foo", "bar", "audience", "x"), basic("robot", url.QueryEscape(secret))),
		} {
			a.want(http.StatusOK)
			if a.text("token_type") != "Bearer" || a.body["expires_in"] != float64(300) || a.text("scope") != "feeds:read stations:write" || a.text("refresh_token") != "" {
				t.Errorf("%s: %s", name, a.raw)
			}
			for _, service := range []string{"station-catalog", "charging-plot"} {
				p, err := w.verifier(issuer+"/"+service).Verify(t.Context(), a.text("access_token"))
				if err != nil || p.Kind != authn.Service || p.ClientID != "robot" || !p.Has("feeds:read") || p.SessionID != "" {
					t.Errorf("%s: %s sees %+v, %v", name, service, p, err)
				}
			}
			if _, err := w.verifier(issuer+"/auth").Verify(t.Context(), a.text("access_token")); err == nil {
				t.Errorf("%s: a service that the client may not call takes the token", name)
			}
		}
	})

	t.Run("200 for what was asked for", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		a := w.form(tokenPath, plus("scope", "feeds:read", "resource", issuer+"/charging-plot"), basic("robot", url.QueryEscape(secret))).want(http.StatusOK)
		if a.text("scope") != "feeds:read" {
			t.Errorf("the scope is %q", a.text("scope"))
		}
		if _, err := w.verifier(issuer+"/station-catalog").Verify(t.Context(), a.text("access_token")); err == nil {
			t.Error("a service that was not asked for takes the token")
		}
		both := plus("resource", issuer+"/charging-plot", "resource", issuer+"/station-catalog")
		a = w.form(tokenPath, both, basic("robot", url.QueryEscape(secret))).want(http.StatusOK)
		if _, err := w.verifier(issuer+"/station-catalog").Verify(t.Context(), a.text("access_token")); err != nil {
			t.Error(err)
		}
	})

	t.Run("200 through the client of the other services", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		source := httpclient.ClientCredentials(w.base+tokenPath, httpclient.Credential{ID: "robot", Secret: secret}, issuer+"/charging-plot")
		token, err := source.Token(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), token); err != nil {
			t.Error(err)
		}
	})

	t.Run("400 for more than the client has", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		robot := basic("robot", url.QueryEscape(secret))
		w.form(tokenPath, plus("scope", "feeds:read users:write"), robot).wantError(http.StatusBadRequest, "invalid_scope")
		w.form(tokenPath, plus("scope", "root"), robot).wantError(http.StatusBadRequest, "invalid_scope")
		w.form(tokenPath, plus("resource", issuer+"/auth"), robot).wantError(http.StatusBadRequest, "invalid_target")
		w.form(tokenPath, plus("resource", "https://evil.example/charging-plot"), robot).wantError(http.StatusBadRequest, "invalid_target")
	})

	t.Run("400 for what is no grant of ours", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		robot := basic("robot", url.QueryEscape(secret))
		w.form(tokenPath, url.Values{"foo": {"bar"}}, robot).wantError(http.StatusBadRequest, "invalid_request")
		w.form(tokenPath, url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {password}}, robot).wantError(http.StatusBadRequest, "unsupported_grant_type")
		w.form(tokenPath, plus("client_secret", secret), robot).wantError(http.StatusBadRequest, "invalid_request")
		w.form(tokenPath, plus("client_secret", secret)).wantError(http.StatusBadRequest, "invalid_request")
		w.form(tokenPath, plus("client_id", "other"), robot).wantError(http.StatusBadRequest, "invalid_request")
	})

	t.Run("401 for who cannot prove it, in one way", func(t *testing.T) {
		t.Parallel()
		w := robotWorld(t)
		w.service("off", secret, []string{"auth"}, nil)
		w.exec(`UPDATE service_clients SET disabled_at = now() WHERE id = 'off'`)
		var first string
		for _, change := range []with{
			basic("robot", "wrong"), basic("nobody", secret), basic("off", url.QueryEscape(secret)), basic("robot", ""), basic("", ""),
			basic("ROBOT", url.QueryEscape(secret)), basic("robot'--", "x"), header("Authorization", "Basic !"),
		} {
			a := w.form(tokenPath, grant, change)
			a.wantError(http.StatusUnauthorized, "invalid_client")
			if first == "" {
				first = a.raw
			}
			if a.raw != first {
				t.Errorf("two answers: %s and %s", first, a.raw)
			}
		}
		w.form(tokenPath, grant).wantError(http.StatusUnauthorized, "invalid_client")
		w.form(tokenPath, plus("client_id", "robot")).wantError(http.StatusUnauthorized, "invalid_client")
	})
}

func TestRefreshTokenGrant(t *testing.T) {
	t.Parallel()
	grant := func(refresh string, pairs ...string) url.Values {
		v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}

	t.Run("200 for our own app, which has no secret", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		a := w.form(tokenPath, grant(w.login("ada").text("refresh_token"))).want(http.StatusOK)
		a = w.form(tokenPath, grant(a.text("refresh_token"), "client_id", "app")).want(http.StatusOK)
		w.get("/v1/me", bearer(a.text("access_token"))).want(http.StatusOK)
	})

	t.Run("200 for less than the session has", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com", role.Grant{Role: role.Admin})
		a := w.form(tokenPath, grant(w.login("ada").text("refresh_token"), "scope", "sessions:read", "resource", issuer+"/charging-plot")).want(http.StatusOK)
		p, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), a.text("access_token"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"sessions:read"}, p.Scopes); diff != "" {
			t.Error(diff)
		}
		w.get("/v1/me", bearer(a.text("access_token"))).want(http.StatusUnauthorized)
	})

	t.Run("400 for a token of another client", func(t *testing.T) { // R1, CVE-2026-55672, CVE-2026-28513
		t.Parallel()
		w := robotWorld(t)
		w.person("ada@example.com")
		refresh := w.login("ada").text("refresh_token")
		w.form(tokenPath, grant(refresh), basic("robot", url.QueryEscape(secret))).wantError(http.StatusBadRequest, "invalid_grant")
		w.form(tokenPath, grant(refresh, "client_id", "robot")).wantError(http.StatusBadRequest, "invalid_grant")
		w.form(tokenPath, grant(refresh)).want(http.StatusOK)
	})

	t.Run("400 for what does not work or asks for too much", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.form(tokenPath, url.Values{"grant_type": {"refresh_token"}}).wantError(http.StatusBadRequest, "invalid_request")
		w.form(tokenPath, grant("unknown")).wantError(http.StatusBadRequest, "invalid_grant")
		refresh := w.login("ada").text("refresh_token")
		w.form(tokenPath, grant(refresh, "scope", "users:write")).wantError(http.StatusBadRequest, "invalid_scope")
		w.form(tokenPath, grant(refresh, "resource", "https://evil.example")).wantError(http.StatusBadRequest, "invalid_target")
		// The mistake has not cost the session.
		w.form(tokenPath, grant(refresh)).want(http.StatusOK)
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		w.form(tokenPath, grant(refresh)).wantError(http.StatusBadRequest, "invalid_grant")
	})
}

func TestIntrospectToken(t *testing.T) {
	t.Parallel()
	const path = "/oauth/introspect"
	w := robotWorld(t)
	robot := basic("robot", url.QueryEscape(secret))
	id := w.person("ada@example.com")
	ask := func(token string) *answer {
		t.Helper()
		return w.form(path, url.Values{"token": {token}}, robot).want(http.StatusOK)
	}
	inactive := func(what, token string) {
		t.Helper()
		if a := ask(token); a.raw != `{"active":false}` {
			t.Errorf("%s: %s", what, a.raw)
		}
	}
	login := w.login("ada")

	a := ask(login.text("access_token"))
	if a.body["active"] != true || a.text("sub") != id.String() || a.text("client_id") != "app" || a.text("scope") != login.text("scope") ||
		a.text("iss") != issuer || a.text("sid") == "" || a.text("jti") == "" || a.text("token_type") != "Bearer" || a.body["exp"] == nil || a.body["iat"] == nil {
		t.Errorf("the access token: %s", a.raw)
	}
	a = ask(login.text("refresh_token"))
	if a.body["active"] != true || a.text("sub") != id.String() || a.body["aud"] != nil || a.body["scope"] != nil {
		t.Errorf("the refresh token: %s", a.raw)
	}
	service := w.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, robot).want(http.StatusOK).text("access_token")
	if a := ask(service); a.body["active"] != true || a.text("client_id") != "robot" || a.body["sid"] != nil {
		t.Errorf("the service's token: %s", a.raw)
	}

	inactive("nonsense", "x")
	inactive("a changed token", login.text("access_token")+"x")
	next := w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}).want(http.StatusOK)
	inactive("a used refresh token", login.text("refresh_token"))
	w.post("/v1/auth/logout", object{"refresh_token": next.text("refresh_token")}).want(http.StatusNoContent)
	inactive("an access token of an ended session", login.text("access_token"))
	inactive("a refresh token of an ended session", next.text("refresh_token"))

	w.form(path, url.Values{"token": {service}}).wantError(http.StatusUnauthorized, "invalid_client")
	w.form(path, url.Values{"token": {service}}, basic("robot", "wrong")).wantError(http.StatusUnauthorized, "invalid_client")
	w.form(path, url.Values{"token": {service}}, bearer(login.text("access_token"))).wantError(http.StatusUnauthorized, "invalid_client")
	w.form(path, url.Values{"foo": {"bar"}}, robot).wantError(http.StatusBadRequest, "invalid_request")
	w.service("second", secret, []string{"auth"}, nil)
	w.exec(`UPDATE service_clients SET disabled_at = now() WHERE id = 'robot'`)
	if a := w.form(path, url.Values{"token": {service}}, basic("second", url.QueryEscape(secret))).want(http.StatusOK); a.raw != `{"active":false}` {
		t.Errorf("the token of a client that was switched off: %s", a.raw)
	}
}

func TestRevokeToken(t *testing.T) {
	t.Parallel()
	const path = "/oauth/revoke"
	w := robotWorld(t)
	w.person("ada@example.com")
	for _, kind := range []string{"access_token", "refresh_token"} {
		login := w.login("ada")
		w.form(path, url.Values{"token": {login.text(kind)}, "token_type_hint": {"anything"}}).want(http.StatusOK)
		w.post(refreshPath, object{"refresh_token": login.text("refresh_token")}).want(http.StatusUnauthorized)
		w.get("/v1/me", bearer(login.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
		w.form(path, url.Values{"token": {login.text(kind)}}).want(http.StatusOK)
	}
	w.form(path, url.Values{"token": {"unknown"}}).want(http.StatusOK)
	w.form(path, url.Values{"foo": {"bar"}}).wantError(http.StatusBadRequest, "invalid_request")
	w.form(path, url.Values{"token": {"x"}}, basic("robot", "wrong")).wantError(http.StatusUnauthorized, "invalid_client")
}

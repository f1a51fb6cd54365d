package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

func TestGetMe(t *testing.T) {
	t.Parallel()

	t.Run("200 and 304", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		north := uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")
		id := w.person("ada@example.com", role.Grant{Role: role.OperatorAdmin, Operator: north})
		access := bearer(w.login("ada").text("access_token"))
		a := w.get("/v1/me", access).want(http.StatusOK)
		if a.text("id") != id.String() || a.text("email") != "ada@example.com" || a.text("username") != "ada" || a.text("name") != "Ada" {
			t.Errorf("the account is %s", a.raw)
		}
		roles := []any{map[string]any{"role": "driver"}, map[string]any{"role": "operator_admin", "operator_id": north.String()}}
		if diff := cmp.Diff(roles, a.body["roles"]); diff != "" {
			t.Error(diff)
		}
		if a.header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("Cache-Control is %q", a.header.Get("Cache-Control"))
		}
		etag := a.header.Get("ETag")
		if again := w.get("/v1/me", access, header("If-None-Match", etag)).want(http.StatusNotModified); again.raw != "" {
			t.Errorf("the 304 has a body: %s", again.raw)
		}
		w.get("/v1/me", access, header("If-None-Match", `"other"`)).want(http.StatusOK)
	})

	t.Run("400 for a parameter that there is not", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.get("/v1/me?id=1&fields=name", bearer(w.login("ada").text("access_token"))).want(http.StatusBadRequest).wantFaults("fields unknown", "id unknown")
	})

	t.Run("401 for nobody and for what is no token", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		a := w.get("/v1/me").want(http.StatusUnauthorized, "unauthenticated")
		if a.header.Get("WWW-Authenticate") == "" {
			t.Error("the answer does not say how to authenticate")
		}
		w.get("/v1/me", bearer("x")).want(http.StatusUnauthorized, "invalid_token")
		w.get("/v1/me", header("Authorization", "Basic YTpi")).want(http.StatusUnauthorized)
		w.get("/v1/me", header("X-User", "ada")).want(http.StatusUnauthorized) // H3: identity never comes from a header
	})

	t.Run("401 and 403 for services, which have no account", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.service("with-profile", "secret", []string{"auth"}, []string{"profile"})
		w.service("without", "secret", []string{"auth"}, []string{"feeds:read"})
		token := func(id string) with {
			return bearer(w.form("/oauth/token", url.Values{"grant_type": {"client_credentials"}}, basic(id, "secret")).want(http.StatusOK).text("access_token"))
		}
		w.get("/v1/me", token("with-profile")).want(http.StatusUnauthorized, "session_ended")
		w.get("/v1/me", token("without")).want(http.StatusForbidden, "insufficient_scope")
	})
}

func TestUpdateMe(t *testing.T) {
	t.Parallel()

	t.Run("200 for the version that was seen", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		before := w.get("/v1/me", access).want(http.StatusOK)
		a := w.patchMe(`{"name":"Ada Lovelace","locale":"de-at"}`, access, header("If-Match", before.header.Get("ETag"))).want(http.StatusOK)
		if a.text("name") != "Ada Lovelace" || a.text("locale") != "de-AT" || a.header.Get("ETag") == before.header.Get("ETag") {
			t.Errorf("the account is %s, its ETag %s", a.raw, a.header.Get("ETag"))
		}
		if diff := cmp.Diff(a.body, w.get("/v1/me", access).body); diff != "" {
			t.Error(diff)
		}
		a = w.patchMe(`{"locale":null}`, access, header("If-Match", a.header.Get("ETag"))).want(http.StatusOK)
		if _, there := a.body["locale"]; there || a.text("name") != "Ada Lovelace" {
			t.Errorf("after a null the account is %s", a.raw)
		}
		w.do(http.MethodPatch, "/v1/me", "application/json", []byte(`{"name":"Ada"}`), access, header("If-Match", "*")).want(http.StatusOK)
	})

	t.Run("400 names every fault", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		w.patchMe(`{"name":"two\nlines","locale":"xx-yy-zz-00"}`, access, header("If-Match", "*")).want(http.StatusBadRequest, "invalid_request").
			wantFaults("/locale bad_locale", "/name bad_name")
		w.patchMe(`{"email":"eve@example.com","username":"eve"}`, access, header("If-Match", "*")).want(http.StatusBadRequest).
			wantFaults("/email unknown", "/username unknown")
		w.patchMe(`{}`, access, header("If-Match", "*")).want(http.StatusBadRequest)
		w.patchMe(`[`, access, header("If-Match", "*")).want(http.StatusBadRequest)
	})

	t.Run("401 for nobody", func(t *testing.T) {
		t.Parallel()
		newWorld(t).patchMe(`{"name":"x"}`, header("If-Match", "*")).want(http.StatusUnauthorized, "unauthenticated")
	})

	t.Run("412 for another version, 428 for none", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := bearer(w.login("ada").text("access_token"))
		w.patchMe(`{"name":"x"}`, access, header("If-Match", `"0"`)).want(http.StatusPreconditionFailed, "stale")
		w.patchMe(`{"name":"x"}`, access).want(http.StatusPreconditionRequired, "if_match_required")
	})
}

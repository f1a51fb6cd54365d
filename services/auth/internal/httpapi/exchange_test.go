package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const accessType = "urn:ietf:params:oauth:token-type:access_token"

// exchange asks for a token on behalf of a user, as charging-plot, for station-catalog; pairs replace fields of the form, and an
// empty value removes one.
func (w *world) exchange(subject string, pairs ...string) *answer {
	w.t.Helper()
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {subject},
		"subject_token_type": {accessType}, "resource": {issuer + "/station-catalog"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if form.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			form.Del(pairs[i])
		}
	}
	return w.form(tokenPath, form, basic("charging-plot", url.QueryEscape(secret)))
}

// exchangeWorld has a service that may call another with two scopes, and an operator's employee who is logged in.
func exchangeWorld(t *testing.T) (w *world, access string) {
	t.Helper()
	w = newWorld(t)
	w.service("charging-plot", secret, []string{"station-catalog", "auth"}, []string{"feeds:read", "stations:write", "profile"})
	w.service("robot", secret, []string{"station-catalog"}, []string{"stations:write"})
	w.person("ada@example.com", role.Grant{Role: role.Operator, Operator: client.Client{ID: "an-operator"}.Subject()})
	return w, w.login("ada").text("access_token")
}

func TestTokenExchange(t *testing.T) {
	t.Parallel()
	w, access := exchangeWorld(t)
	user, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}

	a := w.exchange(access).want(http.StatusOK)
	if a.text("issued_token_type") != accessType || a.text("scope") != "profile stations:write" || a.body["expires_in"] != 120.0 {
		t.Errorf("the answer is %s", a.raw)
	}
	got, err := w.verifier(issuer+"/station-catalog").Verify(t.Context(), a.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	// It is the user's, with the service as actor; of everything else only the scopes and the end differ.
	want := user
	want.ClientID, want.Scopes, want.Actor = "charging-plot", []string{"profile", "stations:write"}, client.Client{ID: "charging-plot"}.Subject()
	want.ActorVersion, want.TokenID, want.Expires = got.ActorVersion, got.TokenID, got.Expires
	if diff := cmp.Diff(want, got); diff != "" || got.ActorVersion == 0 || got.Kind != authn.User {
		t.Error(diff)
	}
	if _, err := w.verifier(issuer+"/auth").Verify(t.Context(), a.text("access_token")); err == nil {
		t.Error("the token is good elsewhere")
	}
	if narrow := w.exchange(access, "scope", "stations:write").want(http.StatusOK); narrow.text("scope") != "stations:write" {
		t.Errorf("narrowed, the scope is %q", narrow.text("scope"))
	}

	// Introspection tells who acts; the service cannot log the user out with it; it dies with the user's session.
	query := url.Values{"token": {a.text("access_token")}}
	as := basic("robot", url.QueryEscape(secret))
	told := w.form("/oauth/introspect", query, as).want(http.StatusOK)
	if act, _ := told.body["act"].(map[string]any); told.body["active"] != true || act["sub"] != want.Actor.String() {
		t.Errorf("introspection says %s", told.raw)
	}
	w.form("/oauth/revoke", query).wantError(http.StatusBadRequest, "unsupported_token_type")
	w.get("/v1/me", bearer(access)).want(http.StatusOK)
	w.exchange(a.text("access_token")).wantError(http.StatusBadRequest, "invalid_grant")
	w.post("/v1/auth/logout", object{}, bearer(access)).want(http.StatusNoContent)
	if told := w.form("/oauth/introspect", query, as).want(http.StatusOK); told.body["active"] != false {
		t.Errorf("after the logout introspection says %s", told.raw)
	}
	w.exchange(access).wantError(http.StatusBadRequest, "invalid_grant")
}

func TestTokenExchangeRefuses(t *testing.T) {
	t.Parallel()
	w, access := exchangeWorld(t)
	login := w.login("ada")
	for name, test := range map[string]struct {
		subject string
		change  []string
		code    string
	}{
		"no subject":               {access, []string{"subject_token", ""}, "invalid_request"},
		"no type":                  {access, []string{"subject_token_type", ""}, "invalid_request"},
		"another type":             {access, []string{"subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"},
		"another type wanted":      {access, []string{"requested_token_type", "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"},
		"an actor token":           {access, []string{"actor_token", access}, "invalid_request"},
		"nonsense":                 {"nonsense", nil, "invalid_grant"},
		"a refresh token":          {login.text("refresh_token"), nil, "invalid_grant"},
		"a changed token":          {access[:len(access)-2] + "AA", nil, "invalid_grant"},
		"a service's token":        {w.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, basic("charging-plot", url.QueryEscape(secret))).text("access_token"), nil, "invalid_grant"},
		"no target":                {access, []string{"resource", ""}, "invalid_target"},
		"a target that is not its": {access, []string{"resource", issuer + "/charging-plot"}, "invalid_target"},
		"an unknown target":        {access, []string{"resource", "https://evil.example"}, "invalid_target"},
		"a scope of the user's":    {access, []string{"scope", "reservations:write"}, "invalid_scope"},
		"a scope of the client's":  {access, []string{"scope", "feeds:read"}, "invalid_scope"},
	} {
		t.Run(name, func(t *testing.T) {
			w.exchange(test.subject, test.change...).wantError(http.StatusBadRequest, test.code)
		})
	}
	// A client whose own the user's token is not for has come by it.
	form := url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {access}, "subject_token_type": {accessType},
		"resource": {issuer + "/station-catalog"},
	}
	w.form(tokenPath, form, basic("robot", url.QueryEscape(secret))).wantError(http.StatusBadRequest, "invalid_grant")
	w.form(tokenPath, form, basic("robot", "wrong")).wantError(http.StatusUnauthorized, "invalid_client")
	w.form(tokenPath, form).wantError(http.StatusUnauthorized, "invalid_client")
	// Neither is a role that was taken exchanged.
	w.exec(`DELETE FROM role_grants WHERE role = 'operator'`)
	w.exchange(access).wantError(http.StatusBadRequest, "invalid_grant")
}

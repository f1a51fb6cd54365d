package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// told is an answer of OCPI.
type told[T any] struct {
	Data       T   `json:"data"`
	StatusCode int `json:"status_code"`
}

// TestAPartnerRegistersOverOCPI goes the way of a roaming partner: an administrator makes it a key, it finds the modules by it, registers,
// goes on with the key that it is given, and ends the registration.
func TestAPartnerRegistersOverOCPI(t *testing.T) {
	ownStack(t) // the product must reach the partner
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	var address string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		var data any = map[string]any{"version": "2.2.1", "endpoints": []any{}}
		if r.URL.Path == "/versions" {
			data = []any{map[string]any{"version": "2.2.1", "url": address + "/2.2.1"}}
		}
		if err := json.NewEncoder(out).Encode(map[string]any{"status_code": 1000, "data": data}); err != nil {
			t.Error(err)
		}
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	defer server.Close()
	address = server.URL

	fresh := anonymous(t)
	admin := fresh.with(login(fresh, world.adminLogin, world.adminPassword).AccessToken)
	made := want[struct {
		Key string `json:"key"`
	}](admin, http.StatusCreated, http.MethodPost, "/v1/me/api-keys", map[string]any{"name": "partner " + uuid.NewString(), "scopes": []string{"ocpi"}})
	by := func(key string) option {
		return header("Authorization", "Token "+base64.StdEncoding.EncodeToString([]byte(key)))
	}
	type module struct {
		Identifier string `json:"identifier"`
		Version    string `json:"version"`
		URL        string `json:"url"`
	}
	c := anonymous(t)
	versions := want[told[[]module]](c, http.StatusOK, http.MethodGet, "/ocpi/versions", nil, by(made.Key))
	at := func(url string) string { return "/ocpi" + strings.SplitN(url, "/ocpi", 2)[1] }
	details := want[told[struct {
		Endpoints []module `json:"endpoints"`
	}]](c, http.StatusOK, http.MethodGet, at(versions.Data[0].URL), nil, by(made.Key))
	if len(details.Data.Endpoints) != 8 {
		t.Errorf("the modules are %+v", details.Data.Endpoints)
	}
	if early := want[told[any]](c, http.StatusUnauthorized, http.MethodGet, "/ocpi/2.2.1/cdrs", nil, by(made.Key)); early.StatusCode != 2000 {
		t.Errorf("before the handshake it was answered %+v", early)
	}
	credentials := map[string]any{"token": "theirs", "url": address + "/versions", "roles": []any{map[string]any{
		"role": "EMSP", "country_code": "NL", "party_id": strings.ToUpper(uuid.NewString()[:3]), "business_details": map[string]any{"name": "Partner"},
	}}}
	given := want[told[struct {
		Token string `json:"token"`
	}]](c, http.StatusOK, http.MethodPost, "/ocpi/2.2.1/credentials", credentials, by(made.Key))
	next := given.Data.Token
	if given.StatusCode != 1000 || next == "" || next == made.Key {
		t.Fatalf("the handshake was answered %+v", given)
	}
	for _, path := range []string{"/ocpi/2.2.1/locations?limit=1", "/ocpi/2.2.1/tariffs", "/ocpi/2.2.1/sessions", "/ocpi/2.2.1/cdrs"} {
		if list := want[told[[]any]](c, http.StatusOK, http.MethodGet, path, nil, by(next)); list.StatusCode != 1000 {
			t.Errorf("%s was answered %+v", path, list)
		}
	}
	ended := func(key string) func() bool {
		return func() bool {
			return c.do(http.MethodGet, "/ocpi/2.2.1/locations?limit=1", nil, by(key)).status == http.StatusUnauthorized
		}
	}
	eventually(t, patience, "the key that was presented ends", ended(made.Key))
	if gone := want[told[any]](c, http.StatusOK, http.MethodDelete, "/ocpi/2.2.1/credentials", nil, by(next)); gone.StatusCode != 1000 {
		t.Errorf("the end was answered %+v", gone)
	}
	eventually(t, patience, "the partner's key ends", ended(next))
}

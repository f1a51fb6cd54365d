package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const (
	keysPath   = "/v1/me/api-keys"
	rotatePath = keysPath + "/rotate"
)

func key(text string) with { return header(authn.HeaderAPIKey, text) }

// keyWorld has an operator's administrator who is logged in.
func keyWorld(t *testing.T) (w *world, access with) {
	t.Helper()
	w = newWorld(t)
	w.person("ada@example.com", role.Grant{Role: role.OperatorAdmin, Operator: uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")})
	return w, bearer(w.login("ada").text("access_token"))
}

// makeKey makes a key; pairs are members of the body.
func (w *world) makeKey(access with, more object) (id, text string) {
	w.t.Helper()
	body := object{"name": "nightly import", "scopes": []string{"profile", "users:read"}}
	for name, value := range more {
		body[name] = value
	}
	a := w.post(keysPath, body, access).want(http.StatusCreated)
	made, _ := a.body["api_key"].(map[string]any)
	id, _ = made["id"].(string)
	return id, a.text("key")
}

func TestCreateAPIKey(t *testing.T) {
	t.Parallel()

	t.Run("201: the key works at once, with its scopes and for its owner", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
		id, text := w.makeKey(access, object{"expires_at": end, "networks": []string{"127.0.0.0/8", "198.51.100.7"}})
		w.get("/v1/me", key(text), from("198.51.100.7")).want(http.StatusOK)
		w.get("/v1/users", key(text), from("127.0.0.3")).want(http.StatusOK)
		listed := w.get(keysPath, access).want(http.StatusOK)
		items, _ := listed.body["items"].([]any)
		one, _ := items[0].(map[string]any)
		used, _ := one["last_used_at"].(string)
		delete(one, "created_at")
		delete(one, "last_used_at")
		want := map[string]any{
			"id": id, "name": "nightly import", "scopes": []any{"profile", "users:read"}, "networks": []any{"127.0.0.0/8", "198.51.100.7/32"},
			"expires_at": end.Format(time.RFC3339),
		}
		if diff := cmp.Diff(want, one); diff != "" || used == "" || strings.Contains(listed.raw, text) {
			t.Errorf("used %q, %s", used, diff)
		}
		if n := w.count(`SELECT count(*) FROM audit_events WHERE kind = 'api_key.created' AND detail->>'key' = '` + id + `'`); n != 1 {
			t.Errorf("%d records", n)
		}
		if n := w.count(`SELECT count(*) FROM events WHERE kind = 'user.api_key_created'`); n != 1 {
			t.Errorf("%d events", n)
		}
	})

	t.Run("400, 403, 409", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		body := func(name string, value any) object {
			return object{"name": "k", "scopes": []string{"profile"}, name: value}
		}
		w.post(keysPath, body("expires_at", time.Now().Add(-time.Hour)), access).want(http.StatusBadRequest, "bad_expiry")
		w.post(keysPath, body("networks", []string{"192.0.2.0/33"}), access).want(http.StatusBadRequest, "bad_networks")
		w.post(keysPath, body("networks", []string{"::ffff:192.0.2.0/120"}), access).want(http.StatusBadRequest, "bad_networks")
		w.post(keysPath, body("name", "two\nlines"), access).want(http.StatusBadRequest, "bad_name")
		w.post(keysPath, body("scopes", []string{}), access).want(http.StatusBadRequest)
		w.post(keysPath, body("scopes", []string{"users:write"}), access).want(http.StatusForbidden, "scope_not_yours")
		w.post(keysPath, body("scopes", []string{"no:such"}), access).want(http.StatusForbidden, "scope_not_yours")
		w.exec(`INSERT INTO api_keys (id, account_id, name, scopes, networks) SELECT gen_random_uuid(), id, 'k', '{}', '{}' FROM accounts, generate_series(1, 50)`)
		w.post(keysPath, body("name", "k"), access).want(http.StatusConflict, "too_many_api_keys")
	})

	t.Run("401 without a young proof", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		in := w.login("ada")
		w.exec(`UPDATE sessions SET auth_time = auth_time - interval '1 hour'`)
		old := w.post("/v1/auth/refresh", object{"refresh_token": in.text("refresh_token")}).want(http.StatusOK)
		w.post(keysPath, object{"name": "k", "scopes": []string{"profile"}}, bearer(old.text("access_token"))).
			want(http.StatusUnauthorized, "step_up_required")
	})
}

// An API key does what the contract says and nothing else, whatever its scopes are.
func TestAPIKeysAreTakenWhereTheContractSays(t *testing.T) {
	t.Parallel()
	w, access := keyWorld(t)
	_, text := w.makeKey(access, object{"scopes": []string{"profile", "users:read", "staff:write"}})
	for _, path := range []string{"/v1/me", "/v1/users"} {
		w.get(path, key(text)).want(http.StatusOK)
	}
	w.get("/v1/audit-events", key(text)).want(http.StatusForbidden, "insufficient_scope")
	for _, path := range []string{keysPath, "/v1/me/sessions", "/v1/me/emails", "/v1/me/mfa", "/v1/me/export", "/v1/invitations"} {
		w.get(path, key(text)).want(http.StatusForbidden, "api_key_not_taken")
	}
	w.post(keysPath, object{"name": "k", "scopes": []string{"profile"}}, key(text)).want(http.StatusForbidden, "api_key_not_taken")
	w.post("/v1/auth/logout-all", object{}, key(text)).want(http.StatusForbidden, "api_key_not_taken")
	w.post(rotatePath, object{}, access).want(http.StatusForbidden, "api_key_wanted")
	w.get("/v1/me", key(text), access).want(http.StatusUnauthorized, "invalid_api_key")
	w.get("/v1/me", bearer(text)).want(http.StatusUnauthorized, "invalid_token")
}

// Every text that does not work is answered alike.
func TestAPIKeysThatDoNotWork(t *testing.T) {
	t.Parallel()
	w, access := keyWorld(t)
	_, expired := w.makeKey(access, nil)
	w.exec(`UPDATE api_keys SET expires_at = now() - interval '1 second'`)
	_, elsewhere := w.makeKey(access, object{"networks": []string{"203.0.113.0/24"}})
	removedID, removed := w.makeKey(access, nil)
	w.do(http.MethodDelete, keysPath+"/"+removedID, "", nil, access).want(http.StatusNoContent)
	w.do(http.MethodDelete, keysPath+"/"+removedID, "", nil, access).want(http.StatusNotFound, "no_such_api_key")
	_, good := w.makeKey(access, nil)
	var answers []string
	for _, text := range []string{expired, elsewhere, removed, "ihr_ak_" + strings.Repeat("0", 49), good[:55], good + "0", "x", in(good)} {
		a := w.get("/v1/me", key(text)).want(http.StatusUnauthorized, "invalid_api_key")
		answers = append(answers, fmt.Sprint(a.text("type"), a.text("title"), a.text("detail"), a.header.Get("WWW-Authenticate"), len(a.raw)))
	}
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("the answers differ: %q", answers)
	}
	w.get("/v1/me", key(good)).want(http.StatusOK)

	t.Run("nor does one whose owner is switched off or on the way out", func(t *testing.T) {
		for _, state := range []string{`disabled_at = now()`, `disabled_at = NULL, erase_at = now() + interval '1 day'`} {
			_, fresh := w.makeKey(access, nil)
			w.exec(`UPDATE accounts SET ` + state)
			w.get("/v1/me", key(fresh)).want(http.StatusUnauthorized, "invalid_api_key")
			w.exec(`UPDATE accounts SET disabled_at = NULL, erase_at = NULL`)
		}
	})
}

// in changes a digit of the secret.
func in(text string) string {
	digit := "0"
	if text[20] == '0' {
		digit = "1"
	}
	return text[:20] + digit + text[21:]
}

// A key can never do more than its owner.
func TestAPIKeysFollowTheirOwnersRights(t *testing.T) {
	t.Parallel()
	w, access := keyWorld(t)
	w.makeKey(access, nil)
	_, text := w.makeKey(access, nil)
	w.exec(`DELETE FROM role_grants WHERE role = 'operator_admin'`)
	w.get("/v1/users", key(text)).want(http.StatusForbidden, "insufficient_scope")
	w.get("/v1/me", key(text)).want(http.StatusOK)
}

func TestRotateAPIKey(t *testing.T) {
	t.Parallel()

	t.Run("201: both work for the grace, a third ends the first", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		id, first := w.makeKey(access, nil)
		second := w.post(keysPath+"/"+id+"/rotate", object{}, access).want(http.StatusCreated).text("key")
		for _, text := range []string{first, second} {
			w.get("/v1/me", key(text)).want(http.StatusOK)
		}
		a := w.post(keysPath+"/"+id+"/rotate", object{"grace_s": 60}, access).want(http.StatusCreated)
		made, _ := a.body["api_key"].(map[string]any)
		if made["id"] != id || made["earlier_until"] == nil {
			t.Errorf("the key is %v", made)
		}
		w.wantExchange(second, http.StatusOK)
		w.wantExchange(a.text("key"), http.StatusOK)
		w.wantExchange(first, http.StatusBadRequest)
		if n := w.count(`SELECT count(*) FROM revocations WHERE kind = 'sid'`); n != 1 {
			t.Errorf("%d revocations", n)
		}
	})

	t.Run("404 and 409", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		id, _ := w.makeKey(access, nil)
		w.post(keysPath+"/"+uuid.NewString()+"/rotate", object{}, access).want(http.StatusNotFound, "no_such_api_key")
		w.person("eve@example.com")
		w.post(keysPath+"/"+id+"/rotate", object{}, bearer(w.login("eve").text("access_token"))).want(http.StatusNotFound, "no_such_api_key")
		w.exec(`UPDATE api_keys SET expires_at = now()`)
		w.post(keysPath+"/"+id+"/rotate", object{}, access).want(http.StatusConflict, "api_key_expired")
	})
}

func TestRotatePresentedAPIKey(t *testing.T) {
	t.Parallel()

	t.Run("201: the next takes the place of the one sent, at once", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		id, first := w.makeKey(access, nil)
		a := w.post(rotatePath, object{}, key(first)).want(http.StatusCreated)
		if made, _ := a.body["api_key"].(map[string]any); made["id"] != id {
			t.Errorf("the key is %v", made)
		}
		w.wantExchange(first, http.StatusBadRequest)
		w.wantExchange(a.text("key"), http.StatusOK)
		// The token of the first is remembered here, where no revocations are followed; the database knows better.
		w.post(rotatePath, object{}, key(first)).want(http.StatusUnauthorized, "session_ended")
		rotate := httpclient.KeyRotation(w.base + tokenPath)
		if next, err := rotate(t.Context(), a.text("key"), 0); err != nil || !strings.HasPrefix(next, "ihr_ak_") {
			t.Errorf("KeyRotation = %q, %v", next, err)
		}
	})

	t.Run("201 again in the grace, when the answer was lost", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		_, first := w.makeKey(access, nil)
		lost := w.post(rotatePath, object{"grace_s": 60}, key(first)).want(http.StatusCreated).text("key")
		found := w.post(rotatePath, object{"grace_s": 60}, key(first)).want(http.StatusCreated).text("key")
		w.wantExchange(lost, http.StatusBadRequest)
		w.wantExchange(found, http.StatusOK)
		w.wantExchange(first, http.StatusOK)
	})

	t.Run("400 for a grace beyond a week", func(t *testing.T) {
		t.Parallel()
		w, access := keyWorld(t)
		_, text := w.makeKey(access, nil)
		w.post(rotatePath, object{"grace_s": 604801}, key(text)).want(http.StatusBadRequest)
	})
}

// wantExchange exchanges a key as charging-plot does.
func (w *world) wantExchange(text string, status int) *answer {
	w.t.Helper()
	w.exec(`DELETE FROM service_clients`)
	w.service("charging-plot", secret, []string{"station-catalog"}, []string{"feeds:read"})
	return w.exchange(text, "subject_token_type", httpclient.TokenTypeAPIKey, "resource", "").want(status)
}

func TestExchangeOfAPIKeys(t *testing.T) {
	t.Parallel()
	w, access := keyWorld(t)
	id, text := w.makeKey(access, object{"expires_at": time.Now().Add(200 * time.Second)})
	a := w.wantExchange(text, http.StatusOK)
	p, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), a.text("access_token"))
	if err != nil {
		t.Fatal(err)
	}
	if life := time.Until(p.Expires); life < 150*time.Second || life > 200*time.Second {
		t.Errorf("it lives %v, beyond the key", life)
	}
	if p.Key.String() != id || p.Operator == uuid.Nil || !p.AuthTime.IsZero() || p.ACR != "" || p.Kind != authn.User || a.text("scope") != "profile users:read" {
		t.Errorf("the principal is %+v", p)
	}
	if _, err := w.verifier(issuer+"/auth").Verify(t.Context(), a.text("access_token")); err == nil {
		t.Error("the token is good elsewhere")
	}
	ask := url.Values{"token": {a.text("access_token")}}
	service := basic("charging-plot", url.QueryEscape(secret))
	if live := w.form("/oauth/introspect", ask, service); live.body["active"] != true {
		t.Errorf("introspection says %s", live.raw)
	}
	byKey := []string{"subject_token_type", httpclient.TokenTypeAPIKey}
	w.exchange(text, append(byKey, "resource", issuer+"/station-catalog")...).wantError(http.StatusBadRequest, "invalid_target")
	w.exchange(text, "resource", "").wantError(http.StatusBadRequest, "invalid_grant") // as an access token
	w.service("robot", secret, []string{"auth"}, nil)
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "subject_token": {text}, "subject_token_type": {httpclient.TokenTypeAPIKey}}
	w.form(tokenPath, form, basic("robot", url.QueryEscape(secret))).wantError(http.StatusUnauthorized, "invalid_client")
	w.do(http.MethodDelete, keysPath+"/"+id, "", nil, access).want(http.StatusNoContent)
	if live := w.form("/oauth/introspect", ask, service); live.body["active"] != false {
		t.Errorf("after its end introspection says %s", live.raw)
	}
	exchange := httpclient.KeyExchange(w.base+tokenPath, httpclient.Credential{ID: "charging-plot", Secret: secret})
	if token, err := exchange(t.Context(), text); token != "" || err != nil {
		t.Errorf("KeyExchange of a key that has ended = %q, %v", token, err)
	}
}

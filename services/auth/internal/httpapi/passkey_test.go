package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
)

// device is an authenticator with one passkey in it.
type device struct {
	w          *world
	site       virtualwebauthn.RelyingParty
	auth       virtualwebauthn.Authenticator
	credential virtualwebauthn.Credential
}

func (w *world) device() *device {
	return &device{
		w: w, site: virtualwebauthn.RelyingParty{ID: "charging.example", Name: "IHR", Origin: issuer},
		auth: virtualwebauthn.NewAuthenticator(), credential: newCredential(),
	}
}

// newCredential is a credential whose key is written as real authenticators write it. The library drops the zeros that one key in
// 128 begins a coordinate with (RFC 9053, 7.1.1, wants them), and such a key is rightly refused.
func newCredential() virtualwebauthn.Credential {
	const whole = 77 // bytes of the COSE key of two coordinates of 32 bytes
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == whole {
			return c
		}
	}
}

func (a *answer) raw64(member string) string {
	raw, err := json.Marshal(a.body[member])
	if err != nil {
		a.t.Fatal(err)
	}
	return string(raw)
}

// creates answers a challenge for a new passkey.
func (d *device) creates(challenge *answer) json.RawMessage {
	d.w.t.Helper()
	options, err := virtualwebauthn.ParseAttestationOptions(challenge.raw64("public_key"))
	if err != nil {
		d.w.t.Fatal(err)
	}
	return json.RawMessage(virtualwebauthn.CreateAttestationResponse(d.site, d.auth, d.credential, *options))
}

// signs answers a challenge with the passkey. Each answer counts one up.
func (d *device) signs(challenge *answer) json.RawMessage {
	d.w.t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(challenge.raw64("public_key"))
	if err != nil {
		d.w.t.Fatal(err)
	}
	d.credential.Counter++
	return json.RawMessage(virtualwebauthn.CreateAssertionResponse(d.site, d.auth, d.credential, *options))
}

// begin asks for a challenge.
func (w *world) begin(path string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodPost, path, "", nil, change...).want(http.StatusOK)
}

const passkeyLogin = "/v1/auth/passkeys/login/"

// registers gives an account the passkey of a new device.
func (w *world) registers(id uuid.UUID, access string) (*device, *answer) {
	w.t.Helper()
	d := w.device()
	d.auth.Options.UserHandle = id[:]
	challenge := w.begin("/v1/me/passkeys/begin", bearer(access))
	made := w.post("/v1/me/passkeys/finish", object{"ceremony": challenge.text("ceremony"), "credential": d.creates(challenge), "name": "a laptop"}, bearer(access)).
		want(http.StatusCreated)
	return d, made
}

func (w *world) finishLogin(challenge *answer, response json.RawMessage) *answer {
	w.t.Helper()
	return w.post(passkeyLogin+"finish", object{"ceremony": challenge.text("ceremony"), "credential": response})
}

func TestPasskeys(t *testing.T) {
	t.Parallel()

	t.Run("registered, listed, renamed, used without a password, removed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		d, made := w.registers(id, access)
		if len(made.list("recovery_codes")) != 10 {
			t.Error("the first factor comes without recovery codes")
		}
		one, _ := made.body["passkey"].(map[string]any)
		path := "/v1/me/passkeys/" + one["id"].(string)
		done := w.post(passkeyLogin+"finish", func() object {
			challenge := w.begin(passkeyLogin + "begin")
			return object{"ceremony": challenge.text("ceremony"), "credential": d.signs(challenge), "remember_me": true, "device_name": "a laptop"}
		}()).want(http.StatusOK)
		p := w.sees(done.text("access_token"))
		if p.Subject != id || p.ACR != authn.AAL2 || !slices.Contains(p.AMR, "mfa") || !slices.Contains(p.AMR, "hwk") {
			t.Errorf("the token says %+v", p)
		}
		if done.body["refresh_expires_in"] != float64(30*24*3600) {
			t.Error("remember_me was forgotten")
		}
		access = done.text("access_token")
		renamed := w.do(http.MethodPatch, path, "application/json", []byte(`{"name": "the old laptop"}`), bearer(access)).want(http.StatusOK)
		list := w.get("/v1/me/passkeys", bearer(access)).want(http.StatusOK)
		items, _ := list.body["items"].([]any)
		if len(items) != 1 || renamed.text("last_used_at") == "" {
			t.Fatal(list.raw)
		}
		if diff := cmp.Diff(map[string]any(renamed.body), items[0]); diff != "" || renamed.text("name") != "the old laptop" {
			t.Error(diff, renamed.raw)
		}
		w.do(http.MethodDelete, path, "", nil, bearer(access)).want(http.StatusNoContent)
		w.do(http.MethodDelete, path, "", nil, bearer(access)).want(http.StatusNotFound, "no_such_passkey")
		challenge := w.begin(passkeyLogin + "begin")
		w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")
		w.login("ada") // by password alone again
	})

	t.Run("as the second factor, and to step up", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.person("ada@example.com")
		d, _ := w.registers(id, w.login("ada").text("access_token"))
		a := w.post(loginPath, object{"login": "ada", "password": password}).want(http.StatusUnauthorized, "mfa_required")
		if diff := cmp.Diff([]string{"passkey", "recovery_code"}, a.list("methods")); diff != "" {
			t.Error(diff)
		}
		challenge := w.post(mfaPath+"/passkey/begin", object{"mfa_token": a.text("mfa_token")}).want(http.StatusOK)
		done := w.post(mfaPath, object{
			"mfa_token": a.text("mfa_token"), "passkey": object{"ceremony": challenge.text("ceremony"), "credential": d.signs(challenge)},
		}).want(http.StatusOK)
		if p := w.sees(done.text("access_token")); p.ACR != authn.AAL2 || !slices.Contains(p.AMR, "pwd") {
			t.Errorf("the token says %+v", p)
		}
		access, _ := w.old(done.text("refresh_token"))
		w.wantStepUp(access, authn.AAL2)
		challenge = w.begin(stepUpPath+"/passkey/begin", bearer(access))
		sure := w.post(stepUpPath, object{"passkey": object{"ceremony": challenge.text("ceremony"), "credential": d.signs(challenge)}}, bearer(access)).
			want(http.StatusOK).text("access_token")
		w.do(http.MethodPost, "/v1/me/mfa/recovery-codes", "", nil, bearer(sure)).want(http.StatusOK)
	})

	t.Run("begin says nothing of anybody", func(t *testing.T) { // E1, CVE-2024-41952
		t.Parallel()
		w := newWorld(t)
		nobody := w.begin(passkeyLogin + "begin")
		id := w.person("ada@example.com")
		w.registers(id, w.login("ada").text("access_token"))
		somebody := w.begin(passkeyLogin + "begin")
		for _, a := range []*answer{nobody, somebody} {
			options, _ := a.body["public_key"].(map[string]any)
			if _, there := options["allowCredentials"]; there || options["userVerification"] != "required" || options["rpId"] != "charging.example" {
				t.Errorf("the options are %v", options)
			}
			delete(options, "challenge")
			delete(a.body, "ceremony")
		}
		if diff := cmp.Diff(nobody.body, somebody.body); diff != "" {
			t.Error(diff)
		}
		// Nor do the answers to a passkey that nobody has and to one of which the signature is wrong differ.
		stranger, owner := w.device(), w.device()
		stranger.auth.Options.UserHandle = uuid.New().NodeID()
		owner.auth.Options.UserHandle = id[:]
		var first *answer
		for _, d := range []*device{stranger, owner} {
			challenge := w.begin(passkeyLogin + "begin")
			a := w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")
			delete(a.body, "request_id")
			if first == nil {
				first = a
			} else if diff := cmp.Diff(first.body, a.body); diff != "" {
				t.Error(diff)
			}
		}
	})

	t.Run("403 when the account is off, 409 for one that is registered", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id, eve := w.person("ada@example.com"), w.person("eve@example.com")
		d, _ := w.registers(id, w.login("ada").text("access_token"))
		access := w.login("eve").text("access_token")
		d.auth.Options.UserHandle = eve[:]
		challenge := w.begin("/v1/me/passkeys/begin", bearer(access))
		w.post("/v1/me/passkeys/finish", object{"ceremony": challenge.text("ceremony"), "credential": d.creates(challenge), "name": "taken"}, bearer(access)).
			want(http.StatusConflict, "passkey_taken")
		w.login("eve") // nothing was stored
		d.auth.Options.UserHandle = id[:]
		w.exec(`UPDATE accounts SET disabled_at = now()`)
		challenge = w.begin(passkeyLogin + "begin")
		w.finishLogin(challenge, d.signs(challenge)).want(http.StatusForbidden, "account_disabled")
	})

	t.Run("400 for what is no credential", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		for _, junk := range []string{`{}`, `{"id": 1}`, `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, `{"id":"` + strings.Repeat("A", 5000) + `"}`} {
			challenge := w.begin(passkeyLogin + "begin")
			w.finishLogin(challenge, json.RawMessage(junk)).want(http.StatusBadRequest, "passkey_refused")
			challenge = w.begin("/v1/me/passkeys/begin", bearer(access))
			w.post("/v1/me/passkeys/finish", object{"ceremony": challenge.text("ceremony"), "credential": json.RawMessage(junk), "name": "x"}, bearer(access)).
				want(http.StatusBadRequest, "passkey_refused")
		}
		w.post(passkeyLogin+"finish", object{"ceremony": "x"}).want(http.StatusBadRequest, "invalid_request").wantFaults("/credential required")
		w.registers(id, access)
	})
}

// W1: whatever is not right about an answer, it is refused, and the challenge is used up.
func TestPasskeyAttacks(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(w *world, d *device){
		"another origin":        func(_ *world, d *device) { d.site.Origin = "https://charging.example.evil.test" },
		"a subdomain":           func(_ *world, d *device) { d.site.Origin = "https://evil.charging.example" },
		"plain http":            func(_ *world, d *device) { d.site.Origin = "http://charging.example" },
		"another port":          func(_ *world, d *device) { d.site.Origin = issuer + ":8443" },
		"another site":          func(_ *world, d *device) { d.site.ID = "evil.test" },
		"the user not verified": func(_ *world, d *device) { d.auth.Options.UserNotVerified = true },
		"the user not present":  func(_ *world, d *device) { d.auth.Options.UserNotPresent = true },
		"a count that went back": func(w *world, d *device) {
			d.credential.Counter = 7
			challenge := w.begin(passkeyLogin + "begin")
			w.finishLogin(challenge, d.signs(challenge)).want(http.StatusOK)
			d.credential.Counter = 5
		},
		"a count that stood still": func(w *world, d *device) {
			challenge := w.begin(passkeyLogin + "begin")
			w.finishLogin(challenge, d.signs(challenge)).want(http.StatusOK)
			d.credential.Counter--
		},
		"somebody else's handle": func(w *world, d *device) {
			eve := w.person("eve@example.com")
			d.auth.Options.UserHandle = eve[:]
		},
		"no handle": func(_ *world, d *device) { d.auth.Options.UserHandle = nil },
		"another key": func(_ *world, d *device) {
			id := d.credential.ID
			d.credential = newCredential()
			d.credential.ID, d.credential.Counter = id, 100
		},
	} {
		t.Run("400 for "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			id := w.person("ada@example.com")
			d, _ := w.registers(id, w.login("ada").text("access_token"))
			attack(w, d)
			began := w.count(`SELECT count(*) FROM sessions`)
			challenge := w.begin(passkeyLogin + "begin")
			w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")
			if w.count(`SELECT count(*) FROM sessions`) != began {
				t.Error("a session began")
			}
			if strings.Contains(name, "count") && w.count(`SELECT count(*) FROM audit_events WHERE kind = 'passkey.cloned'`) != 1 {
				t.Error("the clone is not recorded")
			}
		})
	}

	t.Run("400 for a challenge that was answered, has expired, or is for something else", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		id := w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		d, _ := w.registers(id, access)
		challenge := w.begin(passkeyLogin + "begin")
		right := d.signs(challenge)
		w.finishLogin(challenge, right).want(http.StatusOK)
		w.finishLogin(challenge, right).want(http.StatusBadRequest, "passkey_refused")
		w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")

		// A wrong answer uses it up as well.
		challenge = w.begin(passkeyLogin + "begin")
		w.finishLogin(challenge, json.RawMessage(`{}`)).want(http.StatusBadRequest)
		w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")

		// The answer to one challenge does not fit another.
		first, second := w.begin(passkeyLogin+"begin"), w.begin(passkeyLogin+"begin")
		w.finishLogin(second, d.signs(first)).want(http.StatusBadRequest, "passkey_refused")

		challenge = w.begin(passkeyLogin + "begin")
		w.exec(`UPDATE passkey_ceremonies SET expires_at = now()`)
		w.finishLogin(challenge, d.signs(challenge)).want(http.StatusBadRequest, "passkey_refused")

		// Purposes: a challenge of a login that waits, of a step-up, of a registration.
		token := w.pending("ada")
		forSecond := w.post(mfaPath+"/passkey/begin", object{"mfa_token": token}).want(http.StatusOK)
		forStepUp := w.begin(stepUpPath+"/passkey/begin", bearer(access))
		w.finishLogin(forSecond, d.signs(forSecond)).want(http.StatusBadRequest, "passkey_refused")
		w.finishLogin(forStepUp, d.signs(forStepUp)).want(http.StatusBadRequest, "passkey_refused")
		forLogin := w.begin(passkeyLogin + "begin")
		w.post(mfaPath, object{"mfa_token": token, "passkey": object{"ceremony": forLogin.text("ceremony"), "credential": d.signs(forLogin)}}).
			want(http.StatusBadRequest, "passkey_refused")
		w.post(mfaPath, object{"mfa_token": token, "passkey": object{"ceremony": forStepUp.text("ceremony"), "credential": d.signs(forStepUp)}}).
			want(http.StatusBadRequest, "passkey_refused")
	})

	t.Run("400 for another's passkey as the second factor, and for a challenge of another login", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ada, eve := w.person("ada@example.com"), w.person("eve@example.com")
		adas, _ := w.registers(ada, w.login("ada").text("access_token"))
		eves, _ := w.registers(eve, w.login("eve").text("access_token"))
		token := w.pending("ada")
		challenge := w.post(mfaPath+"/passkey/begin", object{"mfa_token": token}).want(http.StatusOK)
		w.post(mfaPath, object{"mfa_token": token, "passkey": object{"ceremony": challenge.text("ceremony"), "credential": eves.signs(challenge)}}).
			want(http.StatusBadRequest, "passkey_refused")

		mine := w.pending("eve")
		challenge = w.post(mfaPath+"/passkey/begin", object{"mfa_token": mine}).want(http.StatusOK)
		w.post(mfaPath, object{"mfa_token": token, "passkey": object{"ceremony": challenge.text("ceremony"), "credential": eves.signs(challenge)}}).
			want(http.StatusBadRequest, "passkey_refused")
		other := w.post(mfaPath+"/passkey/begin", object{"mfa_token": w.pending("ada")}).want(http.StatusOK)
		w.post(mfaPath, object{"mfa_token": token, "passkey": object{"ceremony": other.text("ceremony"), "credential": adas.signs(other)}}).
			want(http.StatusBadRequest, "passkey_refused")
	})
}

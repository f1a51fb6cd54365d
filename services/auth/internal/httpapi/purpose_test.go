package httpapi_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// tokensOfEveryKind are one of each that auth hands out, all good and none used.
func tokensOfEveryKind(w *world) map[string]string {
	w.t.Helper()
	w.person("ada@example.com")
	w.person("eve@example.com")
	w.service("robot", secret, []string{"station-catalog"}, []string{"feeds:read", "profile"})
	w.service("charging-plot", secret, []string{"station-catalog"}, []string{"profile"})
	login := w.login("ada")
	access := bearer(login.text("access_token"))
	w.post(registerPath, object{"email": "new@example.com", "password": password}).want(http.StatusAccepted)
	w.post(emailsPath, object{"email": "second@example.com"}, access).want(http.StatusCreated)
	w.invite(w.as("root@example.com", role.Grant{Role: role.Admin}), "guest@example.com").want(http.StatusCreated)
	_, apiKey := w.makeKey(access, object{"scopes": []string{"profile"}})
	_, codes := w.enrol(w.login("eve").text("access_token"))
	return map[string]string{
		"access":        login.text("access_token"),
		"refresh":       login.text("refresh_token"),
		"exchanged":     w.exchange(login.text("access_token")).want(http.StatusOK).text("access_token"),
		"service":       w.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, basic("robot", url.QueryEscape(secret))).want(http.StatusOK).text("access_token"),
		"client secret": secret,
		"confirm":       w.mail("new@example.com", notice.ConfirmEmail).Token,
		"reset":         w.forgot(),
		"added address": w.mail("second@example.com", notice.ConfirmAddedEmail).Token,
		"invitation":    w.mail("guest@example.com", notice.InviteUser).Token,
		"second factor": w.pending("eve"),
		"recovery code": codes[0],
		"ceremony":      w.begin(passkeyLogin + "begin").text("ceremony"),
		"API key":       apiKey,
	}
}

// place is where a token is taken, and the kinds that may be tried there because they are its own.
type place struct {
	name string
	own  []string
	try  func(token string) *answer
}

// placesOfTokens are all of them: the bodies and forms by hand, and every operation of the document that a bearer token or an API key is for.
func placesOfTokens(w *world) []place {
	w.t.Helper()
	body := func(path string, member string, rest object) func(string) *answer {
		return func(token string) *answer {
			rest := rest
			if rest == nil {
				rest = object{}
			}
			rest[member] = token
			return w.post(path, rest)
		}
	}
	form := func(path string, change with, member string, rest url.Values) func(string) *answer {
		return func(token string) *answer {
			values := url.Values{member: {token}}
			for name, value := range rest {
				values[name] = value
			}
			return w.form(path, values, change)
		}
	}
	nobody := func(*http.Request) {}
	places := []place{
		{"confirm", []string{"confirm"}, body(confirmPath, "token", nil)},
		{"reset", []string{"reset"}, body(resetPath, "token", object{"password": another})},
		{"confirm an added address", []string{"added address"}, body("/v1/me/emails/confirm", "token", nil)},
		{"accept an invitation", []string{"invitation"}, body(acceptPath, "token", object{"password": another})},
		{"refresh", []string{"refresh"}, body(refreshPath, "refresh_token", nil)},
		{"second factor", []string{"second factor"}, body(mfaPath, "mfa_token", object{"totp_code": "000000"})},
		{"second factor by passkey", []string{"second factor"}, body("/v1/auth/mfa/passkey/begin", "mfa_token", nil)},
		{"passkey login", []string{"ceremony"}, body(passkeyLogin+"finish", "ceremony", object{"credential": object{}})},
		{"refresh grant", []string{"refresh"}, form(tokenPath, nobody, "refresh_token", url.Values{"grant_type": {"refresh_token"}})},
		{"client", []string{"client secret"}, func(token string) *answer {
			return w.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, basic("robot", url.QueryEscape(token)))
		}},
		{"exchange", []string{"access"}, func(token string) *answer { return w.exchange(token) }},
		{"exchange of API keys", []string{"API key"}, func(token string) *answer {
			return w.exchange(token, "subject_token_type", httpclient.TokenTypeAPIKey, "resource", "")
		}},
	}
	spec, err := httpapi.GetSpec()
	if err != nil {
		w.t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\{\w+\}`)
	for path, item := range spec.Paths.Map() {
		for method, op := range item.Operations() {
			takes := func(scheme string) bool {
				return op.Security != nil && slices.ContainsFunc(*op.Security, func(r openapi3.SecurityRequirement) bool { _, there := r[scheme]; return there })
			}
			path := parameter.ReplaceAllString(path, "0190f0a0-0000-7000-8000-000000000009")
			kind := "application/json"
			if method == http.MethodPatch {
				kind = "application/merge-patch+json"
			}
			for _, scheme := range []struct {
				name, own string
				put       func(string) with
			}{{"bearer", "access", bearer}, {"api_key", "API key", key}} {
				if !takes(scheme.name) {
					continue
				}
				places = append(places, place{scheme.name + " of " + method + " " + path, []string{scheme.own}, func(token string) *answer {
					var content []byte
					if method != http.MethodGet && method != http.MethodDelete {
						content = []byte(`{}`)
					}
					return w.do(method, path, kind, content, scheme.put(token))
				}})
			}
		}
	}
	return places
}

// P1, J3: every kind of token at every place where a token is taken. Only its own place takes it.
func TestNoTokenServesAnotherPurpose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokens := tokensOfEveryKind(w)
	places := placesOfTokens(w)
	crossed := 0
	for _, p := range places {
		w.exec(`DELETE FROM throttles`) // so that no budget stands in for the refusal
		for kind, token := range tokens {
			if slices.Contains(p.own, kind) {
				continue
			}
			crossed++
			a := p.try(token)
			if a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
				t.Errorf("%s at %s: %d %s", kind, p.name, a.status, a.raw)
			}
			if strings.Contains(a.raw, token) {
				t.Errorf("%s at %s: the answer repeats the token: %s", kind, p.name, a.raw)
			}
		}
	}
	t.Logf("%d kinds at %d places: %d pairs, none taken", len(tokens), len(places), crossed)
	if len(tokens) < 13 || len(places) < 78 || crossed < 900 {
		t.Errorf("%d pairs of %d kinds and %d places were tried", crossed, len(tokens), len(places))
	}

	// Neither does introspection call live what is not a token of access or of a session.
	for kind, token := range tokens {
		live := w.form("/oauth/introspect", url.Values{"token": {token}}, basic("robot", url.QueryEscape(secret))).want(http.StatusOK).body["active"]
		if want := slices.Contains([]string{"access", "refresh", "exchanged", "service"}, kind); live != want {
			t.Errorf("introspection of %s says active: %v", kind, live)
		}
		// And what has no session to end ends none: RFC 7009 answers 200, or 400 for what is not revocable.
		if kind != "access" && kind != "refresh" {
			w.form("/oauth/revoke", url.Values{"token": {token}})
		}
	}

	// Having been tried everywhere else costs none of them its use.
	w.get("/v1/me", bearer(tokens["access"])).want(http.StatusOK)
	w.get("/v1/me", key(tokens["API key"])).want(http.StatusOK)
	w.post(confirmPath, object{"token": tokens["confirm"]}).want(http.StatusOK)
	w.post("/v1/me/emails/confirm", object{"token": tokens["added address"]}).want(http.StatusOK)
	w.post(acceptPath, object{"token": tokens["invitation"], "password": password}).want(http.StatusOK)
	w.post(mfaPath, object{"mfa_token": tokens["second factor"], "recovery_code": tokens["recovery code"]}).want(http.StatusOK)
	w.post(refreshPath, object{"refresh_token": tokens["refresh"]}).want(http.StatusOK)
	w.post(resetPath, object{"token": tokens["reset"], "password": another}).want(http.StatusNoContent)
}

// J5: the mfa_token and the challenge are as exact as the tokens that are stored; a challenge of somebody else's making is none.
func TestTokensOfOthersMakingAreUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, made := range []string{uuid.NewString(), "", strings.Repeat("A", 5000), "ihr_mf_" + strings.Repeat("A", 49), "ihr_wc_\x00"} {
		for _, p := range placesOfTokens(w)[:9] {
			if a := p.try(made); a.status != http.StatusBadRequest && a.status != http.StatusUnauthorized {
				t.Errorf("%.20q at %s: %d %s", made, p.name, a.status, a.raw)
			}
		}
	}
}

package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
)

const (
	mfaPath    = "/v1/auth/mfa"
	stepUpPath = "/v1/auth/step-up"
)

// app is an authenticator app on somebody's phone.
type app struct {
	w      *world
	id     string
	secret string
}

// shows is the code that the app shows now; each call is one step of time later than the last, since a code works once.
func (a *app) shows() string {
	a.w.t.Helper()
	a.w.ahead.Add(int64(30 * time.Second))
	return a.code(0)
}

// code is the code of the app some steps from now.
func (a *app) code(steps int) string {
	a.w.t.Helper()
	code, err := totp.GenerateCode(a.secret, a.w.clock().Add(time.Duration(steps)*30*time.Second))
	if err != nil {
		a.w.t.Fatal(err)
	}
	return code
}

// enrol sets up an authenticator app for whoever has the token, and returns the recovery codes that came with it.
func (w *world) enrol(access string) (*app, []string) {
	w.t.Helper()
	e := w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(access)).want(http.StatusCreated)
	one := &app{w: w, id: e.text("id"), secret: e.text("secret")}
	done := w.post("/v1/me/mfa/totp/"+one.id+"/confirm", object{"code": one.shows()}, bearer(access)).want(http.StatusOK)
	return one, done.list("recovery_codes")
}

// list returns a member that is a list of texts.
func (a *answer) list(member string) []string {
	all, _ := a.body[member].([]any)
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i], _ = one.(string)
	}
	return texts
}

// pending logs in by password, where that is not enough, and returns the mfa_token.
func (w *world) pending(login string, change ...with) string {
	w.t.Helper()
	return w.post(loginPath, object{"login": login, "password": password}, change...).want(http.StatusUnauthorized, "mfa_required").text("mfa_token")
}

// sees returns what a service makes of a token.
func (w *world) sees(access string) authn.Principal {
	w.t.Helper()
	p, err := w.verifier(issuer+"/auth").Verify(w.t.Context(), access)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestAuthenticatorApp(t *testing.T) {
	t.Parallel()

	t.Run("201 with a secret, its address and its picture", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		e := w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(access)).want(http.StatusCreated)
		uri, err := url.Parse(e.text("otpauth_uri"))
		if err != nil || uri.Scheme != "otpauth" || uri.Host != "totp" || uri.Query().Get("secret") != e.text("secret") || !strings.Contains(uri.Path, "ada@example.com") {
			t.Errorf("the address is %s: %v", e.text("otpauth_uri"), err)
		}
		raw, err := base64.StdEncoding.DecodeString(e.text("qr_png"))
		if err != nil {
			t.Fatal(err)
		}
		if picture, err := png.Decode(bytes.NewReader(raw)); err != nil || picture.Bounds().Dx() < 100 {
			t.Errorf("the picture is no picture: %v", err)
		}
		// It is no factor yet, and the database does not hold it in clear.
		w.login("ada")
		if n := w.count(`SELECT count(*) FROM totp_factors WHERE position('` + e.text("secret") + `'::bytea IN secret) > 0 OR length(secret) < 40`); n != 0 {
			t.Error("the secret is stored as it is")
		}
	})

	t.Run("login asks for it, and the session is surer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		first := w.login("ada").text("access_token")
		if p := w.sees(first); p.ACR != authn.AAL1 {
			t.Errorf("a password alone is %s", p.ACR)
		}
		phone, codes := w.enrol(first)
		if len(codes) != 10 || len(slices.Compact(slices.Sorted(slices.Values(codes)))) != 10 {
			t.Fatalf("the recovery codes are %v", codes)
		}
		w.mail("ada@example.com", "second_factor_changed")
		a := w.post(loginPath, object{"login": "ada", "password": password, "remember_me": true}).want(http.StatusUnauthorized, "mfa_required")
		if diff := cmp.Diff([]string{"recovery_code", "totp"}, a.list("methods")); diff != "" || a.body["expires_in"] != float64(300) {
			t.Error(diff, a.raw)
		}
		done := w.post(mfaPath, object{"mfa_token": a.text("mfa_token"), "totp_code": phone.shows()}).want(http.StatusOK)
		p := w.sees(done.text("access_token"))
		if p.ACR != authn.AAL2 || !slices.Contains(p.AMR, "pwd") || !slices.Contains(p.AMR, "otp") {
			t.Errorf("the token says %s %v", p.ACR, p.AMR)
		}
		if done.body["refresh_expires_in"] != float64(30*24*3600) {
			t.Error("remember_me was forgotten")
		}
		// What a refresh gives says the same.
		next := w.post(refreshPath, object{"refresh_token": done.text("refresh_token")}).want(http.StatusOK)
		if again := w.sees(next.text("access_token")); again.ACR != authn.AAL2 || !again.AuthTime.Equal(p.AuthTime) {
			t.Errorf("after a refresh the token says %+v", again)
		}
		// The token was for one login.
		w.post(mfaPath, object{"mfa_token": a.text("mfa_token"), "totp_code": phone.shows()}).want(http.StatusUnauthorized, "invalid_mfa_token")
		over := w.get("/v1/me/mfa", bearer(done.text("access_token"))).want(http.StatusOK)
		if over.body["enabled"] != true || over.body["recovery_codes_left"] != float64(10) || over.body["passkeys"] != float64(0) {
			t.Error(over.raw)
		}
	})

	t.Run("403 for a code that was used, and for one step before it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, _ := w.enrol(w.login("ada").text("access_token"))
		phone.shows()
		code := phone.shows()
		before := phone.code(-1)
		w.post(mfaPath, object{"mfa_token": w.pending("ada"), "totp_code": code}).want(http.StatusOK)
		for _, used := range []string{code, before} {
			w.post(mfaPath, object{"mfa_token": w.pending("ada"), "totp_code": used}).want(http.StatusForbidden, "wrong_second_factor")
		}
	})

	t.Run("of many uses of one code at once one begins a session", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, _ := w.enrol(w.login("ada").text("access_token"))
		code := phone.shows()
		tokens := make([]string, 8)
		for i := range tokens {
			tokens[i] = w.pending("ada")
		}
		began := w.count(`SELECT count(*) FROM sessions`)
		var wait sync.WaitGroup
		for _, token := range tokens {
			wait.Go(func() { w.post(mfaPath, object{"mfa_token": token, "totp_code": code}) })
		}
		wait.Wait()
		if n := w.count(`SELECT count(*) FROM sessions`) - began; n != 1 {
			t.Errorf("%d sessions began", n)
		}
	})

	t.Run("400 for the wrong first code, and for what is no code", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		access := w.login("ada").text("access_token")
		e := w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(access)).want(http.StatusCreated)
		path := "/v1/me/mfa/totp/" + e.text("id") + "/confirm"
		wrong := &app{w: w, secret: "JBSWY3DPEHPK3PXP"}
		w.post(path, object{"code": wrong.code(0)}, bearer(access)).want(http.StatusBadRequest, "wrong_code").wantFaults("/code wrong_code")
		w.post(path, object{"code": "abcdef"}, bearer(access)).want(http.StatusBadRequest, "invalid_request").wantFaults("/code pattern")
		w.post(path, object{}, bearer(access)).want(http.StatusBadRequest, "invalid_request").wantFaults("/code required")
		w.post("/v1/me/mfa/totp", object{"name": "two\nlines"}, bearer(access)).want(http.StatusBadRequest, "bad_name").wantFaults("/name bad_name")
		w.login("ada") // still without
	})

	t.Run("404 for another's app", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("eve@example.com")
		ada, eve := w.login("ada").text("access_token"), w.login("eve").text("access_token")
		e := w.post("/v1/me/mfa/totp", object{"name": "a phone"}, bearer(ada)).want(http.StatusCreated)
		theirs := &app{w: w, secret: e.text("secret")}
		w.post("/v1/me/mfa/totp/"+e.text("id")+"/confirm", object{"code": theirs.code(0)}, bearer(eve)).want(http.StatusNotFound, "no_such_factor")
		w.do(http.MethodDelete, "/v1/me/mfa/totp/"+e.text("id"), "", nil, bearer(eve)).want(http.StatusNotFound, "no_such_factor")
	})

	t.Run("409 beyond five, and removing the last one makes the password enough", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, _ := w.enrol(w.login("ada").text("access_token"))
		access := w.post(mfaPath, object{"mfa_token": w.pending("ada"), "totp_code": phone.shows()}).want(http.StatusOK).text("access_token")
		for range 4 {
			if _, codes := w.enrol(access); len(codes) != 0 {
				t.Error("recovery codes came with more than the first factor")
			}
		}
		w.post("/v1/me/mfa/totp", object{"name": "one more"}, bearer(access)).want(http.StatusConflict, "too_many_factors")
		all, _ := w.get("/v1/me/mfa", bearer(access)).want(http.StatusOK).body["totp"].([]any)
		if len(all) != 5 {
			t.Fatalf("there are %d", len(all))
		}
		for _, one := range all {
			m, _ := one.(map[string]any)
			w.do(http.MethodDelete, fmt.Sprint("/v1/me/mfa/totp/", m["id"]), "", nil, bearer(access)).want(http.StatusNoContent)
		}
		if n := w.count(`SELECT count(*) FROM recovery_codes`); n != 0 {
			t.Errorf("%d recovery codes are left", n)
		}
		w.login("ada")
		w.do(http.MethodPost, "/v1/me/mfa/recovery-codes", "", nil, bearer(access)).want(http.StatusConflict, "no_second_factor")
	})
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()

	t.Run("each works once, however it is typed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		_, codes := w.enrol(w.login("ada").text("access_token"))
		w.post(mfaPath, object{"mfa_token": w.pending("ada"), "recovery_code": codes[0]}).want(http.StatusOK)
		w.post(mfaPath, object{"mfa_token": w.pending("ada"), "recovery_code": codes[0]}).want(http.StatusForbidden, "wrong_second_factor")
		typed := strings.ToUpper(strings.ReplaceAll(codes[1], "-", " "))
		access := w.post(mfaPath, object{"mfa_token": w.pending("ada"), "recovery_code": typed}).want(http.StatusOK).text("access_token")
		if left := w.get("/v1/me/mfa", bearer(access)).body["recovery_codes_left"]; left != float64(8) {
			t.Errorf("%v are left", left)
		}
		fresh := w.do(http.MethodPost, "/v1/me/mfa/recovery-codes", "", nil, bearer(access)).want(http.StatusOK).list("recovery_codes")
		w.post(mfaPath, object{"mfa_token": w.pending("ada"), "recovery_code": codes[2]}).want(http.StatusForbidden, "wrong_second_factor")
		w.post(mfaPath, object{"mfa_token": w.pending("ada"), "recovery_code": fresh[2]}).want(http.StatusOK)
		for _, code := range slices.Concat(codes, fresh) {
			if n := w.count(`SELECT count(*) FROM recovery_codes WHERE position(convert_to('` + code + `', 'UTF8') IN hash) > 0`); n != 0 {
				t.Error("a code is stored as it is")
			}
		}
	})

	t.Run("403 for another's", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		w.person("eve@example.com")
		_, codes := w.enrol(w.login("ada").text("access_token"))
		w.enrol(w.login("eve").text("access_token"))
		w.post(mfaPath, object{"mfa_token": w.pending("eve"), "recovery_code": codes[0]}).want(http.StatusForbidden, "wrong_second_factor")
	})
}

func TestCompleteLogin(t *testing.T) {
	t.Parallel()

	t.Run("400 for none or several factors, which costs no attempt", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, codes := w.enrol(w.login("ada").text("access_token"))
		token := w.pending("ada")
		for range 12 {
			w.post(mfaPath, object{"mfa_token": token}).want(http.StatusBadRequest, "one_second_factor")
		}
		w.post(mfaPath, object{"mfa_token": token, "totp_code": "123456", "recovery_code": codes[0]}).want(http.StatusBadRequest, "one_second_factor")
		w.post(mfaPath, object{"mfa_token": token, "totp_code": phone.shows()}).want(http.StatusOK)
	})

	t.Run("401 for what is no mfa_token", func(t *testing.T) { // P1: purposes do not mix
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		in := w.login("ada")
		phone, _ := w.enrol(in.text("access_token"))
		token := w.pending("ada")
		for _, wrong := range []string{"x", token[:len(token)-1], token + "0", in.text("refresh_token"), in.text("access_token")[:190]} {
			w.post(mfaPath, object{"mfa_token": wrong, "totp_code": phone.code(0)}).want(http.StatusUnauthorized, "invalid_mfa_token")
		}
		// And an mfa_token is nothing else.
		w.post(refreshPath, object{"refresh_token": token}).want(http.StatusUnauthorized, "invalid_refresh_token")
		w.get("/v1/me", bearer(token)).want(http.StatusUnauthorized)
	})

	t.Run("401 once it has expired, the password has changed, or the account is off", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, _ := w.enrol(w.login("ada").text("access_token"))
		for _, change := range []string{
			`UPDATE pending_logins SET expires_at = now()`,
			`UPDATE accounts SET security_version = security_version + 1`,
			`UPDATE accounts SET disabled_at = now()`,
		} {
			token := w.pending("ada")
			w.exec(change)
			w.post(mfaPath, object{"mfa_token": token, "totp_code": phone.shows()}).want(http.StatusUnauthorized, "invalid_mfa_token")
		}
	})

	t.Run("guesses end with the token, then with the budget; the owner comes in from home", func(t *testing.T) { // E2
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		home := from("192.0.2.1")
		phone, codes := w.enrol(w.login("ada", home).text("access_token"))
		w.post(mfaPath, object{"mfa_token": w.pending("ada", home), "totp_code": phone.shows()}, home).want(http.StatusOK)
		refused, limited := 0, 0
		for i := range 60 { // whoever knows the password, from everywhere
			there := from(fmt.Sprintf("198.51.100.%d", i))
			token := w.pending("ada", there)
			for range 2 {
				switch a := w.post(mfaPath, object{"mfa_token": token, "totp_code": fmt.Sprintf("%06d", i)}, there); a.status {
				case http.StatusForbidden:
					refused++
				case http.StatusTooManyRequests:
					limited++
				default:
					t.Fatalf("a guess is answered %d %s", a.status, a.raw)
				}
			}
		}
		if refused > 21 || refused < 18 || limited != 120-refused {
			t.Errorf("%d guesses were looked at, %d not; the budget is 20", refused, limited)
		}
		token := w.pending("ada", home)
		w.post(mfaPath, object{"mfa_token": token, "recovery_code": codes[0]}, home).want(http.StatusOK)

		// On one token no more than ten, from wherever.
		token = w.pending("ada", home)
		for i := range 10 {
			w.post(mfaPath, object{"mfa_token": token, "totp_code": "000000"}, home, from(fmt.Sprintf("203.0.113.%d", i)))
		}
		w.post(mfaPath, object{"mfa_token": token, "recovery_code": codes[1]}, home).want(http.StatusUnauthorized, "invalid_mfa_token")
	})

	t.Run("a reset of the password is no way around it", func(t *testing.T) { // A3
		t.Parallel()
		w := newWorld(t)
		w.person("ada@example.com")
		phone, _ := w.enrol(w.login("ada").text("access_token"))
		w.mail("ada@example.com", "second_factor_changed")
		w.post(forgotPath, object{"email": "ada@example.com"}).want(http.StatusAccepted)
		link := w.mail("ada@example.com", "reset_password")
		reset := w.post("/v1/auth/password/reset", object{"token": link.Token, "password": another}).want(http.StatusNoContent)
		if reset.raw != "" {
			t.Error("a reset gives something away")
		}
		a := w.post(loginPath, object{"login": "ada", "password": another}).want(http.StatusUnauthorized, "mfa_required")
		w.post(mfaPath, object{"mfa_token": a.text("mfa_token"), "totp_code": phone.shows()}).want(http.StatusOK)
	})
}

func TestAShortPasswordKeepsTheLastFactor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	access := w.login("ada").text("access_token")
	change := func(access, current, next string) *answer {
		return w.post("/v1/auth/password/change", object{"current_password": current, "new_password": next}, bearer(access))
	}
	const short = "nQ7vX2pL"
	change(access, password, short).want(http.StatusBadRequest, "weak_password").wantFaults("/new_password too_short")
	phone, _ := w.enrol(access)
	access = w.post(mfaPath, object{"mfa_token": w.pending("ada"), "totp_code": phone.shows()}).want(http.StatusOK).text("access_token")
	change(access, password, short).want(http.StatusNoContent)
	remove := func() *answer { return w.do(http.MethodDelete, "/v1/me/mfa/totp/"+phone.id, "", nil, bearer(access)) }
	remove().want(http.StatusConflict, "password_too_short_alone")
	w.post(loginPath, object{"login": "ada", "password": short}).want(http.StatusUnauthorized, "mfa_required") // it is still there
	change(access, short, another).want(http.StatusNoContent)
	remove().want(http.StatusNoContent)
	w.post(loginPath, object{"login": "ada", "password": another}).want(http.StatusOK)
}

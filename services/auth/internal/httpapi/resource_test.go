package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// RFC 8707: whoever names the services that a token is for is given one for those alone; the session stays whole.
func TestResourceNarrowsTheAccessToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	only := []string{issuer + "/charging-plot"}
	wantAudience := func(a *answer, narrow bool) {
		t.Helper()
		text := a.text("access_token")
		if _, err := w.verifier(issuer+"/charging-plot").Verify(t.Context(), text); err != nil {
			t.Errorf("the token is not good where it shall be: %v", err)
		}
		if _, err := w.verifier(issuer+"/station-catalog").Verify(t.Context(), text); (err != nil) != narrow {
			t.Errorf("elsewhere: %v", err)
		}
	}
	body := object{"login": "ada", "password": password, "resource": only}
	in := w.post(loginPath, body).want(http.StatusOK)
	wantAudience(in, true)
	whole := w.post(refreshPath, object{"refresh_token": in.text("refresh_token")}).want(http.StatusOK)
	wantAudience(whole, false)
	wantAudience(w.post(refreshPath, object{"refresh_token": whole.text("refresh_token"), "resource": only}).want(http.StatusOK), true)

	sessions := w.count(`SELECT count(*) FROM sessions`)
	for _, resource := range []string{"https://elsewhere.example/charging-plot", "charging-plot", issuer} {
		body["resource"] = []string{resource}
		w.post(loginPath, body).want(http.StatusBadRequest, "invalid_target")
		w.post(mfaPath, object{"mfa_token": token.New(token.SecondFactor), "totp_code": "123456", "resource": body["resource"]}).want(http.StatusBadRequest, "invalid_target")
	}
	if n := w.count(`SELECT count(*) FROM sessions`); n != sessions {
		t.Errorf("%d sessions began", n-sessions)
	}

	phone, _ := w.enrol(w.login("ada").text("access_token"))
	wantAudience(w.post(mfaPath, object{"mfa_token": w.pending("ada"), "totp_code": phone.shows(), "resource": only}).want(http.StatusOK), true)
}

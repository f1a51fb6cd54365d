package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
}

func login(c *client, name, password string) tokens {
	c.t.Helper()
	return want[tokens](c, http.StatusOK, http.MethodPost, "/v1/auth/login", map[string]any{"login": name, "password": password})
}

// admin is the administrator's last login; it is used for a while, since a login is dear by design.
var admin struct {
	token string
	until time.Time
}

// administrator is a caller who may do everything.
func administrator(t *testing.T) *client {
	t.Helper()
	c := anonymous(t)
	if time.Now().After(admin.until) {
		given := login(c, world.adminLogin, world.adminPassword)
		admin.token, admin.until = given.AccessToken, time.Now().Add(time.Duration(given.ExpiresIn)*time.Second/2)
	}
	return c.with(admin.token)
}

// newDriver goes the way of every new driver: registers, follows the link of the mail, logs in.
func newDriver(t *testing.T) (*client, tokens) {
	t.Helper()
	c := anonymous(t)
	email := "driver-" + uuid.NewString() + "@e2e.example"
	password := "a long phrase for one test " + uuid.NewString()
	if a := c.do(http.MethodPost, "/v1/auth/register", map[string]any{"email": email, "password": password, "name": "Dora"}); a.status != http.StatusAccepted {
		t.Fatalf("register answers %s", a)
	}
	// Before the address is confirmed nobody can log in.
	wantProblem(t, c.do(http.MethodPost, "/v1/auth/login", map[string]any{"login": email, "password": password}),
		http.StatusUnauthorized, "invalid_credentials")
	token := mailed(t, email, confirmToken)
	confirmed := want[struct {
		Email string `json:"email"`
	}](c, http.StatusOK, http.MethodPost, "/v1/auth/email/confirm", map[string]any{"token": token})
	if confirmed.Email != email {
		t.Errorf("confirmed %q", confirmed.Email)
	}
	// The link works once.
	if a := c.do(http.MethodPost, "/v1/auth/email/confirm", map[string]any{"token": token}); a.status != http.StatusBadRequest {
		t.Errorf("a second use of the link answers %s", a)
	}
	given := login(c, email, password)
	if given.TokenType != "Bearer" || given.ExpiresIn <= 0 || given.RefreshToken == "" || !strings.Contains(given.Scope, "reservations:write") {
		t.Errorf("login gives %q for %d s with scope %q", given.TokenType, given.ExpiresIn, given.Scope)
	}
	return c.with(given.AccessToken), given
}

// Mailed links carry their token in the fragment, after "token=" or alone.
var (
	confirmToken = regexp.MustCompile(`/v1/auth/email/confirm#(?:token=)?([A-Za-z0-9._~-]+)`)
	resetLink    = regexp.MustCompile(`(https?://\S+/v1/auth/password/reset#[A-Za-z0-9._~=-]+)`)
)

// mailed waits for the mail to an address that has a link, and takes from it what the pattern does.
func mailed(t *testing.T, email string, link *regexp.Regexp) string {
	t.Helper()
	var taken string
	eventually(t, patience, "a mail with a link to "+email, func() bool {
		taken = findMailed(t, email, link)
		return taken != ""
	})
	return taken
}

func findMailed(t *testing.T, email string, link *regexp.Regexp) string {
	t.Helper()
	entries, err := os.ReadDir(world.mail)
	if err != nil {
		t.Fatalf("mails: %v", err)
	}
	for _, entry := range entries {
		raw, err := os.ReadFile(filepath.Join(world.mail, entry.Name()))
		if err != nil {
			continue // still being written under another name
		}
		// Quoted-printable breaks long lines with "=" and writes "=" as "=3D".
		text := strings.NewReplacer("=\r\n", "", "=\n", "", "=3D", "=").Replace(string(raw))
		if !strings.Contains(text, email) {
			continue
		}
		if found := link.FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	return ""
}

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// newAPIKey makes a key for the caller, who has logged in lately.
func newAPIKey(c *client, scopes ...string) (id, text string) {
	c.t.Helper()
	made := want[struct {
		Key    string `json:"key"`
		APIKey struct {
			ID string `json:"id"`
		} `json:"api_key"`
	}](c, http.StatusCreated, http.MethodPost, "/v1/me/api-keys", map[string]any{"name": "a program", "scopes": scopes})
	return made.APIKey.ID, made.Key
}

// A program goes with one key to all three services, and to none of them within two seconds of the key's end.
func TestAnAPIKeyOpensEveryService(t *testing.T) {
	owner := administrator(t)
	id, text := newAPIKey(owner, "profile", "sessions:read")
	program, key := anonymous(t), header("X-API-Key", text)
	paths := []string{"/v1/me", "/v1/sessions", "/v1/stations?limit=1"}
	for _, path := range paths {
		if a := program.do(http.MethodGet, path, nil, key); a.status != http.StatusOK {
			t.Errorf("GET %s answers %s", path, a)
		}
	}
	wantProblem(t, program.do(http.MethodGet, "/v1/charge-points", nil, key), http.StatusForbidden, "insufficient_scope")
	wantProblem(t, program.do(http.MethodGet, "/v1/me/sessions", nil, key), http.StatusForbidden, "api_key_not_taken")
	if a := owner.do(http.MethodDelete, "/v1/me/api-keys/"+id, nil); a.status != http.StatusNoContent {
		t.Fatalf("DELETE answers %s", a)
	}
	for _, path := range paths {
		ended := time.Now()
		for {
			a := program.do(http.MethodGet, path, nil, key)
			// auth's own database knows before the verifier does: until then /v1/me is session_ended.
			if a.status == http.StatusUnauthorized && strings.Contains(fmt.Sprint(a), ":invalid_api_key") {
				break
			}
			if time.Since(ended) > 20*time.Second { // two are promised; a machine that is busy may be late
				t.Errorf("GET %s still answers %s", path, a)
				break
			}
			<-time.After(10 * time.Millisecond)
		}
	}
}

package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// A2: what ends an API key, or a right of its owner, does so in every service within two seconds, though each remembers what the key
// was exchanged for.
func TestAnAPIKeyEndsEverywhere(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, auth.Migrations())
	cfg, log := settings(t, db.Config().URL)
	cfg.Redis = rediscache.Config{URL: redistest.NewServer(t).URL, Timeout: time.Second}
	cfg.ServiceClients = "station-catalog:a-secret:auth charging-plot:a-secret:auth"
	base := cfg.PublicURL
	start(t, cfg)
	until(t, http.StatusOK, base+"/readyz")
	admin, err := auth.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, _, err := admin.CreateUser(t.Context(), auth.NewUser{
		Email: "ada@example.com", Username: "ada", Password: password, Roles: []string{"admin"}, Confirmed: true,
	}); err != nil {
		t.Fatal(err)
	}
	var verifiers []*authn.Verifier
	for _, service := range []string{"station-catalog", "charging-plot", "charging-plot"} {
		client, err := rediscache.Open(cfg.Redis)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		v, err := authn.NewVerifier(ctx, authn.Config{
			Issuer: base, Audience: base + "/" + service, JWKSURL: base + "/.well-known/jwks.json",
			Revocations: authn.FollowRevocations(ctx, client, slog.New(slog.DiscardHandler)),
			Keys:        authn.Keys{Exchange: httpclient.KeyExchange(base+"/oauth/token", httpclient.Credential{ID: service, Secret: "a-secret"})},
		})
		if err != nil {
			t.Fatal(err)
		}
		verifiers = append(verifiers, v)
	}
	_, tokens := call(t, http.MethodPost, base+"/v1/auth/login", map[string]string{"login": "ada", "password": password})
	access, _ := tokens["access_token"].(string)
	post := func(path string, body any) map[string]any {
		t.Helper()
		status, answer := callAs(t, access, http.MethodPost, base+path, body)
		if status/100 != 2 {
			t.Fatalf("%s: %d %v", path, status, answer)
		}
		return answer
	}
	ends := func(err error, _ authn.Principal) bool { return errors.Is(err, authn.ErrKey) }
	var texts []string
	for _, cause := range []struct {
		name string
		act  func(id, text string)
		done func(error, authn.Principal) bool
	}{
		{"rotation", func(id, _ string) { post("/v1/me/api-keys/"+id+"/rotate", map[string]any{"grace_s": 0}) }, ends},
		{"deletion", func(id, _ string) {
			if status, answer := callAs(t, access, http.MethodDelete, base+"/v1/me/api-keys/"+id, nil); status != http.StatusNoContent {
				t.Fatalf("delete: %d %v", status, answer)
			}
		}, ends},
		{"the owner's loss of a role", func(string, string) {
			if _, changed, err := admin.Revoke(t.Context(), "ada", "admin"); err != nil || !changed {
				t.Fatalf("Revoke = %t, %v", changed, err)
			}
		}, func(err error, p authn.Principal) bool {
			return err == nil && !p.Has("users:write") && p.Has("profile")
		}},
	} {
		made := post("/v1/me/api-keys", map[string]any{"name": cause.name, "scopes": []string{"profile", "users:write"}})
		text, _ := made["key"].(string)
		described, _ := made["api_key"].(map[string]any)
		id, _ := described["id"].(string)
		texts = append(texts, text)
		for _, v := range verifiers {
			if p, err := v.VerifyKey(t.Context(), text, netip.Addr{}); err != nil || !p.Has("users:write") {
				t.Fatalf("%s: before it: %+v, %v", cause.name, p, err)
			}
		}
		cause.act(id, text)
		began := time.Now()
		var wait sync.WaitGroup
		for _, v := range verifiers {
			wait.Go(func() {
				for {
					p, err := v.VerifyKey(t.Context(), text, netip.Addr{})
					if cause.done(err, p) {
						return
					}
					if time.Since(began) > 10*revocationBound { // a machine that is busy may be late; one that never is, is a fault
						t.Errorf("%s: the key is still good: %+v, %v", cause.name, p, err)
						return
					}
					<-time.After(time.Millisecond)
				}
			})
		}
		wait.Wait()
		t.Logf("%s: %v", cause.name, time.Since(began))
	}
	for _, text := range texts {
		if strings.Contains(log.String(), text) {
			t.Error("an API key stands in the log")
		}
	}
}

package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

const password = "four clear marbles in a jar"

// output is a log that tests read while it is written.
type output struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

// settings are those of a service on a database and a port of its own.
func settings(t *testing.T, url string) (auth.Config, *output) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &output{}
	return auth.Config{
		PublicURL: "http://" + listener.Addr().String(), Migrations: "startup", HTTP: httpserver.Config{Listener: listener},
		Database: postgres.Config{URL: url}, Redis: rediscache.Config{URL: "redis://127.0.0.1:1/0"}, // there is none
		Telemetry: telemetry.Config{LogOutput: log, LogFormat: "json"}, MailFolder: filepath.Join(t.TempDir(), "mail"),
		ServiceClients: "robot:a-secret:charging-plot", RateLimitFactor: 1,
	}, log
}

// start runs the service until stop is called or the test ends.
func start(t *testing.T, cfg auth.Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- auth.Run(ctx, cfg) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("the service does not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

func call(t *testing.T, method, url string, body any) (int, map[string]any) {
	t.Helper()
	return callAs(t, "", method, url, body)
}

// callAs calls with an access token, or without any.
func callAs(t *testing.T, bearer, method, url string, body any) (int, map[string]any) {
	t.Helper()
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		return 0, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	_ = json.Unmarshal(answer, &m) // some answers have no body
	return response.StatusCode, m
}

// until asks again and again until an answer has the status.
func until(t *testing.T, status int, url string) map[string]any {
	t.Helper()
	for {
		got, body := call(t, http.MethodGet, url, nil)
		if got == status {
			return body
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s answers %d %v", url, got, body)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// From an empty database to a login, without Redis, and on after a restart.
func TestRun(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, nil).Config().URL
	cfg, log := settings(t, url)
	base := cfg.PublicURL
	stop := start(t, cfg)

	ready := until(t, http.StatusOK, base+"/readyz")
	if ready["status"] != "degraded" {
		t.Errorf("without Redis the service is %v", ready)
	}
	if status, body := call(t, http.MethodPost, base+"/v1/auth/register", map[string]string{"email": "ada@example.com", "password": password}); status != http.StatusAccepted {
		t.Fatalf("register: %d %v", status, body)
	}
	const marker = "#token="
	for !strings.Contains(log.String(), marker) {
		select {
		case <-t.Context().Done():
			t.Fatal("no mail has landed")
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, rest, _ := strings.Cut(log.String(), marker)
	token, _, _ := strings.Cut(rest, `"`)
	if status, body := call(t, http.MethodPost, base+"/v1/auth/email/confirm", map[string]string{"token": token}); status != http.StatusOK {
		t.Fatalf("confirm: %d %v", status, body)
	}
	status, login := call(t, http.MethodPost, base+"/v1/auth/login", map[string]string{"login": "ada@example.com", "password": password})
	if status != http.StatusOK {
		t.Fatalf("login: %d %v", status, login)
	}
	stop()

	// Another process on the same database: the keys, the login and the clients are still there.
	again, _ := settings(t, url)
	again.PublicURL, again.Redis.URL = base, "" // and without any Redis at all
	address := "http://" + again.HTTP.Listener.Addr().String()
	start(t, again)
	if ready := until(t, http.StatusOK, address+"/readyz"); ready["status"] != "ready" {
		t.Errorf("the second process is %v", ready)
	}
	verifier, err := authn.NewVerifier(t.Context(), authn.Config{Issuer: base, Audience: base + "/charging-plot", JWKSURL: address + "/.well-known/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	access, _ := login["access_token"].(string)
	if _, err := verifier.Verify(t.Context(), access); err != nil {
		t.Errorf("the token from before the restart: %v", err)
	}
	if status, body := call(t, http.MethodPost, address+"/v1/auth/refresh", map[string]any{"refresh_token": login["refresh_token"]}); status != http.StatusOK {
		t.Errorf("refresh after the restart: %d %v", status, body)
	}
	service, err := httpclient.ClientCredentials(address+"/oauth/token", httpclient.Credential{ID: "robot", Secret: "a-secret"}, base+"/charging-plot").Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p, err := verifier.Verify(t.Context(), service); err != nil || p.ClientID != "robot" {
		t.Errorf("the service's token: %+v, %v", p, err)
	}
	for _, secret := range []string{password, access, service, "a-secret"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has a secret: %.20s…", secret)
		}
	}
}

// Any start order: without its database the service is alive and says that it is not ready.
func TestRunWithoutADatabase(t *testing.T) {
	t.Parallel()
	cfg, _ := settings(t, "postgres://nobody@127.0.0.1:1/nothing?sslmode=disable")
	cfg.Migrations = "off"
	start(t, cfg)
	until(t, http.StatusOK, cfg.PublicURL+"/healthz")
	until(t, http.StatusServiceUnavailable, cfg.PublicURL+"/readyz")
	for path, body := range map[string]any{
		"/v1/auth/login":    map[string]string{"login": "ada", "password": password},
		"/v1/auth/register": map[string]string{"email": "ada@example.com", "password": password},
	} {
		if status, answer := call(t, http.MethodPost, cfg.PublicURL+path, body); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	if status, answer := call(t, http.MethodGet, cfg.PublicURL+"/.well-known/jwks.json", nil); status != http.StatusServiceUnavailable {
		t.Errorf("the key set: %d %v", status, answer)
	}
}

func TestRunRefusesFaultySettings(t *testing.T) {
	t.Parallel()
	if err := auth.Run(t.Context(), auth.Config{Environment: auth.Production}); err == nil || !strings.Contains(err.Error(), "KEY_ENCRYPTION_KEY") {
		t.Errorf("Run = %v", err)
	}
}

func TestAdminIsIdempotent(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, auth.Migrations())
	cfg, _ := settings(t, db.Config().URL)
	admin, err := auth.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	north := uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")
	ada := auth.NewUser{
		Email: "ada@example.com", Username: "ada", Name: "Ada", Password: password, Roles: []string{"operator@" + north.String()}, Confirmed: true,
	}
	first, created, err := admin.CreateUser(t.Context(), ada)
	if err != nil || !created || len(first.Roles) != 2 {
		t.Fatalf("CreateUser = %+v, %t, %v", first, created, err)
	}
	var wait sync.WaitGroup
	ada.Roles = append(ada.Roles, "moderator")
	for range 5 {
		wait.Go(func() {
			again, created, err := admin.CreateUser(t.Context(), ada)
			if err != nil || created || again.ID != first.ID || len(again.Roles) != 3 {
				t.Errorf("again, CreateUser = %+v, %t, %v", again, created, err)
			}
		})
	}
	wait.Wait()
	robot := auth.NewClient{ID: "robot", Audiences: []string{"auth"}, Scopes: []string{"feeds:read"}, Secret: "chosen"}
	for range 2 {
		if secret, err := admin.CreateClient(t.Context(), robot); err != nil || secret != "chosen" {
			t.Errorf("CreateClient = %q, %v", secret, err)
		}
	}
	if clients, err := admin.ListClients(t.Context()); err != nil || len(clients) != 1 {
		t.Errorf("ListClients = %+v, %v", clients, err)
	}
}

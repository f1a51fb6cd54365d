package auth_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
)

// sink is a mail server, or a collector of telemetry, that keeps all it is told.
type sink struct{ output }

func (s *sink) NewSession(*smtp.Conn) (smtp.Session, error)      { return s, nil }
func (s *sink) Mail(string, *smtp.MailOptions) error             { return nil }
func (s *sink) Rcpt(string, *smtp.RcptOptions) error             { return nil }
func (s *sink) Reset()                                           {}
func (s *sink) Logout() error                                    { return nil }
func (s *sink) Data(r io.Reader) error                           { _, err := io.Copy(s, r); return err }
func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.keep(w, r) }

func (s *sink) keep(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	if _, err := io.Copy(s, body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// mails serves a sink as a mail server and returns its address.
func (s *sink) mails(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return "smtp://" + listener.Addr().String() + "?tls=none"
}

// mailed waits for the link of a mail and returns its token.
func (s *sink) mailed(t *testing.T, prefix string) string {
	t.Helper()
	soft, token := regexp.MustCompile(`=\r?\n`), regexp.MustCompile(prefix+`\w{49}`)
	for {
		if found := token.FindString(soft.ReplaceAllString(s.String(), "")); found != "" {
			return found
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("no mail with %s has come", prefix)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// G1: in a run with everything on, of which every request is traced, nothing that is secret or personal reaches a log, a metric or the
// collector, whether it comes in a body, a path, a query or a header, and whether it is taken or refused.
func TestNothingSecretLeavesThroughLogsOrTelemetry(t *testing.T) {
	t.Parallel()
	mails, collected := &sink{}, &sink{}
	collector := httptest.NewServer(collected)
	t.Cleanup(collector.Close)
	cfg, log := settings(t, pgtest.New(t, nil).Config().URL)
	cfg.Redis = rediscache.Config{URL: redistest.NewServer(t).URL, Timeout: time.Second}
	cfg.MailFolder, cfg.SMTPURL = "", mails.mails(t)
	cfg.Telemetry.OTLPEndpoint, cfg.Telemetry.SampleRatio, cfg.Telemetry.LogLevel = collector.URL, 1, -4 // debug
	base := cfg.PublicURL
	stop := start(t, cfg)
	until(t, http.StatusOK, base+"/readyz")

	const (
		address, username, name = "canary.of.cages@example.com", "canarybird", "Canary Finch"
		secret, replaced, wrong = "seven canaries in a coal mine", "nine yellow finches on a wire", "canary wrong guess of mine"
		hostile                 = "canary\r\ninjected: line\x1b[31m"
	)
	post := func(want int, path string, body any, bearer string) map[string]any {
		t.Helper()
		status, answer := callAs(t, bearer, http.MethodPost, base+path, body)
		if status != want {
			t.Fatalf("%s: %d %v", path, status, answer)
		}
		return answer
	}
	text := func(m map[string]any, member string) string { s, _ := m[member].(string); return s }
	post(http.StatusAccepted, "/v1/auth/register", map[string]string{"email": address, "password": secret, "username": username, "name": name}, "")
	confirm := mails.mailed(t, "ihr_ec_")
	post(http.StatusOK, "/v1/auth/email/confirm", map[string]string{"token": confirm}, "")
	post(http.StatusUnauthorized, "/v1/auth/login", map[string]string{"login": address, "password": wrong}, "")
	login := post(http.StatusOK, "/v1/auth/login", map[string]string{"login": username, "password": secret}, "")
	access, refresh := text(login, "access_token"), text(login, "refresh_token")
	next := post(http.StatusOK, "/v1/auth/refresh", map[string]string{"refresh_token": refresh}, "")
	factor := post(http.StatusCreated, "/v1/me/mfa/totp", map[string]string{"name": name}, access)
	post(http.StatusAccepted, "/v1/auth/password/forgot", map[string]string{"email": address}, "")
	reset := mails.mailed(t, "ihr_pr_")
	post(http.StatusNoContent, "/v1/auth/password/reset", map[string]string{"token": reset, "password": replaced}, "")
	post(http.StatusConflict, "/v1/auth/register", map[string]string{"email": "other.canary@example.com", "password": secret, "username": username}, "")
	for _, path := range []string{ // where none of it belongs
		"/v1/auth/password/reset?token=" + reset, "/v1/me?email=" + address, "/v1/me?password=" + url.QueryEscape(secret), "/" + access, "/v1/users/" + address,
		"/v1/me/sessions/" + refresh, "/v1/me?x=" + url.QueryEscape(hostile), "/" + url.PathEscape(hostile),
	} {
		callAs(t, access, http.MethodGet, base+path, nil)
	}
	post(http.StatusBadRequest, "/v1/auth/login", map[string]string{"login": hostile}, "")
	post(http.StatusUnauthorized, "/v1/auth/refresh", map[string]string{"refresh_token": refresh + "x"}, "")
	agent := "canary agent of mine"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"User-Agent": {agent}, "Authorization": {"Bearer " + access}, "Cookie": {"canary=" + secret}, "X-Canary": {secret}}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	metrics := read(t, base+"/metrics")
	stop() // which sends what is left to the collector

	sinks := map[string]string{"the log": log.String(), "the metrics": metrics, "the collector": collected.String()}
	for where, least := range map[string]string{"the log": "/v1/auth/login", "the metrics": "/v1/auth/login", "the collector": "/v1/auth/login"} {
		if !strings.Contains(sinks[where], least) {
			t.Errorf("%s has nothing of the run: %.200s", where, sinks[where])
		}
	}
	for what, canary := range map[string]string{
		"the password": secret, "another password": replaced, "a wrong password": wrong, "the address": address, "the address' name": "canary.of.cages", "the username": username,
		"the name": name, "an access token": access, "the signature of one": access[strings.LastIndex(access, ".")+1:], "a refresh token": refresh, "its successor": text(next, "refresh_token"),
		"a confirmation": confirm, "a reset": reset, "the secret of an app": text(factor, "secret"), "a user agent": agent, "a password, escaped": url.QueryEscape(secret),
		"an injected line": "\ninjected: line", "a control sequence": "\x1b[31m", "the client's secret": "a-secret",
	} {
		for where, sink := range sinks {
			if canary == "" || strings.Contains(sink, canary) {
				t.Errorf("%s is in %s", what, where)
			}
		}
	}
}

func read(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

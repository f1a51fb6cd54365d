package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/proctest"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// serverRole is set in the process that a benchmark starts: this binary again, as the service under load. What the senders and their
// checks cost is not the service's.
const serverRole = "AUTH_BENCH_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(serverRole) == "" {
		os.Exit(m.Run())
	}
	if err := serveUnderLoad(); err != nil {
		fmt.Fprintln(os.Stderr, "the server of a benchmark failed:", err)
		os.Exit(1)
	}
}

// serveUnderLoad is the service as it is, from the environment.
func serveUnderLoad() error {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	cfg, err := auth.LoadConfig(os.Environ())
	if err != nil {
		return err
	}
	cfg.Telemetry.LogOutput = io.Discard // the lines are made, and nobody waits for a disk
	return auth.Run(ctx, cfg)
}

// underLoad is a process of the service on a database of its own, with ada, who may log in, and robot, a service client. Requests are not
// limited.
type underLoad struct {
	b    *testing.B
	pid  int
	base string
	http *http.Client
}

func serviceUnderLoad(b *testing.B) *underLoad {
	b.Helper()
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		b.Fatal(err)
	}
	s := &underLoad{b: b, base: "http://" + address}
	transport := &http.Transport{MaxIdleConnsPerHost: 1000}
	s.http = &http.Client{Transport: transport, Timeout: time.Minute}
	b.Cleanup(transport.CloseIdleConnections)
	environ := []string{
		"DATABASE_URL=" + pgtest.New(b, auth.Migrations()).Config().URL, "REDIS_URL=" + os.Getenv("TEST_REDIS_URL"), "LISTEN=" + address,
		"PUBLIC_URL=" + s.base, "RATE_LIMIT_FACTOR=0", "MAIL_FOLDER=" + filepath.Join(b.TempDir(), "mail"), "MIGRATIONS=off",
		"TRUSTED_PROXIES=127.0.0.1/32", "SERVICE_CLIENTS=robot:a-secret:charging-plot",
	}
	cfg, err := auth.LoadConfig(environ)
	if err != nil {
		b.Fatal(err)
	}
	admin, err := auth.NewAdmin(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer admin.Close()
	ada := auth.NewUser{Email: "ada@example.com", Username: "ada", Password: password, Confirmed: true}
	if _, _, err := admin.CreateUser(b.Context(), ada); err != nil {
		b.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0])
	command.Env = append(append(os.Environ(), environ...), serverRole+"=service")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	s.pid = command.Process.Pid
	for deadline := time.Now().Add(time.Minute); ; {
		if status, _ := s.try("/readyz", "", nil, ""); status == http.StatusOK {
			return s
		}
		if time.Now().After(deadline) {
			b.Fatal("the service is not ready after a minute")
		}
		<-time.After(20 * time.Millisecond)
	}
}

// try sends a body, or asks without one, and returns the status and the answer; 0 when there was none.
func (s *underLoad) try(path, kind string, body []byte, from string) (int, []byte) {
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(s.b.Context(), method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, []byte(err.Error())
	}
	request.Header.Set("Content-Type", kind)
	if from != "" {
		request.Header.Set("X-Forwarded-For", from)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return 0, []byte(err.Error())
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, []byte(err.Error())
	}
	return response.StatusCode, answer
}

// do sends a body that must be answered 200, and returns a member of the answer.
func (s *underLoad) do(path, kind string, body []byte, member string) string {
	status, answer := s.try(path, kind, body, "")
	var members map[string]any
	if err := json.Unmarshal(answer, &members); err != nil || status != http.StatusOK {
		s.b.Errorf("%s answers %d %s", path, status, answer)
	}
	text, _ := members[member].(string)
	return text
}

func (s *underLoad) json(path string, body map[string]string, member string) string {
	raw, err := json.Marshal(body)
	if err != nil {
		s.b.Error(err)
	}
	return s.do(path, "application/json", raw, member)
}

func (s *underLoad) login() string {
	return s.json("/v1/auth/login", map[string]string{"login": "ada", "password": password}, "refresh_token")
}

// BenchmarkPerCore prints how many requests a second of the service's processor answers, and the p99 of the answers. Eight senders in
// this process ask, each one after the other; Postgres and Redis are processes of their own, too.
func BenchmarkPerCore(b *testing.B) {
	const senders, round = 8, 10 * time.Second
	s := serviceUnderLoad(b)
	for _, kind := range []struct {
		name, unit string
		sender     func() (ask func())
	}{
		{"login", "logins/core-s", func() func() { return func() { s.login() } }},
		{"refresh", "refreshes/core-s", func() func() {
			refresh := s.login()
			return func() {
				refresh = s.json("/v1/auth/refresh", map[string]string{"refresh_token": refresh}, "refresh_token")
			}
		}},
		{"client_credentials", "tokens/core-s", func() func() {
			form := []byte(url.Values{"grant_type": {"client_credentials"}, "client_id": {"robot"}, "client_secret": {"a-secret"}}.Encode())
			return func() { s.do("/oauth/token", "application/x-www-form-urlencoded", form, "access_token") }
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			asks := make([]func(), senders)
			for i := range asks {
				asks[i] = kind.sender()
			}
			took := make([][]time.Duration, senders)
			begun := proctest.CPU(b, s.pid)
			for b.Loop() {
				end := time.Now().Add(round)
				var wait sync.WaitGroup
				for i, ask := range asks {
					wait.Go(func() {
						for start := time.Now(); start.Before(end) && !b.Failed(); start = time.Now() {
							ask()
							took[i] = append(took[i], time.Since(start))
						}
					})
				}
				wait.Wait()
			}
			used := proctest.CPU(b, s.pid) - begun
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(all))/used.Seconds(), kind.unit)
			b.ReportMetric(1000*all[len(all)*99/100].Seconds(), "ms-p99")
		})
	}
	b.ReportMetric(proctest.PeakMemory(b, s.pid)/1e6, "MB-peak")
}

// BenchmarkLoginOverload sends ten times as many logins at once as are hashed or may wait, over and over, and prints the most memory
// that the service has held, and how many were answered otherwise than with 401, 503 or 504.
func BenchmarkLoginOverload(b *testing.B) {
	const logins, atOnce = 4000, 680
	s := serviceUnderLoad(b)
	for b.Loop() {
		var checked, others atomic.Int64
		var wait sync.WaitGroup
		for k := range atOnce {
			wait.Go(func() {
				for i := k; i < logins; i += atOnce {
					body := []byte(fmt.Sprintf(`{"login":"nobody%d","password":%q}`, i, password))
					switch status, answer := s.try("/v1/auth/login", "application/json", body, fmt.Sprintf("10.%d.%d.1", i/250, i%250)); status {
					case http.StatusUnauthorized:
						checked.Add(1)
					case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
					default:
						others.Add(1)
						b.Logf("%d %s", status, answer)
					}
				}
			})
		}
		wait.Wait()
		b.ReportMetric(proctest.PeakMemory(b, s.pid)/1e6, "MB-peak")
		b.ReportMetric(float64(checked.Load()), "checked")
		b.ReportMetric(float64(others.Load()), "other-answers")
	}
}

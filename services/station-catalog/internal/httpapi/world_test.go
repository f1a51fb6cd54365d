package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const excerpt = "../importer/testdata/irve_excerpt.jsonl"

// world is a running service of a test's own: its database, its Redis, an issuer of tokens, and a client that holds every answer
// against the document.
type world struct {
	t      *testing.T
	base   string
	issuer *authntest.Issuer
	client *http.Client
	plain  *http.Client // for what the document does not describe
	store  *postgres.Store
	cfg    stationcatalog.Config
}

// newWorld starts the service on an empty catalogue.
func newWorld(t *testing.T, change ...func(*stationcatalog.Config)) *world {
	t.Helper()
	db := pgtest.New(t, stationcatalog.Migrations())
	issuer := authntest.NewIssuer(t)
	var cfg stationcatalog.Config
	if err := config.Load(&cfg, []string{"RATE_ANONYMOUS=0", "RATE_PRINCIPAL=0", "LOG_LEVEL=ERROR", "REDIS_URL=" + redisURL(t)}); err != nil {
		t.Fatal(err)
	}
	cfg.Postgres, cfg.Auth, cfg.Telemetry.LogOutput = db.Config(), issuer.Config(""), testWriter{t}
	cfg.Auth.Introspect = authntest.Live // nobody here fills Redis with what was revoked
	for _, c := range change {
		c(&cfg)
	}
	base := serve(t, cfg)
	document, err := httpapi.Document()
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, base: base, issuer: issuer, store: postgres.New(db), cfg: cfg,
		plain: &http.Client{Transport: &http.Transport{}, Timeout: time.Minute},
		client: &http.Client{
			Transport: document.CheckingTransport(&http.Transport{}, func(err error) { t.Error(err) }), Timeout: time.Minute,
		},
	}
}

// serve starts the service and gives its address.
func serve(t *testing.T, cfg stationcatalog.Config) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.HTTP.Listener = listener
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- stationcatalog.Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	return "http://" + listener.Addr().String()
}

// replica is the world seen through another replica of the service.
func (w *world) replica(t *testing.T) *world {
	t.Helper()
	other := w.in(t)
	other.base = serve(t, w.cfg)
	return other
}

// redisURL is the tests' Redis; every test's keys differ, since ids do.
func redisURL(t *testing.T) string {
	t.Helper()
	url := os.Getenv("TEST_REDIS_URL")
	if url == "" {
		t.Fatal("TEST_REDIS_URL is not set: run the tests with `make test`")
	}
	return url
}

// testWriter shows the service's errors in the test's output.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// in is the world as a subtest uses it.
func (w *world) in(t *testing.T) *world {
	t.Helper()
	inner := *w
	inner.t = t
	return &inner
}

// caller is somebody with, or without, a token.
type caller struct {
	*world
	token string
}

// of is the caller in the world of a subtest.
func (c caller) of(w *world) caller { return caller{w, c.token} }

func (w *world) anonymous() caller { return caller{world: w} }

// as is a caller with these scopes and roles, of an operator or of none.
func (w *world) as(operator uuid.UUID, roles []string, scopes ...string) caller {
	w.t.Helper()
	return caller{w, w.issuer.Mint(authn.Principal{Operator: operator, Roles: roles, Scopes: scopes}, w.cfg.Auth.Issuer+"/station-catalog")}
}

func (w *world) admin() caller {
	return w.as(uuid.Nil, []string{"admin"}, "stations:write", "stations:merge", "imports:write", "tariffs:write")
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are pairs of name and value.
func (c caller) do(method, path string, body any, headers ...string) answer {
	c.t.Helper()
	var reader io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
	case io.Reader:
		reader, contentType = b, "application/octet-stream"
	default:
		text, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader, contentType = bytes.NewReader(text), "application/json"
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, text}
}

// want is do for an answer of this status, read into out.
func want[T any](c caller, status int, method, path string, body any, headers ...string) (T, answer) {
	c.t.Helper()
	var out T
	a := c.do(method, path, body, headers...)
	if a.status != status {
		c.t.Fatalf("%s %s was answered by %d, want %d: %s", method, path, a.status, status, a.body)
	}
	if len(a.body) > 0 {
		if err := json.Unmarshal(a.body, &out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
		}
	}
	return out, a
}

// problem is a problem document as far as tests look at it.
type problem struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Parameter string `json:"parameter"`
		Pointer   string `json:"pointer"`
		Code      string `json:"code"`
	} `json:"errors"`
}

// refused is want for a problem of this code; it gives what is named at fault.
func refused(c caller, status int, code, method, path string, body any, headers ...string) []string {
	c.t.Helper()
	p, a := want[problem](c, status, method, path, body, headers...)
	if p.Type != "urn:ihr:problem:"+code || !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		c.t.Errorf("%s %s was refused by %s %s, want %s", method, path, p.Type, a.body, code)
	}
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Parameter+e.Pointer)
	}
	return named
}

type page struct {
	Items []struct {
		ID        string          `json:"id"`
		Name      string          `json:"name"`
		DistanceM *float64        `json:"distance_m"`
		Plots     json.RawMessage `json:"plots"`
		Version   int64           `json:"version"`
	} `json:"items"`
	Total        int        `json:"total"`
	NextCursor   string     `json:"next_cursor"`
	Truncated    bool       `json:"truncated"`
	StatusesAsOf *time.Time `json:"statuses_as_of"`
}

func (p page) names() string {
	names := make([]string, len(p.Items))
	for i, it := range p.Items {
		names[i] = it.Name
	}
	return strings.Join(names, ", ")
}

// fill imports the excerpt of the register and waits until the search shows it.
func (w *world) fill() {
	w.t.Helper()
	file, err := os.Open(excerpt)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	report, err := stationcatalog.Import(w.t.Context(), w.cfg, "irve", file, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.indexed(int(report.Import.Stations))
}

// indexed waits until the search tells of so many stations by its index: SQL may have told of them before, while that was behind.
func (w *world) indexed(stations int) {
	w.t.Helper()
	inStep := func() bool { return w.ready()["search index"] == "ok" }
	w.eventually("the index has what was imported", func() bool {
		if !inStep() {
			return false
		}
		all, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations", nil)
		return all.Total == stations && inStep()
	})
}

// eventually waits for what happens by itself, asking again soon: it has no event to wait for.
func (w *world) eventually(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			w.t.Fatalf("it did not happen within a minute that %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// named finds a station of this name.
func (w *world) named(name string) station.Station {
	w.t.Helper()
	for s, err := range w.store.All(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Name == name {
			return s
		}
	}
	w.t.Fatalf("there is no station %q", name)
	return station.Station{}
}

// setStatus tells the catalogue of the plot of an EVSE.
func (w *world) setStatus(evse uuid.UUID, status station.Status) uuid.UUID {
	w.t.Helper()
	now := time.Now().UTC()
	plot := uuid.New()
	err := w.store.ApplyStatuses(w.t.Context(), plotstatus.Update{AsOf: now.Truncate(10 * time.Second), Upserts: []plotstatus.Row{
		{Version: now.UnixNano(), PlotStatus: station.PlotStatus{EVSEID: evse, PlotID: plot, Status: status, Since: now}},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return plot
}

// input is a station as an operator writes it.
func input(name, uid string) map[string]any {
	return map[string]any{
		"name": name, "address": "1 Street", "city": "Town", "country": "FR", "latitude": 48.5, "longitude": 2.5, "time_zone": "Europe/Paris",
		"evses": []any{map[string]any{"uid": uid, "connectors": []any{
			map[string]any{"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE", "max_electric_power": 22000},
		}}},
	}
}

// connector is the only connector of an input.
func connector(input map[string]any) map[string]any {
	evse := input["evses"].([]any)[0].(map[string]any)
	return evse["connectors"].([]any)[0].(map[string]any)
}

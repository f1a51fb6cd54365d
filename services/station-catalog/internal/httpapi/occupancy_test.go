package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/httpapi"
)

// busyPlots stands for charging-plot: it keeps what it was asked and answers as it is told.
type busyPlots struct {
	mu     sync.Mutex
	asked  *http.Request
	answer func(w http.ResponseWriter, r *http.Request)
}

func (p *busyPlots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/stations/") {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = r
	p.answer(w, r)
}

// answers sets the next answer.
func (p *busyPlots) answers(fn func(w http.ResponseWriter, r *http.Request)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = fn
}

func (p *busyPlots) header(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked.Header.Get(name)
}

func TestOccupancyAndLoadAreAnsweredByChargingPlot(t *testing.T) {
	t.Parallel()
	plots := &busyPlots{}
	peer := httptest.NewServer(plots)
	t.Cleanup(peer.Close)
	w := newWorld(t, func(cfg *stationcatalog.Config) { cfg.ChargingPlotURL = peer.URL })
	base := "/v1/stations/" + uuid.NewString()
	operator := w.as(uuid.New(), []string{"operator"}, "sessions:read")

	plots.answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Add("Vary", "Accept")
		w.Header().Add("Vary", "Origin")
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = io.WriteString(w, "<svg/>"+r.URL.RequestURI())
	})
	a := w.anonymous().do(http.MethodGet, base+"/occupancy.svg?theme=dark", nil, "Accept", "image/svg+xml", "X-Request-Id", "request-17")
	if a.status != http.StatusOK || string(a.body) != "<svg/>"+base+"/occupancy.svg?theme=dark" || a.header.Get("ETag") != `"one"` ||
		a.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("the drawing is %d %s %v", a.status, a.body, a.header)
	}
	if plots.header("Accept") != "image/svg+xml" || plots.header("X-Request-Id") != "request-17" || plots.header("X-Forwarded-For") != "127.0.0.1" ||
		plots.header("Authorization") != "" {
		t.Errorf("it was asked with %v", plots.asked.Header)
	}
	if a := w.anonymous().do(http.MethodGet, base+"/occupancy", nil, "Accept", "image/svg+xml"); string(a.body) != "<svg/>"+base+"/occupancy" || !strings.Contains(a.header.Get("Vary"), "Accept") {
		t.Errorf("the form that Accept asks for is %s, by %v", a.body, a.header)
	}
	if a := w.anonymous().do(http.MethodGet, base+"/occupancy.svg", nil, "If-None-Match", `"one"`); a.status != http.StatusNotModified || len(a.body) != 0 {
		t.Errorf("what is held is answered %d %s", a.status, a.body)
	}
	if a := operator.do(http.MethodGet, base+"/load.svg?from=2026-05-04T12:00:00Z", nil); a.status != http.StatusOK || !strings.Contains(string(a.body), "from=2026-05-04T12%3A00%3A00Z") {
		t.Errorf("the load is %d %s", a.status, a.body)
	}
	if plots.header("Authorization") != "Bearer "+operator.token {
		t.Error("the caller's token did not go along")
	}

	if said := a.header.Values("Vary"); !slices.Equal(said, []string{"Accept, Origin"}) {
		t.Errorf("what it goes by is told as %q", said)
	}

	// What is wrong is said here, before anybody is asked, and what charging-plot says is passed on.
	refused(w.anonymous(), http.StatusBadRequest, "invalid_request", http.MethodGet, base+"/occupancy.png?theme=pink", nil)
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodGet, base+"/load.json", nil)
	plots.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Vary", "Accept")
		w.WriteHeader(http.StatusNotAcceptable)
		_, _ = io.WriteString(w, `{"type":"urn:ihr:problem:no_form","title":"There is no such form","status":406}`)
	})
	if a := w.anonymous().do(http.MethodGet, base+"/load", nil, "Accept", "text/html", "Authorization", "Bearer "+operator.token); a.status != http.StatusNotAcceptable || !strings.Contains(a.header.Get("Vary"), "Accept") {
		t.Errorf("a form that there is not is refused with %d by %v", a.status, a.header)
	}
	plots.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"type":"urn:ihr:problem:station_not_found","title":"There is no such station","status":404}`)
	})
	refused(operator, http.StatusNotFound, "station_not_found", http.MethodGet, base+"/load.json", nil)
	plots.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	refused(w.anonymous(), http.StatusServiceUnavailable, "peer_unavailable", http.MethodGet, base+"/occupancy.json", nil)
	peer.Close()
	refused(w.anonymous(), http.StatusServiceUnavailable, "peer_unavailable", http.MethodGet, base+"/occupancy.json", nil)
}

func TestWithoutChargingPlotThereIsNoOccupancy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	refused(w.anonymous(), http.StatusServiceUnavailable, "peer_unavailable", http.MethodGet, "/v1/stations/"+uuid.NewString()+"/occupancy.json", nil)
}

// TestWhatIsPassedOnIsDescribedAlike promises that the operations that charging-plot answers are the same in both documents: parameters,
// what is answered and every schema of it.
func TestWhatIsPassedOnIsDescribedAlike(t *testing.T) {
	t.Parallel()
	ours, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../../../api/openapi/charging-plot.yaml")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	described := func(spec *openapi3.T, mark, service string) map[string]any {
		out := map[string]any{}
		for path, item := range spec.Paths.Map() {
			if item.Extensions[mark] != service {
				continue
			}
			parameters := map[string]any{}
			for _, p := range append(item.Parameters, item.Get.Parameters...) {
				parameters[p.Value.In+" "+p.Value.Name] = []any{p.Value.Schema.Value.Type, p.Value.Schema.Value.Format, p.Value.Schema.Value.Enum}
			}
			answers := map[string]any{}
			for contentType, media := range item.Get.Responses.Value("200").Value.Content {
				answers[contentType] = media.Schema.Ref
			}
			out[path] = []any{item.Get.Summary, item.Get.Security, parameters, answers}
		}
		for name, schema := range spec.Components.Schemas {
			if strings.HasPrefix(name, "Occupancy") || strings.HasPrefix(name, "Load") {
				text, err := schema.Value.MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				out[name] = string(text)
			}
		}
		return out
	}
	here, there := described(ours, "x-served-by", "charging-plot"), described(theirs, "x-routed-by", "station-catalog")
	if diff := cmp.Diff(there, here); diff != "" || len(here) != 15 {
		t.Errorf("of %d, charging-plot's document differs from ours (-theirs +ours):\n%s", len(here), diff)
	}
}

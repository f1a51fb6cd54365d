package httpapi_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

// TestAcceptPicksTheForm promises that a path without an extension answers in the form that Accept likes best, byte by byte as the path
// of that form does, and that a path with one heeds no Accept.
func TestAcceptPicksTheForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.charge(30)
	w.end(c.site, c.transaction, 30)
	operator := w.operator(c.site.Operator.ID)
	var cars httpapi.VehicleList
	w.call(http.MethodGet, "/v1/vehicles?q=aiways%20u5", "", nil).wants(http.StatusOK).into(&cars)
	session, station := "/v1/sessions/"+c.Id.String(), "/v1/stations/"+c.site.ID.String()
	pictures := map[string]string{"svg": "image/svg+xml", "png": "image/png"}
	withJSON := map[string]string{"json": "application/json", "svg": "image/svg+xml", "png": "image/png"}
	for _, r := range []struct {
		path, query, token, first string
		forms                     map[string]string
	}{
		{session + "/curve", "?points=10", c.token, "json", map[string]string{
			"json": "application/json", "csv": "text/csv", "svg": "image/svg+xml", "png": "image/png", "vl.json": "application/vnd.vegalite.v5+json",
		}},
		{session + "/receipt", "", c.token, "json", map[string]string{"json": "application/json", "html": "text/html", "pdf": "application/pdf"}},
		{station + "/load", "?from=2026-05-04T06:00:00Z&to=2026-05-04T18:00:00Z", operator, "json", withJSON},
		{station + "/occupancy", "", "", "json", withJSON},
		{"/v1/plots/" + c.site.PlotIDs[0].String() + "/occupancy", "", "", "json", withJSON},
		{"/v1/vehicles/" + cars.Items[0].Id + "/curve", "?theme=dark", "", "svg", pictures},
	} {
		wants := map[string]answer{}
		for extension := range r.forms {
			wants[extension] = w.call(http.MethodGet, r.path+"."+extension+r.query, r.token, nil, "Accept", "image/gif").wants(http.StatusOK)
		}
		same := func(extension string, accept ...string) {
			t.Helper()
			got, want := w.call(http.MethodGet, r.path+r.query, r.token, nil, accept...).wants(http.StatusOK), wants[extension]
			tag := got.Header.Get("ETag")
			if !bytes.Equal(got.Body, want.Body) || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") || tag != want.Header.Get("ETag") {
				t.Errorf("%s with %v is %s, not that of .%s", r.path, accept, got.Header.Get("Content-Type"), extension)
			}
			if !strings.Contains(got.Header.Get("Vary"), "Accept") {
				t.Errorf("%s with %v varies by %q", r.path, accept, got.Header.Get("Vary"))
			}
			w.call(http.MethodGet, r.path+r.query, r.token, nil, append(accept, "If-None-Match", tag)...).wants(http.StatusNotModified)
		}
		for extension, contentType := range r.forms {
			same(extension, "Accept", "image/gif, */*;q=0.1, "+contentType+";q=0.8")
		}
		same(r.first)
		same(r.first, "Accept", "*/*")
		refused := w.call(http.MethodGet, r.path+r.query, r.token, nil, "Accept", "image/gif, video/*").wants(http.StatusNotAcceptable, "not_acceptable")
		for _, contentType := range r.forms {
			if !strings.Contains(string(refused.Body), contentType) {
				t.Errorf("%s: the refusal does not name %s: %s", r.path, contentType, refused.Body)
			}
		}
		if !slices.Contains(refused.Header.Values("Vary"), "Accept") {
			t.Errorf("%s: the refusal varies by %v", r.path, refused.Header.Values("Vary"))
		}
	}
	w.call(http.MethodGet, session+"/curve?points=5", c.token, nil, "Accept", "image/png").wants(http.StatusBadRequest)
	w.call(http.MethodGet, session+"/receipt", "", nil, "Accept", "application/pdf").wants(http.StatusUnauthorized)
}

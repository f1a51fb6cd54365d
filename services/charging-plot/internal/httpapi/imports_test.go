package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestImportSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, driver := w.driver()
	staff := w.operator(site.Operator.ID)
	const path, kind = "/v1/sessions/import", "application/x-ndjson"
	const line = `{"evse_id":"DE*IHR*E1","started_at":"2026-05-01T10:00:00Z","ended_at":"2026-05-01T11:00:00Z","energy_kwh":31.5}`

	w.call(http.MethodPost, path, "", line, "Content-Type", kind).wants(http.StatusUnauthorized)
	w.call(http.MethodPost, path, driver, line, "Content-Type", kind).wants(http.StatusForbidden)
	w.call(http.MethodPost, path+"?format=xml", staff, line, "Content-Type", kind).wants(http.StatusBadRequest)
	w.call(http.MethodPost, path, staff, line, "Content-Type", "text/csv").wants(http.StatusUnsupportedMediaType)
	w.call(http.MethodPost, path, staff, "\n", "Content-Type", kind).wants(http.StatusBadRequest, "bad_session_file")
	w.call(http.MethodPost, path, staff, "\x1f\x8bno gzip", "Content-Type", "application/gzip").wants(http.StatusBadRequest, "bad_session_file")

	var report httpapi.SessionImport
	w.call(http.MethodPost, path, staff, line+"\nnonsense\n", "Content-Type", kind).wants(http.StatusOK).into(&report)
	if report.Rows != 2 || report.Stored != 1 || report.Refused != 1 || len(report.Findings) != 1 || report.Findings[0].Line != 2 {
		t.Errorf("the import is %+v", report)
	}
	w.call(http.MethodPost, path, staff, line, "Content-Type", kind).wants(http.StatusOK).into(&report)
	if report.Stored != 0 || report.Unchanged != 1 {
		t.Errorf("imported again it is %+v", report)
	}
	var page httpapi.SessionPage
	w.call(http.MethodGet, "/v1/sessions?station_id="+site.ID.String(), staff, nil).wants(http.StatusOK).into(&page)
	if len(page.Items) != 1 || !page.Items[0].ChargePointId.IsNull() || page.Items[0].EnergyKwh.MustGet() != 31.5 {
		t.Errorf("the sessions are %+v", page.Items)
	}
	s := page.Items[0].Id.String()
	w.call(http.MethodGet, "/v1/sessions/"+s+"/receipt.pdf", staff, nil).wants(http.StatusNotFound, "session_not_billed")
	w.call(http.MethodGet, "/v1/sessions/"+s+"/curve.svg", staff, nil).wants(http.StatusOK)
	w.call(http.MethodPost, "/v1/sessions/"+s+"/stop", staff, nil).wants(http.StatusAccepted)
}

func TestReceiptsOnPaper(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, token := w.driver()
	_, other := w.driver()
	s := w.order(token, site.PlotIDs[0])
	base := "/v1/sessions/" + s.Id.String() + "/receipt."
	transaction := w.begin(site, s.Id)
	w.call(http.MethodGet, base+"html", token, nil).wants(http.StatusConflict, "session_unfinished")
	w.meter(site, transaction, 10)
	w.end(site, transaction, 10)
	for kind, want := range map[string]string{"html": "text/html; charset=utf-8", "pdf": "application/pdf"} {
		a := w.call(http.MethodGet, base+kind, token, nil).wants(http.StatusOK)
		if a.Header.Get("Content-Type") != want {
			t.Errorf("%s is %s", kind, a.Header.Get("Content-Type"))
		}
		if kind == "html" && !strings.Contains(string(a.Body), "2.75 EUR") { // 10 kWh at 0.25 and 10 %
			t.Errorf("the page is %s", a.Body)
		}
		w.call(http.MethodGet, base+kind, token, nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
		w.call(http.MethodGet, base+kind, other, nil).wants(http.StatusNotFound)
		w.call(http.MethodGet, base+kind, "", nil).wants(http.StatusUnauthorized)
	}
}

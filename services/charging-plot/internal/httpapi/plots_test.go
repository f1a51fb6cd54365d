package httpapi_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestListPlots(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(5)
	w.Report(site, 1, chargepoint.Faulted)
	t.Run("200 to anybody, page by page", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		path, seen := "/v1/plots?limit=2&station_id="+site.ID.String(), map[uuid.UUID]bool{}
		for range 3 {
			a := w.call(http.MethodGet, path, "", nil).wants(http.StatusOK)
			var page httpapi.PlotPage
			a.into(&page)
			for _, p := range page.Items {
				seen[p.Id] = true
			}
			if page.NextCursor == "" {
				break
			}
			link := a.Header.Get("Link")
			path, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
			if !strings.HasSuffix(link, `>; rel="next"`) || !strings.Contains(path, url.QueryEscape(page.NextCursor)) {
				t.Fatalf("the link to the next page is %q", link)
			}
		}
		if len(seen) != 5 {
			t.Errorf("three pages of two showed %d plots, want 5", len(seen))
		}
	})
	t.Run("200 narrowed by status and connector", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var page httpapi.PlotPage
		w.call(http.MethodGet, "/v1/plots?status=AVAILABLE,CHARGING&connector=IEC_62196_T2_COMBO&station_id="+site.ID.String(), "", nil).
			wants(http.StatusOK).into(&page)
		if len(page.Items) != 2 || page.Items[0].Status != httpapi.PlotStatusAVAILABLE || page.Items[0].Connectors[0].Standard != "IEC_62196_T2_COMBO" {
			t.Errorf("the free CCS plots are %+v", page.Items)
		}
	})
	t.Run("400 naming every fault", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		p := w.call(http.MethodGet, "/v1/plots?status=FREE&limit=0&near=1,2&station_id=x", "", nil).wants(http.StatusBadRequest).problem()
		if len(p.Errors) != 4 {
			t.Errorf("the faults named are %+v, want 4", p.Errors)
		}
		w.call(http.MethodGet, "/v1/plots?cursor=forged", "", nil).wants(http.StatusBadRequest, "bad_cursor")
	})
	t.Run("401 for a bad token", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/plots", "nonsense", nil).wants(http.StatusUnauthorized)
	})
}

func TestGetPlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path := "/v1/plots/" + site.PlotIDs[0].String()
	t.Run("200 and 304", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		a := w.call(http.MethodGet, path, "", nil).wants(http.StatusOK)
		var p httpapi.Plot
		a.into(&p)
		if p.Label != "P1" || p.Status != httpapi.PlotStatusAVAILABLE || p.StatusSource != httpapi.StatusSourceChargePoint || !p.Reservable ||
			p.StationId != site.ID || p.EvseIds[0] != site.EVSEs[0].ID {
			t.Errorf("the plot is %+v", p)
		}
		w.call(http.MethodGet, path, "", nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/plots/"+uuid.NewString(), "", nil).wants(http.StatusNotFound, "plot_not_found")
	})
}

func TestUpdatePlot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 for the operator, with what the catalogue says restored by null", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		path, token := "/v1/plots/"+site.PlotIDs[0].String(), w.operator(site.Operator.ID)
		tag := w.call(http.MethodGet, path, "", nil).Header.Get("ETag")
		a := w.call(http.MethodPatch, path, token, `{"label":"Bay 1","out_of_service":true}`, "If-Match", tag).wants(http.StatusOK)
		var p httpapi.Plot
		a.into(&p)
		if p.Label != "Bay 1" || !p.OutOfService || p.Status != httpapi.PlotStatusINOPERATIVE || p.StatusSource != httpapi.StatusSourceOperator || !p.Reservable {
			t.Errorf("the plot is %+v", p)
		}
		a = w.call(http.MethodPatch, path, w.admin(), `{"label":null,"out_of_service":false,"reservable":false}`,
			"If-Match", a.Header.Get("ETag"), "Content-Type", "application/merge-patch+json").wants(http.StatusOK)
		a.into(&p)
		if p.Label != "P1" || p.OutOfService || p.Status != httpapi.PlotStatusAVAILABLE || p.Reservable {
			t.Errorf("the plot is %+v", p)
		}
	})
	t.Run("400 for fields that are not the operator's", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		w.call(http.MethodPatch, "/v1/plots/"+site.PlotIDs[0].String(), w.operator(site.Operator.ID), `{"status":"AVAILABLE"}`, "If-Match", "*").
			wants(http.StatusBadRequest)
		w.call(http.MethodPatch, "/v1/plots/"+site.PlotIDs[0].String(), w.operator(site.Operator.ID), `{}`, "If-Match", "*").
			wants(http.StatusBadRequest)
	})
	t.Run("401, 403 for drivers and other operators, 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		path := "/v1/plots/" + site.PlotIDs[0].String()
		_, driver := w.driver()
		w.call(http.MethodPatch, path, "", `{"label":"x"}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPatch, path, driver, `{"label":"x"}`).wants(http.StatusForbidden)
		w.call(http.MethodPatch, path, w.operator(uuid.New()), `{"label":"x"}`, "If-Match", "*").wants(http.StatusForbidden, "foreign_plot")
		w.call(http.MethodPatch, "/v1/plots/"+uuid.NewString(), w.admin(), `{"label":"x"}`, "If-Match", "*").wants(http.StatusNotFound)
	})
	t.Run("410 when it has been removed", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		gone := site.Station
		gone.EVSEs = nil
		w.Apply(gone)
		w.call(http.MethodPatch, "/v1/plots/"+site.PlotIDs[0].String(), w.admin(), `{"label":"x"}`, "If-Match", "*").wants(http.StatusGone, "plot_removed")
	})
	t.Run("412 and 428", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		path, token := "/v1/plots/"+site.PlotIDs[0].String(), w.operator(site.Operator.ID)
		w.call(http.MethodPatch, path, token, `{"label":"x"}`, "If-Match", `"0"`).wants(http.StatusPreconditionFailed)
		w.call(http.MethodPatch, path, token, `{"label":"x"}`).wants(http.StatusPreconditionRequired)
	})
}

func TestPutPlotEVSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(3)
	path, token := "/v1/plots/"+site.PlotIDs[0].String()+"/evses", w.operator(site.Operator.ID)
	body := fmt.Sprintf(`{"evse_ids":[%q,%q]}`, site.EVSEs[0].ID, site.EVSEs[1].ID)
	_, driver := w.driver()
	w.call(http.MethodPut, path, "", body).wants(http.StatusUnauthorized)
	w.call(http.MethodPut, path, driver, body).wants(http.StatusForbidden)
	w.call(http.MethodPut, path, w.operator(uuid.New()), body, "If-Match", "*").wants(http.StatusForbidden, "foreign_plot")
	w.call(http.MethodPut, path, token, body).wants(http.StatusPreconditionRequired)
	w.call(http.MethodPut, path, token, body, "If-Match", `"x"`).wants(http.StatusPreconditionFailed)
	w.call(http.MethodPut, path, token, `{"evse_ids":[]}`, "If-Match", "*").wants(http.StatusBadRequest)
	w.call(http.MethodPut, path, token, fmt.Sprintf(`{"evse_ids":[%q]}`, uuid.New()), "If-Match", "*").wants(http.StatusUnprocessableEntity, "unknown_evse")
	_, err := w.Reserve(t.Context(), site.PlotIDs[1], uuid.New(), time.Hour)
	w.Must(err)
	w.call(http.MethodPut, path, token, body, "If-Match", "*").wants(http.StatusConflict, "plot_in_use")
	body = fmt.Sprintf(`{"evse_ids":[%q,%q]}`, site.EVSEs[0].ID, site.EVSEs[2].ID)
	a := w.call(http.MethodPut, path, token, body, "If-Match", "*").wants(http.StatusOK)
	var p httpapi.Plot
	a.into(&p)
	if len(p.EvseIds) != 2 || len(p.Connectors) != 2 || p.Status != httpapi.PlotStatusAVAILABLE {
		t.Errorf("the bay is %+v", p)
	}
	w.call(http.MethodPut, "/v1/plots/"+site.PlotIDs[2].String()+"/evses", token, body, "If-Match", "*").wants(http.StatusGone)
}

func TestPushPlotStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		w.Report(site, 1, "")
		path := "/v1/plots/" + site.PlotIDs[0].String() + "/status"
		since := w.Clock.Now().Add(-time.Hour)
		var p httpapi.Plot
		w.call(http.MethodPost, path, w.operator(site.Operator.ID), map[string]any{"status": "CHARGING", "at": since}).wants(http.StatusOK).into(&p)
		if p.Status != httpapi.PlotStatusCHARGING || p.StatusSource != httpapi.StatusSourcePush {
			t.Errorf("the plot is %+v", p)
		}
	})
	t.Run("400 for the future and for REMOVED", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		path, token := "/v1/plots/"+site.PlotIDs[0].String()+"/status", w.operator(site.Operator.ID)
		w.call(http.MethodPost, path, token, map[string]any{"status": "CHARGING", "at": w.Clock.Now().Add(time.Hour)}).
			wants(http.StatusBadRequest, "status_in_future")
		w.call(http.MethodPost, path, token, `{"status":"REMOVED"}`).wants(http.StatusBadRequest)
	})
	t.Run("401 and 403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		path := "/v1/plots/" + w.Site(1).PlotIDs[0].String() + "/status"
		w.call(http.MethodPost, path, "", `{"status":"AVAILABLE"}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, path, w.operator(uuid.New()), `{"status":"AVAILABLE"}`).wants(http.StatusForbidden)
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodPost, "/v1/plots/"+uuid.NewString()+"/status", w.admin(), `{"status":"AVAILABLE"}`).wants(http.StatusNotFound)
	})
}

func TestListPlotHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path := "/v1/plots/" + site.PlotIDs[0].String() + "/history"
	w.Clock.Move(time.Hour)
	w.Report(site, 1, chargepoint.Charging)
	t.Run("200, newest first, page by page", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var page httpapi.PlotHistoryPage
		w.call(http.MethodGet, path+"?limit=1", "", nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != 1 || page.Items[0].Status != httpapi.PlotStatusCHARGING || !page.Items[0].Since.Equal(w.Clock.Now()) {
			t.Errorf("the first page is %+v", page)
		}
		w.call(http.MethodGet, path+"?limit=1&cursor="+url.QueryEscape(page.NextCursor), "", nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != 1 || page.Items[0].Status != httpapi.PlotStatusAVAILABLE {
			t.Errorf("the second page is %+v", page)
		}
		from := url.QueryEscape(w.Clock.Now().Format(time.RFC3339))
		w.call(http.MethodGet, path+"?from="+from, "", nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != 1 {
			t.Errorf("from now on there are %+v", page.Items)
		}
	})
	t.Run("400 for another plot's cursor", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var page httpapi.PlotHistoryPage
		w.call(http.MethodGet, path+"?limit=1", "", nil).into(&page)
		other := "/v1/plots/" + w.Site(1).PlotIDs[0].String() + "/history?cursor=" + url.QueryEscape(page.NextCursor)
		w.call(http.MethodGet, other, "", nil).wants(http.StatusBadRequest, "bad_cursor")
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/plots/"+uuid.NewString()+"/history", "", nil).wants(http.StatusNotFound)
	})
}

func TestListPlotChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(2)
	t.Run("200 with everything from the beginning, then what changes", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		type changes struct {
			Items []struct {
				ID   uuid.UUID
				Op   string
				Data *httpapi.Plot
			}
			NextCursor string `json:"next_cursor"`
		}
		all, cursor := map[uuid.UUID]httpapi.PlotStatus{}, ""
		follow := func(wait string) {
			for {
				var page changes
				w.call(http.MethodGet, "/v1/plots/changes?limit=500&wait="+wait+"&after="+url.QueryEscape(cursor), "", nil).wants(http.StatusOK).into(&page)
				cursor = page.NextCursor
				for _, e := range page.Items {
					all[e.ID] = e.Data.Status
				}
				if len(page.Items) == 0 || wait != "0" {
					return
				}
			}
		}
		follow("0")
		for _, id := range site.PlotIDs {
			if all[id] != httpapi.PlotStatusAVAILABLE {
				t.Errorf("the feed says of a plot %q", all[id])
			}
		}
		told := make(chan struct{})
		go func() {
			defer close(told)
			for all[site.PlotIDs[1]] != httpapi.PlotStatusCHARGING && t.Context().Err() == nil {
				follow("5")
			}
		}()
		w.Report(site, 2, chargepoint.Charging)
		<-told
		if all[site.PlotIDs[1]] != httpapi.PlotStatusCHARGING {
			t.Errorf("after waiting the feed says %q", all[site.PlotIDs[1]])
		}
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/plots/changes?after=forged", "", nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, "/v1/plots/changes?wait=31", "", nil).wants(http.StatusBadRequest)
	})
}

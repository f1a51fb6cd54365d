package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestASessionWithLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, token := w.driver()
	_, other := w.driver()
	body := map[string]any{
		"plot_id": site.PlotIDs[0], "vehicle": "72475a6a-aae2-da13-1d17-94cc07e5104f",
		"limits": map[string]any{"energy_kwh": 3, "duration_min": 90, "cost": "12.50", "soc_percent": 80},
	}
	for name, bad := range map[string]struct {
		limits any
		fault  string
	}{
		"negative":   {map[string]any{"energy_kwh": -1}, "/limits/energy_kwh"},
		"too full":   {map[string]any{"soc_percent": 101}, "/limits/soc_percent"},
		"a number":   {map[string]any{"cost": 12.5}, "/limits/cost"},
		"words":      {map[string]any{"cost": "much"}, "/limits/cost"},
		"no time":    {map[string]any{"duration_min": 0}, "/limits/duration_min"},
		"unknown":    {map[string]any{"distance_km": 100}, "/limits/distance_km"},
		"not one":    {"all", "/limits"},
		"fractional": {map[string]any{"duration_min": 1.5}, "/limits/duration_min"},
	} {
		p := w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": site.PlotIDs[0], "limits": bad.limits}).
			wants(http.StatusBadRequest).problem()
		if len(p.Errors) != 1 || p.Errors[0].Pointer != bad.fault {
			t.Errorf("%s: %+v", name, p.Errors)
		}
	}
	var s httpapi.Session
	w.call(http.MethodPost, "/v1/sessions", token, body).wants(http.StatusAccepted).into(&s)
	if s.Limits.EnergyKwh.MustGet() != 3 || s.Limits.DurationMin.MustGet() != 90 || s.Limits.Cost.MustGet() != "12.50" ||
		s.Limits.SocPercent.MustGet() != 80 || s.Vehicle.MustGet() != "72475a6a-aae2-da13-1d17-94cc07e5104f" || !s.Cost.IsNull() {
		t.Errorf("the session is %+v", s)
	}
	path := "/v1/sessions/" + s.Id.String()
	w.call(http.MethodPatch, path, token, map[string]any{"limits": map[string]any{"energy_kwh": 5}}).wants(http.StatusPreconditionRequired)
	w.call(http.MethodPatch, path, token, map[string]any{"limits": map[string]any{"energy_kwh": 5}}, "If-Match", `"99"`).wants(http.StatusPreconditionFailed)
	w.call(http.MethodPatch, path, other, map[string]any{"vehicle": nil}, "If-Match", "*").wants(http.StatusNotFound)
	w.call(http.MethodPatch, path, w.operator(site.Operator.ID), map[string]any{"vehicle": nil}, "If-Match", "*").wants(http.StatusNotFound)
	w.call(http.MethodPatch, path, token, map[string]any{"vehicle": nil, "limits": map[string]any{"energy_kwh": 5, "cost": nil}},
		"If-Match", w.call(http.MethodGet, path, token, nil).Header.Get("ETag")).wants(http.StatusOK).into(&s)
	if s.Limits.EnergyKwh.MustGet() != 5 || s.Limits.DurationMin.MustGet() != 90 || !s.Limits.Cost.IsNull() || !s.Vehicle.IsNull() {
		t.Errorf("changed, it is %+v", s.Limits)
	}

	transaction := w.begin(site, s.Id)
	w.meter(site, transaction, 4)
	if n, err := w.desk.Enforce(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("below its limit %d are stopped (%v)", n, err)
	}
	w.meter(site, transaction, 5)
	if n, err := w.desk.Enforce(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("at its limit %d are stopped (%v)", n, err)
	}
	w.desk.Wait()
	w.commands.mu.Lock()
	last := w.commands.sent[len(w.commands.sent)-1]
	w.commands.mu.Unlock()
	if last.Kind != chargepoint.RemoteStop || last.Transaction != transaction {
		t.Errorf("the charge point was told %+v", last)
	}
	w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).into(&s)
	if s.LimitReached.MustGet() != httpapi.LimitEnergy || s.StopRequestedAt.IsNull() {
		t.Errorf("at its limit it is %+v", s)
	}
	w.end(site, transaction, 5)
	w.call(http.MethodPatch, path, token, map[string]any{"vehicle": nil}, "If-Match", "*").wants(http.StatusConflict, "session_ended")
	w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).into(&s)
	if cost, err := s.Cost.Get(); err != nil || cost.AfterTaxes.MustGet().Amount != "1.38" || s.Reason != "limit_energy" {
		t.Errorf("ended, it is %+v", s)
	}
}

func TestPushMeterValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, driver := w.driver()
	staff := w.operator(site.Operator.ID)
	s := w.order(driver, site.PlotIDs[0])
	w.begin(site, s.Id)
	at := w.Clock.Now()
	item := func(id uuid.UUID, at time.Time, more ...any) map[string]any {
		out := map[string]any{"session_id": id, "at": at}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i].(string)] = more[i+1] //nolint:forcetypeassert // names stand in even places
		}
		return out
	}
	batch := func(items ...map[string]any) map[string]any { return map[string]any{"items": items} }
	good := item(s.Id, at, "power_kw", 60, "register_kwh", 6.5, "voltage_v", 400.5, "other", map[string]float64{"Temperature": 31})

	w.call(http.MethodPost, "/v1/meter-values", "", batch(good)).wants(http.StatusUnauthorized)
	w.call(http.MethodPost, "/v1/meter-values", driver, batch(good)).wants(http.StatusForbidden)
	for name, c := range map[string]struct {
		body   any
		status int
		faults []string
	}{
		"nothing":       {batch(), http.StatusBadRequest, []string{"/items"}},
		"no value":      {batch(item(s.Id, at)), http.StatusBadRequest, []string{"/items/0"}},
		"out of range":  {batch(good, item(s.Id, at, "soc_percent", 101, "register_kwh", -1)), http.StatusBadRequest, []string{"/items/1/register_kwh", "/items/1/soc_percent"}},
		"unknown":       {batch(good, item(uuid.New(), at, "power_kw", 1)), http.StatusUnprocessableEntity, []string{"/items/1/session_id"}},
		"before, after": {batch(item(s.Id, at.Add(-time.Hour), "power_kw", 1), good, item(s.Id, at.Add(time.Hour), "power_kw", 1)), http.StatusUnprocessableEntity, []string{"/items/0/at", "/items/2/at"}},
	} {
		p := w.call(http.MethodPost, "/v1/meter-values", staff, c.body).wants(c.status).problem()
		found := map[string]bool{}
		for _, e := range p.Errors {
			found[e.Pointer] = true
		}
		for _, f := range c.faults {
			if !found[f] || len(p.Errors) != len(c.faults) {
				t.Errorf("%s: %+v", name, p.Errors)
			}
		}
	}
	w.call(http.MethodPost, "/v1/meter-values", w.operator(uuid.New()), batch(good)).wants(http.StatusUnprocessableEntity, "bad_meter_values")
	var page httpapi.MeterValuePage
	w.call(http.MethodGet, "/v1/sessions/"+s.Id.String()+"/meter-values", driver, nil).wants(http.StatusOK).into(&page)
	if len(page.Items) != 1 || !page.Items[0].PowerKw.IsNull() {
		t.Fatalf("of refused batches there is %+v", page.Items)
	}
	w.call(http.MethodPost, "/v1/meter-values", staff, batch(good)).wants(http.StatusNoContent)
	w.call(http.MethodGet, "/v1/sessions/"+s.Id.String()+"/meter-values", driver, nil).wants(http.StatusOK).into(&page)
	if r := page.Items[0]; len(page.Items) != 1 || r.PowerKw.MustGet() != 60 || r.RegisterKwh.MustGet() != 5 || r.VoltageV.MustGet() != 400.5 || r.Other["Temperature"] != 31 {
		t.Errorf("the readings are %+v", page.Items)
	}
}

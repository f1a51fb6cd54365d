package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

// setTerms gives an operator terms, for the first time.
func (w *world) setTerms(operator uuid.UUID, terms string) {
	w.t.Helper()
	w.call(http.MethodPut, "/v1/reservations/terms/"+operator.String(), w.operator(operator), terms, "If-Match", `"0"`).wants(http.StatusOK)
}

func claimAt(plot uuid.UUID, at time.Time, minutes int) map[string]any {
	return map[string]any{"plot_id": plot, "starts_at": at, "duration_min": minutes}
}

func TestReservationTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 and what they do to a claim", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(3)
		w.setTerms(site.Operator.ID, `{"min_duration_min":30,"max_duration_min":60,"max_ahead_min":600,"no_show_min":5,"per_driver":1}`)
		_, token := w.driver()
		at := w.Clock.Now().Add(time.Hour)
		for _, minutes := range []int{29, 61} {
			p := w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], at, minutes)).wants(http.StatusBadRequest, "reservation_duration").problem()
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/duration_min" {
				t.Errorf("%d minutes: the faults named are %+v", minutes, p.Errors)
			}
		}
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], at.Add(10*time.Hour), 30)).wants(http.StatusBadRequest, "reservation_too_far")
		var r httpapi.Reservation
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], at, 30)).wants(http.StatusCreated).into(&r)
		if r.NoShowAt.Sub(r.StartsAt) != 5*time.Minute {
			t.Errorf("the plot waits until %s for a claim from %s", r.NoShowAt, r.StartsAt)
		}
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[1], at, 30)).wants(http.StatusConflict, "too_many_reservations")
		elsewhere := w.Site(1)
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(elsewhere.PlotIDs[0], at, 120)).wants(http.StatusCreated)
		w.call(http.MethodPatch, "/v1/reservations/"+r.Id.String(), token, `{"duration_min":90}`, "If-Match", `"1"`).wants(http.StatusBadRequest, "reservation_duration")
	})
	t.Run("409 for a driver who cancels or changes too late", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		w.setTerms(site.Operator.ID, `{"cancel_until_min":60,"change_until_min":120}`)
		_, token := w.driver()
		var r httpapi.Reservation
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], w.Clock.Now().Add(90*time.Minute), 30)).wants(http.StatusCreated).into(&r)
		path := "/v1/reservations/" + r.Id.String()
		w.call(http.MethodPatch, path, token, `{"duration_min":45}`, "If-Match", `"1"`).wants(http.StatusConflict, "reservation_too_late")
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusOK)
		w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], w.Clock.Now().Add(59*time.Minute), 30)).wants(http.StatusCreated).into(&r)
		path = "/v1/reservations/" + r.Id.String()
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusConflict, "reservation_too_late")
		w.call(http.MethodDelete, path, w.operator(site.Operator.ID), nil).wants(http.StatusOK)
	})
	t.Run("400 beyond what the network allows", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := uuid.New()
		path := "/v1/reservations/terms/" + operator.String()
		p := w.call(http.MethodPut, path, w.operator(operator), `{"min_duration_min":4,"max_duration_min":1441,"per_driver":9,"no_show_min":0}`, "If-Match", `"0"`).
			wants(http.StatusBadRequest, "bad_reservation_terms").problem()
		if len(p.Errors) != 4 {
			t.Errorf("the faults named are %+v, want 4", p.Errors)
		}
		w.call(http.MethodPut, path, w.operator(operator), `{"min_duration_min":60,"max_duration_min":30}`, "If-Match", `"0"`).wants(http.StatusBadRequest, "bad_reservation_terms")
		w.call(http.MethodPut, path, w.operator(operator), `{"fee":1,"per_driver":"many"}`, "If-Match", `"0"`).wants(http.StatusBadRequest)
		var terms httpapi.ReservationTerms
		w.call(http.MethodGet, path, w.operator(operator), nil).wants(http.StatusOK).into(&terms)
		if terms.Version != 0 || !terms.PerDriver.IsNull() {
			t.Errorf("stored is %+v", terms)
		}
	})
	t.Run("403, 412 and 428", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := uuid.New()
		path := "/v1/reservations/terms/" + operator.String()
		w.call(http.MethodPut, path, w.operator(uuid.New()), `{}`, "If-Match", `"0"`).wants(http.StatusForbidden, "foreign_operator")
		w.call(http.MethodPut, path, w.operator(operator), `{}`).wants(http.StatusPreconditionRequired)
		w.setTerms(operator, `{"per_driver":2}`)
		w.call(http.MethodPut, path, w.operator(operator), `{}`, "If-Match", `"0"`).wants(http.StatusPreconditionFailed)
		w.call(http.MethodPut, path, w.operator(operator), `{}`, "If-Match", `"1"`).wants(http.StatusOK)
	})
}

func TestAnOperatorThatIsNotKnownHasNoTerms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	nobody, site := "/v1/reservations/terms/"+uuid.NewString(), w.Site(1)
	w.call(http.MethodGet, nobody, "", nil).wants(http.StatusNotFound, "operator_not_found")
	w.call(http.MethodGet, nobody, w.admin(), nil).wants(http.StatusNotFound, "operator_not_found")
	w.call(http.MethodPut, nobody, w.admin(), `{"per_driver":1}`, "If-Match", `"0"`).wants(http.StatusNotFound, "operator_not_found")
	blocked := "/v1/reservations/blocked-drivers/" + uuid.NewString()
	w.call(http.MethodGet, blocked, w.admin(), nil).wants(http.StatusNotFound, "operator_not_found")
	w.call(http.MethodPut, blocked+"/"+uuid.NewString(), w.admin(), `{"reason":"x"}`).wants(http.StatusNotFound, "operator_not_found")
	// One that has stations asks nothing until it says so; its own people may say so before its first.
	w.call(http.MethodGet, "/v1/reservations/terms/"+site.Operator.ID.String(), "", nil).wants(http.StatusOK)
	first := uuid.New()
	path := "/v1/reservations/terms/" + first.String()
	w.call(http.MethodGet, path, w.operator(first), nil).wants(http.StatusOK)
	w.setTerms(first, `{"per_driver":1}`)
	w.call(http.MethodGet, path, "", nil).wants(http.StatusOK)
}

func TestBlockedDrivers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site, elsewhere := w.Site(1), w.Site(1)
	driver, token := w.driver()
	operator := w.operator(site.Operator.ID)
	list := "/v1/reservations/blocked-drivers/" + site.Operator.ID.String()
	path := list + "/" + driver.String()
	at := w.Clock.Now().Add(time.Hour)
	w.call(http.MethodPut, path, w.operator(uuid.New()), `{"reason":"x"}`).wants(http.StatusForbidden, "foreign_operator")
	w.call(http.MethodPut, path, operator, `{}`).wants(http.StatusBadRequest)
	w.call(http.MethodPut, path, operator, `{"reason":"never comes"}`).wants(http.StatusNoContent)
	w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], at, 30)).wants(http.StatusForbidden, "driver_blocked")
	w.call(http.MethodPost, "/v1/reservations", token, claimAt(elsewhere.PlotIDs[0], at, 30)).wants(http.StatusCreated)
	var page httpapi.BlockedDriverPage
	w.call(http.MethodGet, list, operator, nil).wants(http.StatusOK).into(&page)
	if len(page.Items) != 1 || page.Items[0].DriverId != driver || page.Items[0].Reason != "never comes" {
		t.Errorf("blocked are %+v", page.Items)
	}
	w.call(http.MethodGet, list, token, nil).wants(http.StatusForbidden)
	w.call(http.MethodDelete, path, operator, nil).wants(http.StatusNoContent)
	w.call(http.MethodPost, "/v1/reservations", token, claimAt(site.PlotIDs[0], at, 30)).wants(http.StatusCreated)
}

func TestParking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/plots/"+site.PlotIDs[0].String(), w.operator(site.Operator.ID)
	version := func() string { return w.call(http.MethodGet, path, "", nil).wants(http.StatusOK).Header.Get("ETag") }
	var p httpapi.Plot
	w.call(http.MethodPatch, path, token, `{"parking":{"vehicle_types":["VAN","BUS"],"max_vehicle_height_cm":310.5,"time_limit_min":90,"roofed":true,
		"direction":"ANGLE","evse_position":"LEFT","parking_restrictions":["EV_ONLY"],"standards":["PAS 1899"]}}`, "If-Match", version()).wants(http.StatusOK)
	w.call(http.MethodPatch, path, token, `{"parking":{"roofed":null,"time_limit_min":30,"lighting":false}}`, "If-Match", version()).wants(http.StatusOK)
	// What the catalogue says anew leaves the operator's words alone.
	site.EVSEs[0].PhysicalReference = "P9"
	site.Version++
	w.Apply(site.Station)
	w.call(http.MethodGet, path, "", nil).wants(http.StatusOK).into(&p)
	k := p.Parking
	if p.Label != "P9" || len(k.VehicleTypes) != 2 || *k.MaxVehicleHeightCm != 310.5 || *k.TimeLimitMin != 30 || k.Roofed != nil || *k.Lighting ||
		*k.Direction != "ANGLE" || *k.EVSEPosition != "LEFT" || k.Restrictions[0] != "EV_ONLY" || k.Standards[0] != "PAS 1899" {
		t.Errorf("the bay %s is %+v", p.Label, k)
	}
	bad := w.call(http.MethodPatch, path, token, `{"parking":{"direction":"UP","max_vehicle_width_cm":0,"vehicle_types":["UFO"],"colour":"red","time_limit_min":0}}`,
		"If-Match", version()).wants(http.StatusBadRequest).problem()
	if len(bad.Errors) != 5 {
		t.Errorf("the faults named are %+v, want 5", bad.Errors)
	}
	var cleared httpapi.Plot
	w.call(http.MethodPatch, path, token, `{"parking":null}`, "If-Match", version()).wants(http.StatusOK).into(&cleared)
	if cleared.Parking.VehicleTypes != nil || cleared.Parking.TimeLimitMin != nil {
		t.Errorf("cleared is %+v", cleared.Parking)
	}
}

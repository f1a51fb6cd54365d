package httpapi_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestGetCurve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.charge(30)
	token, base := c.token, "/v1/sessions/"+c.Id.String()+"/curve."

	t.Run("200 as JSON", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var got httpapi.Curve
		w.call(http.MethodGet, base+"json", token, nil).wants(http.StatusOK).into(&got)
		last := got.Points[len(got.Points)-1]
		if got.SessionId != c.Id || got.Readings != 31 || len(got.Points) != 31 || last.ElapsedS != 1800 || last.PowerKw.MustGet() != 60 ||
			last.EnergyKwh.MustGet() != 30 || last.SocPercent.MustGet() != 50 || !got.Points[0].PowerKw.IsNull() {
			t.Errorf("the curve ends in %+v and begins with %+v", last, got.Points[0])
		}
		w.call(http.MethodGet, base+"json?points=10", token, nil).wants(http.StatusOK).into(&got)
		if len(got.Points) > 10 || got.Readings != 31 {
			t.Errorf("at most 10 points gives %d of %d", len(got.Points), got.Readings)
		}
	})
	t.Run("200 as CSV", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		a := w.call(http.MethodGet, base+"csv", token, nil).wants(http.StatusOK)
		rows, err := csv.NewReader(bytes.NewReader(a.Body)).ReadAll()
		if err != nil || len(rows) != 32 || strings.Join(rows[0], " ") != "at elapsed_s power_kw energy_kwh soc_percent voltage_v current_a" {
			t.Fatalf("the table has %d rows and begins with %v (%v)", len(rows), rows[0], err)
		}
		if got := strings.Join(rows[31][1:], " "); got != "1800 60 30 50  150" || rows[1][2] != "" {
			t.Errorf("it ends in %q and begins with %q", got, rows[1])
		}
	})
	t.Run("200 as drawings for light and dark pages, the same each time, and 304", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.draws(base, "", token)
		drawing := w.call(http.MethodGet, base+"svg", token, nil).wants(http.StatusOK)
		for _, text := range []string{"Power (kW)", "Energy (kWh)", "Charge (%)", "Time since the start (h:min)"} {
			if !strings.Contains(string(drawing.Body), text) {
				t.Errorf("the drawing does not say %q", text)
			}
		}
	})
	t.Run("400, 401 and 404, each for every kind", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, other := w.driver()
		for _, kind := range []string{"json", "csv", "svg", "png"} {
			w.call(http.MethodGet, base+kind+"?points=5", token, nil).wants(http.StatusBadRequest)
			w.call(http.MethodGet, base+kind, "", nil).wants(http.StatusUnauthorized)
			w.call(http.MethodGet, base+kind, other, nil).wants(http.StatusNotFound, "session_not_found")
			w.call(http.MethodGet, "/v1/sessions/"+uuid.NewString()+"/curve."+kind, token, nil).wants(http.StatusNotFound)
		}
	})
}

func TestACurveEndsWithItsSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.charge(30)
	w.end(s.site, s.transaction, 20) // a charge point that reads on
	var c httpapi.Curve
	w.call(http.MethodGet, "/v1/sessions/"+s.Id.String()+"/curve.json", s.token, nil).wants(http.StatusOK).into(&c)
	if last := c.Points[len(c.Points)-1]; last.ElapsedS != 1200 || last.EnergyKwh.MustGet() != 20 || c.Readings != 21 {
		t.Errorf("of %d readings the curve ends in %+v", c.Readings, last)
	}
}

func TestACurveOfASessionThatHasNotBegunIsEmpty(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, token := w.driver()
	s := w.order(token, site.PlotIDs[0])
	for _, kind := range []string{"json", "csv", "svg", "png"} {
		w.call(http.MethodGet, "/v1/sessions/"+s.Id.String()+"/curve."+kind, token, nil).wants(http.StatusOK)
	}
}

func TestCurvesBesideTheVehicles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, token := w.driver()
	_, other := w.driver()
	var cars httpapi.VehicleList
	w.call(http.MethodGet, "/v1/vehicles?q=aiways%20u5", "", nil).wants(http.StatusOK).into(&cars)
	if len(cars.Items) == 0 || cars.Items[0].UsableKwh != 63 || len(cars.Items[0].Curve) < 3 {
		t.Fatalf("the vehicles are %+v", cars.Items)
	}
	w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": site.PlotIDs[0], "vehicle": "no-such-car"}).
		wants(http.StatusBadRequest, "unknown_vehicle")
	var s httpapi.Session
	w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": site.PlotIDs[0], "vehicle": cars.Items[0].Id}).
		wants(http.StatusAccepted).into(&s)
	base := "/v1/sessions/" + s.Id.String() + "/"
	w.call(http.MethodGet, base+"estimate?soc_percent=80", token, nil).wants(http.StatusConflict, "no_estimate")
	w.meter(site, w.begin(site, s.Id), 20)

	byTime := w.call(http.MethodGet, base+"curve.svg", token, nil).wants(http.StatusOK)
	byCharge := w.call(http.MethodGet, base+"curve.svg?x=soc", token, nil).wants(http.StatusOK)
	if bytes.Equal(byTime.Body, byCharge.Body) || byTime.Header.Get("ETag") == byCharge.Header.Get("ETag") || !bytes.Contains(byCharge.Body, []byte("Aiways U5")) {
		t.Error("over the state of charge it is not another picture, with the car's name")
	}
	looksLike(t, "png", w.call(http.MethodGet, base+"curve.png?x=soc&theme=dark", token, nil).wants(http.StatusOK).Body)
	w.call(http.MethodGet, base+"curve.svg?x=money", token, nil).wants(http.StatusBadRequest)
	vl := w.call(http.MethodGet, base+"curve.vl.json", token, nil).wants(http.StatusOK)
	if !bytes.Contains(vl.Body, []byte("vega-lite")) || vl.Header.Get("Content-Type") != "application/vnd.vegalite.v5+json" {
		t.Errorf("the document is %s", vl.Header.Get("Content-Type"))
	}
	if over := w.call(http.MethodGet, base+"curve.vl.json?x=soc", token, nil).wants(http.StatusOK); !bytes.Contains(over.Body, []byte("Aiways U5")) || over.Header.Get("ETag") == vl.Header.Get("ETag") {
		t.Error("over the state of charge it is not another document, with the car's name")
	}
	var e httpapi.Estimate
	w.call(http.MethodGet, base+"estimate?soc_percent=80", token, nil).wants(http.StatusOK).into(&e)
	if e.SocPercent != 40 || e.Basis != httpapi.EstimateByReference || e.DurationS < 600 || e.DurationS > 7200 || !e.ReadyAt.After(e.ReadAt) {
		t.Errorf("the estimate is %+v", e)
	}
	w.call(http.MethodGet, base+"estimate", token, nil).wants(http.StatusBadRequest)
	w.call(http.MethodGet, base+"estimate?soc_percent=101", token, nil).wants(http.StatusBadRequest)
	w.call(http.MethodGet, base+"estimate?soc_percent=80", other, nil).wants(http.StatusNotFound)
}

func TestWhatAVehicleTakesIsAPicture(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var cars httpapi.VehicleList
	w.call(http.MethodGet, "/v1/vehicles?q=aiways%20u5", "", nil).wants(http.StatusOK).into(&cars)
	base := "/v1/vehicles/" + cars.Items[0].Id + "/curve."
	drawing := w.call(http.MethodGet, base+"svg", "", nil).wants(http.StatusOK)
	if !bytes.Contains(drawing.Body, []byte(cars.Items[0].Name)) || !bytes.Contains(drawing.Body, []byte("State of charge (%)")) ||
		drawing.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("the drawing lacks the car's name or an axis: %s", drawing.Body)
	}
	if again := w.call(http.MethodGet, base+"svg", "", nil, "If-None-Match", drawing.Header.Get("ETag")); again.Status != http.StatusNotModified {
		t.Errorf("who holds it gets %d", again.Status)
	}
	looksLike(t, "png", w.call(http.MethodGet, base+"png?theme=dark", "", nil).wants(http.StatusOK).Body)
	w.call(http.MethodGet, "/v1/vehicles/no-such-car/curve.svg", "", nil).wants(http.StatusNotFound, "no_vehicle")
}

package httpapi_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

// looksLike checks a picture's bytes.
func looksLike(t testing.TB, kind string, body []byte) {
	t.Helper()
	if kind == "png" {
		if img, err := png.Decode(bytes.NewReader(body)); err != nil || img.Bounds().Dx() != 720 {
			t.Errorf("the picture: %v", err)
		}
		return
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the drawing: %v", err)
		}
	}
}

// draws checks that pictures come light and dark, the same each time, and not at all to who holds them.
func (w *world) draws(base, query, token string) {
	w.t.Helper()
	for kind, contentType := range map[string]string{"svg": "image/svg+xml", "png": "image/png"} {
		light := w.call(http.MethodGet, base+kind+"?"+query, token, nil).wants(http.StatusOK)
		again := w.call(http.MethodGet, base+kind+"?theme=light&"+query, token, nil).wants(http.StatusOK)
		dark := w.call(http.MethodGet, base+kind+"?theme=dark&"+query, token, nil).wants(http.StatusOK)
		tag := light.Header.Get("ETag")
		if light.Header.Get("Content-Type") != contentType || !bytes.Equal(light.Body, again.Body) || tag != again.Header.Get("ETag") {
			w.t.Errorf("%s: %s, twice the same: %t", kind, light.Header.Get("Content-Type"), bytes.Equal(light.Body, again.Body))
		}
		if bytes.Equal(light.Body, dark.Body) || tag == dark.Header.Get("ETag") {
			w.t.Errorf("%s: the dark one is the light one", kind)
		}
		looksLike(w.t, kind, light.Body)
		w.call(http.MethodGet, base+kind+"?"+query, token, nil, "If-None-Match", tag).wants(http.StatusNotModified)
	}
}

func TestGetOccupancy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(3)
	w.Clock.Move(time.Hour)
	w.Report(site, 1, chargepoint.Charging)
	w.Report(site, 3, chargepoint.Faulted)
	ofStation, ofPlot := "/v1/stations/"+site.ID.String()+"/occupancy.", "/v1/plots/"+site.PlotIDs[0].String()+"/occupancy."
	before := httpapi.Occupancy{}
	first := w.call(http.MethodGet, ofStation+"json", "", nil).wants(http.StatusOK)
	first.into(&before)
	if !before.ComputedAt.IsNull() || !before.From.IsNull() || len(before.Week) != 0 || len(before.Forecast) != 0 {
		t.Errorf("before anything was computed, there is %+v", before)
	}
	if p := before.Plots; p.Total != 3 || p.Available != 1 || p.Occupied != 1 || p.ByConnector["IEC_62196_T2_COMBO"].Total != 2 ||
		p.ByConnector["IEC_62196_T2_COMBO"].Occupied != 1 || p.ByPower["22"].Available != 1 || p.ByPower["150"].Total != 2 {
		t.Errorf("the plots are counted %+v", p)
	}
	w.call(http.MethodGet, ofStation+"svg", "", nil).wants(http.StatusOK)
	w.Clock.Move(2 * time.Hour)
	for more := true; more; {
		var err error
		more, err = w.Store.ComputeOccupancy(t.Context(), w.Clock.Now().Add(time.Hour))
		w.Must(err)
	}

	t.Run("200 as JSON, to anybody", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var o httpapi.Occupancy
		a := w.call(http.MethodGet, ofStation+"json", "", nil, "If-None-Match", first.Header.Get("ETag")).wants(http.StatusOK)
		a.into(&o)
		if o.Id != site.ID || o.TimeZone != "Europe/Berlin" || len(o.Week) != 168 || len(o.Forecast) != 12 || o.ComputedAt.IsNull() {
			t.Fatalf("the occupancy is %+v", o)
		}
		hour := o.Week[15] // three to four in Berlin: one of two that were seen
		if hour.Weekday != 1 || hour.Hour != 15 || hour.Occupied.MustGet() != 0.5 || hour.PlotHours != 2 || hour.Weeks != 1 || !o.Week[0].Occupied.IsNull() {
			t.Errorf("the hour is %+v", hour)
		}
		if f := o.Forecast[0]; !f.At.Equal(w.Clock.Now().Add(time.Hour)) || f.Occupied < 0.3 || f.Occupied > 0.6 || math.Abs(f.Available-2*(1-f.Occupied)) > 0.001 || !f.Brier.IsNull() {
			t.Errorf("the next hour is %+v", f)
		}
		w.call(http.MethodGet, ofStation+"json", "", nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
	})
	t.Run("200 as JSON of a plot", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var o httpapi.Occupancy
		w.call(http.MethodGet, ofPlot+"json", "", nil).wants(http.StatusOK).into(&o)
		if o.Id != site.PlotIDs[0] || o.Week[15].Occupied.MustGet() != 1 || o.Plots.Total != 1 || o.Plots.Occupied != 1 {
			t.Errorf("the occupancy of a plot is %+v", o)
		}
	})
	t.Run("200 as drawings for light and dark pages, and 304", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.draws(ofStation, "", "")
		w.draws(ofPlot, "", "")
	})
	t.Run("400, 401 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, ofStation+"svg?theme=pink", "", nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, ofStation+"json?theme=dark", "", nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, ofPlot+"json", "nonsense", nil).wants(http.StatusUnauthorized)
		for _, kind := range []string{"json", "svg", "png"} {
			w.call(http.MethodGet, "/v1/stations/"+uuid.NewString()+"/occupancy."+kind, "", nil).wants(http.StatusNotFound, "station_not_found")
			w.call(http.MethodGet, "/v1/plots/"+uuid.NewString()+"/occupancy."+kind, "", nil).wants(http.StatusNotFound, "plot_not_found")
		}
	})
}

func TestGetStationLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(2)
	_, token := w.driver()
	for _, plot := range site.PlotIDs {
		s := w.order(token, plot)
		transaction := w.begin(site, s.Id)
		w.meter(site, transaction, 30)
		w.end(site, transaction, 30)
	}
	_, err := w.Store.RollUp(t.Context(), 10)
	w.Must(err)
	w.Clock.Move(2 * time.Hour)
	base, operator := "/v1/stations/"+site.ID.String()+"/load.", w.operator(site.Operator.ID)

	t.Run("200 as JSON", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var l httpapi.Load
		w.call(http.MethodGet, base+"json?from=2026-05-04T12:00:00Z&to=2026-05-04T14:00:00Z", operator, nil).wants(http.StatusOK).into(&l)
		if l.StationId != site.ID || l.StepS != 60 || len(l.Points) != 120 || l.TimeZone != "Europe/Berlin" {
			t.Fatalf("the load has %d points of %d s", len(l.Points), l.StepS)
		}
		if peak := l.Peak.MustGet(); peak.PowerKw < 60 || l.EnergyKwh < 55 || l.EnergyKwh > 62 {
			t.Errorf("two charges of 30 kWh at 60 kW come to %g kWh, at most %+v", l.EnergyKwh, peak)
		}
		w.call(http.MethodGet, base+"json", operator, nil).wants(http.StatusOK).into(&l)
		if l.StepS != 300 || l.To.Sub(l.From) < 24*time.Hour || l.EnergyKwh < 55 {
			t.Errorf("without a span, %g kWh from %s to %s", l.EnergyKwh, l.From, l.To)
		}
		w.call(http.MethodGet, base+"json?from=2026-04-20T00:00:00Z", operator, nil).wants(http.StatusOK).into(&l)
		if l.StepS != 900 || l.EnergyKwh < 50 || l.EnergyKwh > 62 {
			t.Errorf("of two weeks, %g kWh in steps of %d s", l.EnergyKwh, l.StepS)
		}
	})
	t.Run("200 as drawings for light and dark pages, and 304", func(t *testing.T) {
		t.Parallel()
		w.in(t).draws(base, "to=2026-05-04T14:00:00Z", operator)
	})
	t.Run("400, 401, 403 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, base+"json?from=2026-05-05T00:00:00Z&to=2026-05-04T00:00:00Z", operator, nil).wants(http.StatusBadRequest, "bad_span")
		w.call(http.MethodGet, base+"svg?from=2026-03-01T00:00:00Z&to=2026-05-04T00:00:00Z", operator, nil).wants(http.StatusBadRequest, "bad_span")
		w.call(http.MethodGet, base+"json?from=yesterday", operator, nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, base+"json", "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodGet, base+"json", token, nil).wants(http.StatusNotFound, "station_not_found")
		w.call(http.MethodGet, base+"png", w.operator(uuid.New()), nil).wants(http.StatusNotFound, "station_not_found")
		w.call(http.MethodGet, "/v1/stations/"+uuid.NewString()+"/load.json", operator, nil).wants(http.StatusNotFound, "station_not_found")
	})
}

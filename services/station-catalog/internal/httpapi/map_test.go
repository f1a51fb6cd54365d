package httpapi_test

import (
	"net/http"
	"testing"
)

func TestClusterStations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	anyone := w.anonymous()
	type clusters struct {
		Total    int
		Features []struct {
			BBox       [4]float64
			Geometry   struct{ Coordinates [2]float64 }
			Properties struct {
				Cluster   bool
				Count     int
				StationID string `json:"station_id"`
			}
		}
	}
	const world = "/v1/stations/clusters?bbox=-180,-90,180,90&zoom="
	one, _ := want[clusters](anyone, http.StatusOK, http.MethodGet, world+"0", nil)
	fine, a := want[clusters](anyone, http.StatusOK, http.MethodGet, world+"4", nil)
	filtered, _ := want[clusters](anyone, http.StatusOK, http.MethodGet, world+"2&connector=CHADEMO&min_power_kw=60", nil)
	count := func(c clusters) (n int) {
		for _, f := range c.Features {
			n += f.Properties.Count
			if f.Properties.Cluster != (f.Properties.Count > 1) || f.BBox[0] > f.Geometry.Coordinates[0]+1e-6 || f.BBox[2] < f.Geometry.Coordinates[0]-1e-6 {
				t.Errorf("a cluster is %+v", f)
			}
		}
		return n
	}
	if count(one) != one.Total || count(fine) != one.Total || len(one.Features) >= len(fine.Features) {
		t.Errorf("%d clusters of %d stations become %d of %d", len(one.Features), count(one), len(fine.Features), count(fine))
	}
	if filtered.Total != 1 || len(filtered.Features) != 1 || filtered.Features[0].Properties.StationID != w.named("Place du Marché").ID.String() {
		t.Errorf("the only CHAdeMO is %+v", filtered)
	}
	if again := anyone.do(http.MethodGet, world+"4", nil, "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("what the caller holds was answered by %d", again.status)
	}
	for query, named := range map[string]string{
		"zoom=3":                       "bbox",
		"bbox=0,0,1,1":                 "zoom",
		"bbox=0,1,1,0&zoom=3":          "bbox",
		"bbox=-180,-90,180,90&zoom=9":  "zoom",
		"bbox=0,0,1,1&zoom=23":         "zoom",
		"bbox=0,0,1,1&zoom=3&near=1,1": "near",
		"bbox=0,0,1,1&zoom=3&sort=id":  "sort",
	} {
		if got := refusedParameters(anyone, "/v1/stations/clusters?"+query); got != named {
			t.Errorf("%s names %q, want %q", query, got, named)
		}
	}
}

func TestGetStats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	type tally struct{ Stations, Plots, Available int }
	got, _ := want[struct {
		tally
		ByCountry   map[string]tally `json:"by_country"`
		ByOperator  map[string]tally `json:"by_operator"`
		ByConnector map[string]tally `json:"by_connector"`
		ByPower     []struct {
			MinPowerKW *float64 `json:"min_power_kw"`
			tally
		} `json:"by_power"`
	}](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stats", nil)
	stations, plots, chademo := 0, 0, 0
	for s, err := range w.store.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stations++
		for _, e := range s.EVSEs {
			plots++
			for _, c := range e.Connectors {
				if c.Standard == "CHADEMO" {
					chademo++
				}
			}
		}
	}
	classed := 0
	for _, class := range got.ByPower {
		classed += class.Plots
	}
	if got.Stations != stations || got.Plots != plots || classed != plots || got.ByConnector["CHADEMO"].Plots != chademo || chademo == 0 || len(got.ByOperator) < 2 {
		t.Errorf("%d stations, %d plots and %d CHAdeMO are counted as %+v", stations, plots, chademo, got)
	}
	refused(w.anonymous(), http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/stats?country=FR", nil)
}

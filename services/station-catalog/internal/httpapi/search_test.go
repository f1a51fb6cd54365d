package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

func TestSearchStations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	anyone := w.anonymous()

	// Before anything changes: what the caller holds is not sent again.
	const one = "/v1/stations?country=FR&limit=1"
	first := anyone.do(http.MethodGet, one, nil)
	if again := anyone.do(http.MethodGet, one, nil, "If-None-Match", first.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("what the caller holds was answered by %d", again.status)
	}

	t.Run("200", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		for query, names := range map[string]string{
			"near=48.8566,2.3522&radius_km=1":                          "Place du Marché",
			"near=48.8566,2.3522&radius_km=500&limit=3":                "Place du Marché, Autre prise, Gare Sud",
			"near=48.8566,2.3522":                                      "Place du Marché",
			"bbox=-2,43,0,48":                                          "Dépôt, Autre prise",
			"bbox=55,-22,56,-21":                                       "Port de Saint-Pierre",
			"bbox=170,-90,56,-20":                                      "Port de Saint-Pierre",
			"connector=CHADEMO&min_power_kw=60":                        "Place du Marché",
			"connector=CHADEMO,DOMESTIC_E":                             "Place du Marché, Gare Sud, Dépôt",
			"connector=CHADEMO&connector=DOMESTIC_E":                   "Place du Marché, Gare Sud, Dépôt",
			"connector=IEC_62196_T2&min_power_kw=7.4&max_power_kw=7.4": "Hypermarché Est",
			"connector=IEC_62196_T2_COMBO&max_power_kw=100":            "Dépôt",
			"access=restricted":                                        "Hypermarché Est",
			"country=DE":                                               "",
			"available=false&access=restricted":                        "Hypermarché Est",
			"id=00000000-0000-0000-0000-000000000000":                  "",
		} {
			got, a := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?"+query, nil)
			if got.names() != names || !strings.Contains(query, "limit") && got.Total != len(got.Items) {
				t.Errorf("%s found %q of %d, want %q", query, got.names(), got.Total, names)
			}
			for _, it := range got.Items {
				if (it.DistanceM != nil) != strings.HasPrefix(query, "near") {
					t.Errorf("%s tells the distance %v", query, it.DistanceM)
				}
			}
			if a.header.Get("ETag") == "" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s has no ETag or no request id", query)
			}
		}
	})

	t.Run("200 pages", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		var seen []string
		next := "/v1/stations?near=48.8566,2.3522&radius_km=500&limit=2"
		for next != "" {
			got, a := want[page](anyone, http.StatusOK, http.MethodGet, next, nil)
			if got.Total != 5 {
				t.Fatalf("a page says that there are %d in all", got.Total)
			}
			for _, it := range got.Items {
				seen = append(seen, it.Name)
			}
			next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
			if (next == "") != (got.NextCursor == "") {
				t.Errorf("the Link is %q, the cursor %q", next, got.NextCursor)
			}
		}
		if len(seen) != 5 || len(slices.Compact(slices.Sorted(slices.Values(seen)))) != 5 {
			t.Errorf("the pages have %q", seen)
		}
	})

	t.Run("200 available", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		const free = "/v1/stations?near=48.8566,2.3522&connector=CHADEMO&available=true"
		evses := w.named("Place du Marché").EVSEs
		w.setStatus(evses[0].ID, station.Available) // it has no CHAdeMO
		w.setStatus(evses[1].ID, station.Charging)
		w.eventually("the first status shows", func() bool {
			got, _ := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?near=48.8566,2.3522&available=true", nil)
			return got.Total == 1 && got.StatusesAsOf != nil && strings.Contains(string(got.Items[0].Plots), `"total":2,"available":1,`)
		})
		if got, _ := want[page](anyone, http.StatusOK, http.MethodGet, free, nil); got.Total != 0 {
			t.Errorf("a CHAdeMO is called free that is not: %s", got.Items[0].Plots)
		}
		w.setStatus(evses[1].ID, station.Available)
		w.eventually("the second status shows", func() bool {
			got, _ := want[page](anyone, http.StatusOK, http.MethodGet, free, nil)
			return got.Total == 1
		})
	})

	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		for query, named := range map[string]string{
			"foo=1&near=x":                               "foo near",
			"near=91,0":                                  "near",
			"near=48.8,2.3&bbox=1,2,3,4":                 "bbox",
			"near=48.8,2.3&radius_km=501":                "radius_km",
			"near=48.8,2.3&radius_km=0":                  "radius_km",
			"near=48.8,2.3&near=48.9,2.3":                "near",
			"radius_km=5":                                "radius_km",
			"bbox=0,10,1,9":                              "bbox",
			"bbox=-181,0,1,9":                            "bbox",
			"bbox=0,0,1":                                 "bbox",
			"connector=PLUG,IEC_62196_T2":                "connector",
			"min_power_kw=-1&max_power_kw=NaN&limit=501": "min_power_kw max_power_kw limit",
			"min_power_kw=50&max_power_kw=22":            "max_power_kw",
			"available=yes":                              "available",
			"operator=me":                                "operator",
			"country=fr":                                 "country",
			"access=everybody":                           "access",
			"limit=0":                                    "limit",
			"cursor=forged":                              "cursor",
			"id=0123456789abcdef0123456789abcdef0123":    "id",
			"near=%zz":                                   "near",
			"q=text":                                     "q",
		} {
			got := refusedParameters(anyone, "/v1/stations?"+query)
			if got != named {
				t.Errorf("%s names %q, want %q", query, got, named)
			}
		}
	})

	t.Run("400 foreign cursor", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?country=FR&limit=1", nil)
		if named := refused(anyone, http.StatusBadRequest, "bad_cursor", http.MethodGet, "/v1/stations?country=DE&limit=1&cursor="+got.NextCursor, nil); !slices.Equal(named, []string{"cursor"}) {
			t.Errorf("the cursor of another query names %q", named)
		}
		want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?country=FR&limit=5&cursor="+got.NextCursor, nil)
	})

	t.Run("401", func(t *testing.T) {
		t.Parallel()
		refused(caller{w.in(t), "nonsense"}, http.StatusUnauthorized, "invalid_token", http.MethodGet, "/v1/stations", nil)
	})
}

// refusedParameters gives what a 400 names, in order.
func refusedParameters(c caller, path string) string {
	c.t.Helper()
	p, _ := want[problem](c, http.StatusBadRequest, http.MethodGet, path, nil)
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Parameter)
	}
	return strings.Join(named, " ")
}

package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
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
			// Around Paris and the way south; all of the Atlantic coast; the ground between Nantes and Bordeaux.
			"route=" + line(48.9, 2.3, 45.7, 4.8) + "&corridor_km=20": "Place du Marché, Gare Sud",
			"route=" + line(45.7, 4.8, 48.9, 2.3) + "&corridor_km=20": "Gare Sud, Place du Marché",
			"route=" + line(48.9, 2.3, 45.7, 4.8):                     "Place du Marché",
			"polygon=" + line(44, -2, 48, -2, 48, 0, 44, 0):           "Dépôt, Autre prise",
			"polygon=" + line(44, -2, 46, -2, 46, 0, 44, 0, 44, -2):   "Dépôt",
			"q=MARCHE+place":                        "Place du Marché, Sans puissance, Autre prise",
			"q=depot":                               "Dépôt",
			"q=plume+gare":                          "Gare Sud",
			"q=69002":                               "Gare Sud",
			"q=arche":                               "", // a beginning, not any part
			"reservable=true":                       "Gare Sud",
			"free_charging=true":                    "Hypermarché Est",
			"parking_type=ON_STREET,PARKING_GARAGE": "Place du Marché, Port de Saint-Pierre, Sans puissance, Dépôt, Autre prise",
			"min_plots=2":                           "Place du Marché, Dépôt",
			"max_price_kwh=0.54":                    "Place du Marché, Hypermarché Est, Dépôt",
			"max_price_kwh=0.53":                    "Hypermarché Est, Dépôt",
			"max_price_kwh=0.54&currency=CHF":       "Hypermarché Est",
			"sort=price&limit=3":                    "Hypermarché Est, Dépôt, Place du Marché",
			"sort=power&limit=1":                    "Place du Marché",
			"open_at=2026-11-23T08:00:00%2B01:00":   "Place du Marché, Gare Sud, Port de Saint-Pierre, Sans puissance, Dépôt, Autre prise",
			"open_at=2026-11-23T13:00:00%2B01:00":   "Place du Marché, Port de Saint-Pierre, Sans puissance, Dépôt, Autre prise",
			"open_at=2026-11-22T04:30:00Z":          "Place du Marché, Port de Saint-Pierre, Sans puissance, Autre prise",
			"updated_since=2200-01-01T00:00:00Z":    "",
			"exclude_faults=true&min_power_kw=100":  "Place du Marché",
			"near=48.8566,2.3522&sort=distance":     "Place du Marché",
			"spread=true&country=FR&count_only=false&connector=CHADEMO": "Place du Marché, Dépôt",
		} {
			got, a := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations?"+query, nil)
			if got.names() != names || !strings.Contains(query, "limit") && got.Total != len(got.Items) {
				t.Errorf("%s found %q of %d, want %q", query, got.names(), got.Total, names)
			}
			for _, it := range got.Items {
				if (it.DistanceM != nil) != (strings.HasPrefix(query, "near") || strings.HasPrefix(query, "route")) {
					t.Errorf("%s tells the distance %v", query, it.DistanceM)
				}
			}
			if a.header.Get("ETag") == "" || a.header.Get("X-Request-Id") == "" {
				t.Errorf("%s has no ETag or no request id", query)
			}
		}
	})

	t.Run("200 count_only", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		got, _ := want[page](anyone.of(w), http.StatusOK, http.MethodGet, "/v1/stations?count_only=true&limit=5", nil)
		if got.Total < 6 || len(got.Items) > 0 || got.NextCursor != "" {
			t.Errorf("counting gave %d of %d, and the cursor %q", len(got.Items), got.Total, got.NextCursor)
		}
	})

	t.Run("200 spread", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		got, a := want[page](anyone.of(w), http.StatusOK, http.MethodGet, "/v1/stations?spread=true&limit=3", nil)
		if got.Total < 6 || len(got.Items) != 3 || !got.Truncated || got.NextCursor != "" || a.header.Get("Link") != "" {
			t.Errorf("the choice has %d of %d, truncated %t, the cursor %q", len(got.Items), got.Total, got.Truncated, got.NextCursor)
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
		for _, c := range [][2]string{
			{"foo=1&near=x", "foo near"},
			{"near=91,0", "near"},
			{"near=48.8,2.3&bbox=1,2,3,4", "bbox"},
			{"near=48.8,2.3&radius_km=501", "radius_km"},
			{"near=48.8,2.3&radius_km=0", "radius_km"},
			{"near=48.8,2.3&near=48.9,2.3", "near"},
			{"radius_km=5", "radius_km"},
			{"bbox=0,10,1,9", "bbox"},
			{"bbox=-181,0,1,9", "bbox"},
			{"bbox=0,0,1", "bbox"},
			{"connector=PLUG,IEC_62196_T2", "connector"},
			{"min_power_kw=-1&max_power_kw=NaN&limit=501", "min_power_kw max_power_kw limit"},
			{"min_power_kw=50&max_power_kw=22", "max_power_kw"},
			{"available=yes", "available"},
			{"operator=me", "operator"},
			{"country=fr", "country"},
			{"access=everybody", "access"},
			{"limit=0", "limit"},
			{"cursor=forged", "cursor"},
			{"cursor=", "cursor"},
			{"country=XX", "country"},
			{"country=FR,UK", "country"},
			// What the document refuses and what only the reader can tell, all at once and each once.
			{"foo=1&near=91,1&near=92,1&connector=PLUG&limit=0&min_power_kw=q&fields=best&cursor=forged", "foo near limit min_power_kw connector fields cursor"},
			{"near=91,1&fields=best&cursor=forged", "near fields cursor"},
			{"id=" + strings.Repeat(ids(1)+"&id=", 300) + ids(1), "id"},
			{"id=" + ids(301), "id"},
			{"id=0123456789abcdef0123456789abcdef0123", "id"},
			{"id=0123456789abcdef0123456789abcdef", "id"},
			{"id=01234567-89ab-cdef-0123-456789abcdef,", "id"},
			{"near=%zz", "near"},
			{"near=48.8,2.3&route=" + line(1, 2, 3, 4), "route"},
			{"bbox=1,2,3,4&polygon=" + line(1, 2, 3, 4, 5, 5), "polygon"},
			{"polygon=" + line(1, 2, 3, 4), "polygon"},
			{"polygon=xyz", "polygon"},
			{"polygon=" + strings.Repeat("??", 1001), "polygon"},   // few bytes, many places
			{"polygon=" + line(89, 0, -89, 90, 0, 180), "polygon"}, // more than half of the globe
			{"route=" + strings.Repeat("??", 2501), "route"},
			{"route=" + line(0, 0, 0, 180), "route"}, // every way is as short
			{"corridor_km=5", "corridor_km"},
			{"near=48.8,2.3&corridor_km=5", "corridor_km"},
			{"facility=POOL&capability=FLY&parking_type=SKY", "facility capability parking_type"},
			{"open_now=true&open_at=2026-01-01T00:00:00Z", "open_at"},
			{"open_at=yesterday", "open_at"},
			{"currency=EUR", "currency"},
			{"currency=euro&max_price_kwh=1", "currency"},
			{"max_price_kwh=-1", "max_price_kwh"},
			{"min_plots=0", "min_plots"},
			{"sort=distance", "sort"},
			{"sort=best", "sort"},
			{"sort=stars", "sort"},
			{"min_rating=0.5", "min_rating"},
			{"fields=id,secret", "fields"},
			{"format=pdf", "format"},
			{"spread=true&count_only=true", "spread"},
			{"energy_kwh=10", "energy_kwh"},
			{"sort=price&vehicle=" + spring, "soc_from"},
			{"sort=price&vehicle=" + spring + "&soc_from=80&soc_to=20", "soc_to"},
			{"sort=price&vehicle=carriage&energy_kwh=10", "vehicle"},
			{"q=a+b+c+d+e+f+g+h+i+j+k", "q"},
			{"updated_since=now&near=0,0&near=1,1", "updated_since near"},
			{"q=...", "q"},
		} {
			query, named := c[0], c[1]
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

// line encodes latitudes and longitudes for a query.
func line(degrees ...float64) string {
	var places [][2]float64
	for at := range slices.Chunk(degrees, 2) {
		places = append(places, [2]float64{at[0], at[1]})
	}
	return url.QueryEscape(polyline.Encode(places))
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

// ids are as many of them, comma-joined.
func ids(n int) string {
	return strings.Repeat(uuid.Nil.String()+",", n-1) + uuid.Nil.String()
}

// TestAListOfIDsFitsIntoAURL spells the longest list as wordily as it can be: gateways have room for 12 KiB.
func TestAListOfIDsFitsIntoAURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const room = 12 << 10
	for name, query := range map[string]string{
		"repeated": "/v1/stations?id=" + strings.Repeat(ids(1)+"&id=", 299) + ids(1), "joined": "/v1/stations?id=" + strings.ReplaceAll(ids(300), ",", "%2C"),
	} {
		if len(query) > room {
			t.Errorf("300 ids, %s, take %d bytes", name, len(query))
		}
		want[page](w.anonymous(), http.StatusOK, http.MethodGet, query, nil)
	}
}

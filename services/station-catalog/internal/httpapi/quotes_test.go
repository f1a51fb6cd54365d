package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// priced is an input with a tariff of so much a kilowatt-hour before 20 % of taxes, and of so much at the start.
func priced(name, uid, perKWh, flat string) map[string]any {
	body := input(name, uid)
	price := func(kind, amount string) map[string]any {
		return map[string]any{"type": kind, "price": json.Number(amount), "vat": 20, "step_size": 1}
	}
	connector(body)["tariff_ids"] = []any{uid}
	body["tariffs"] = []any{map[string]any{
		"id": uid, "currency": "EUR", "country_code": "FR", "party_id": "PLM", "last_updated": "2026-01-01T00:00:00Z",
		"elements": []any{map[string]any{"price_components": []any{price("ENERGY", perKWh), price("FLAT", flat)}}},
	}}
	return body
}

// Cars of the built-in table.
const (
	zoe    = "de3a8751-00c9-46d1-9e7a-ad830835c6a7"
	spring = "db0f0c27-ec80-7479-a5ff-ca8fef1adb1b"
)

func TestQuotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	cheap, _ := want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", priced("Cheap start", "q-1", "0.50", "0.10"), "Idempotency-Key", "q1")
	dear, _ := want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", priced("Dear start", "q-2", "0.20", "5.00"), "Idempotency-Key", "q2")
	anyone := w.anonymous()
	const near = "/v1/stations?near=48.5,2.5&radius_km=1&sort=price"
	w.eventually("the search has both", func() bool {
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, near, nil)
		return got.Total == 2
	})
	type quotes struct {
		EnergyKWh float64 `json:"energy_kwh"`
		Quotes    []struct {
			Connector string
			PowerKW   float64                            `json:"power_kw"`
			EVSEs     []uuid.UUID                        `json:"evse_ids"`
			DurationS int                                `json:"duration_s"`
			After     *struct{ Currency, Amount string } `json:"total_after_taxes"`
			Lines     []struct{ Dimension, Volume string }
		}
	}

	t.Run("200", func(t *testing.T) {
		t.Parallel()
		anyone := anyone.of(w.in(t))
		// 22 kWh at 22 kW take an hour and cost (22 × 0.50 + 0.10) × 1.2.
		got, _ := want[quotes](anyone, http.StatusOK, http.MethodGet, "/v1/stations/"+cheap.ID.String()+"/quote?energy_kwh=22", nil)
		if len(got.Quotes) != 1 || got.Quotes[0].After.Amount != "13.32" || got.Quotes[0].DurationS != 3600 || len(got.Quotes[0].Lines) != 2 || got.Quotes[0].EVSEs[0] != cheap.EVSEs[0].ID {
			t.Errorf("the quote is %+v", got)
		}
		// A ZOE takes the 26 kWh from 20 to 70 % at 22 kW; a Spring has 6.6 kW for its 13.4 kWh.
		for car, seconds := range map[string]int{zoe: 4255, spring: 7310} {
			got, _ = want[quotes](anyone, http.StatusOK, http.MethodGet, "/v1/stations/"+cheap.ID.String()+"/quote?soc_from=20&soc_to=70&vehicle="+car, nil)
			if len(got.Quotes) != 1 || got.Quotes[0].DurationS != seconds {
				t.Errorf("for %s the quote is %+v, want %d s", car, got, seconds)
			}
		}
	})

	t.Run("200 ranked", func(t *testing.T) {
		t.Parallel()
		anyone := anyone.of(w.in(t))
		// By the price of energy the dear start is cheaper; of 5 kWh it is not, of 50 it is.
		for query, names := range map[string]string{
			"": "Dear start, Cheap start", "&energy_kwh=5": "Cheap start, Dear start", "&energy_kwh=50": "Dear start, Cheap start",
			"&vehicle=" + spring + "&soc_from=10&soc_to=30": "Cheap start, Dear start",
		} {
			got, _ := want[page](anyone, http.StatusOK, http.MethodGet, near+query, nil)
			if got.names() != names || got.Total != 2 {
				t.Errorf("%q ranks %q, want %q", query, got.names(), names)
			}
			first, _ := want[page](anyone, http.StatusOK, http.MethodGet, near+query+"&limit=1", nil)
			second, _ := want[page](anyone, http.StatusOK, http.MethodGet, near+query+"&limit=1&cursor="+first.NextCursor, nil)
			if first.names()+", "+second.names() != names || second.NextCursor != "" {
				t.Errorf("%q has the pages %q and %q", query, first.names(), second.names())
			}
		}
	})

	t.Run("400", func(t *testing.T) {
		t.Parallel()
		anyone := anyone.of(w.in(t))
		for query, named := range map[string]string{
			"":                                   "energy_kwh",
			"energy_kwh=0":                       "energy_kwh",
			"energy_kwh=NaN":                     "energy_kwh",
			"vehicle=carriage&energy_kwh=1":      "vehicle",
			"vehicle=" + spring:                  "soc_from",
			"vehicle=" + spring + "&soc_from=10": "soc_to",
			"soc_from=10&soc_to=20":              "vehicle",
			"vehicle=" + spring + "&soc_from=9&soc_to=9": "soc_to",
			"energy_kwh=5&at=then&foo=1":                 "at foo",
		} {
			if got := refusedParameters(anyone, "/v1/stations/"+dear.ID.String()+"/quote?"+query); got != named {
				t.Errorf("%s names %q, want %q", query, got, named)
			}
		}
	})

	t.Run("404", func(t *testing.T) {
		t.Parallel()
		refused(anyone.of(w.in(t)), http.StatusNotFound, "station_not_found", http.MethodGet, "/v1/stations/"+uuid.NewString()+"/quote?energy_kwh=5", nil)
	})
}

package quote_test

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/quote"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// site is a station with a CCS of 50 and one of 300 kW, a CHAdeMO, and a Type 2 of 22 kW, all at one price.
func site(t *testing.T) *station.Station {
	t.Helper()
	var price tariff.Tariff
	const text = `{"id":"t","currency":"EUR","country_code":"FR","party_id":"PLM","last_updated":"2026-01-01T00:00:00Z",
		"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"vat":20,"step_size":1}]}]}`
	if err := json.Unmarshal([]byte(text), &price); err != nil {
		t.Fatal(err)
	}
	plug := func(id, standard, kind string, watts int) station.Connector {
		return station.Connector{ID: id, Standard: standard, Format: "CABLE", PowerType: kind, PowerW: watts, TariffIDs: []string{"t"}}
	}
	return &station.Station{TimeZone: "Europe/Paris", Tariffs: []tariff.Tariff{price}, EVSEs: []station.EVSE{{Connectors: []station.Connector{
		plug("1", "IEC_62196_T2_COMBO", "DC", 50_000), plug("2", "IEC_62196_T2_COMBO", "DC", 300_000),
		plug("3", "CHADEMO", "DC", 50_000), plug("4", "IEC_62196_T2", "AC_3_PHASE", 22_000),
	}}}}
}

// TestVehicles promises that a charge follows the vehicle's curve, and that plugs which it takes nothing from have no quote.
func TestVehicles(t *testing.T) {
	t.Parallel()
	falling := vehicle.Vehicle{
		UsableKWh: 60, MaxACKW: 11, Plugs: []string{"IEC_62196_T2", "IEC_62196_T2_COMBO"},
		Curve: []vehicle.Power{{SoCPercent: 0, KW: 100}, {SoCPercent: 50, KW: 100}, {SoCPercent: 100, KW: 0}},
	}
	hybrid := vehicle.Vehicle{UsableKWh: 12, MaxACKW: 3.6}
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	hour := func(h float64) time.Duration { return time.Duration(h * float64(time.Hour)) }
	for name, test := range map[string]struct {
		ask  quote.Ask
		want map[float64]time.Duration // by the power at the beginning
	}{
		// Above 50 % it draws 2 kW for each percent that is missing: 50 kW limit it up to 75 %, more does not.
		"the curve": {quote.Ask{Vehicle: &falling, From: 50, To: 90}, map[float64]time.Duration{
			98: hour(0.3 * math.Log(5)), 50: hour(0.3 + 0.3*math.Log(25./10)), 11: hour(24. / 11),
		}},
		"only energy": {quote.Ask{Vehicle: &falling, EnergyKWh: big.NewRat(20, 1)}, map[float64]time.Duration{
			100: hour(0.2), 50: hour(0.4), 11: hour(20. / 11),
		}},
		"no direct current": {quote.Ask{Vehicle: &hybrid, From: 0, To: 100}, map[float64]time.Duration{3.6: hour(12 / 3.6)}},
	} {
		test.ask.Start = start
		quotes, err := quote.Station(site(t), test.ask)
		if err != nil || len(quotes) != len(test.want) {
			t.Errorf("%s: %+v (%v)", name, quotes, err)
		}
		for _, q := range quotes {
			want := test.want[q.PowerKW]
			if off := (q.Duration - want).Abs(); off > want/100 {
				t.Errorf("%s: at %g kW it takes %s, want %s", name, q.PowerKW, q.Duration, want)
			}
			if cost := new(big.Rat).Mul(test.ask.Energy(), big.NewRat(6, 10)); q.Cost().Cmp(cost) != 0 {
				t.Errorf("%s: at %g kW it costs %s, want %s", name, q.PowerKW, q.Cost(), cost)
			}
		}
	}
}

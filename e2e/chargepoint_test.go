package e2e_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"

	"github.com/ihr-charging/charging-plot-api/tools/simulator"
)

// fast is a CCS plug of 50 kW.
var fast = simulator.Plug{PowerKW: 50, DC: true}

// install provisions a charge point at an EVSE as its operator would, lets a simulated one connect with what it was given, and
// returns it with the plot it serves. The plot is AVAILABLE then.
func install(t *testing.T, operator *client, at station, outlet evse) (*simulator.Station, plot) {
	t.Helper()
	identity := "E2E-" + strings.ToUpper(uuid.NewString()[:13])
	given := want[struct {
		ChargePoint chargePoint `json:"charge_point"`
		Password    string      `json:"password"`
	}](operator, http.StatusCreated, http.MethodPost, "/v1/charge-points", map[string]any{
		"identity": identity, "station_id": at.ID,
		"evses": []any{map[string]any{"evse_id": outlet.ID, "ocpp_connector_id": 1}},
	})
	cp := simulator.NewStation(
		simulator.StationConfig{Identity: identity, Password: given.Password, Plugs: []simulator.Plug{fast}},
		simulator.Options{
			URL: "ws" + strings.TrimPrefix(world.baseURL, "http") + "/ocpp", Seed: 1, Speed: 1,
			SampleInterval: 250 * time.Millisecond, ReconnectMin: 100 * time.Millisecond, ReconnectMax: time.Second,
			AnswerTimeout: 10 * time.Second, RetryInterval: 500 * time.Millisecond,
		})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cp.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("charge point: %v", err)
		}
	})
	awaitStation(t, cp, "the charge point is registered", func(s simulator.Snapshot) bool { return s.Registered })
	var bay plot
	eventually(t, patience, "the plot of the charge point is AVAILABLE", func() bool {
		for _, p := range get[page[plot]](operator, "/v1/plots?station_id="+at.ID+"&limit=500").Items {
			for _, id := range p.EvseIDs {
				if id == outlet.ID {
					bay = p
				}
			}
		}
		return bay.Status == "AVAILABLE"
	})
	return cp, bay
}

func awaitStation(t *testing.T, cp *simulator.Station, what string, wanted func(simulator.Snapshot) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := cp.Await(ctx, wanted); err != nil {
		t.Fatalf("not within %s: %s: %v; it looks like %+v", patience, what, err, cp.Snapshot())
	}
}

// arrive lets a car with a third of its charge plug in.
func arrive(cp *simulator.Station) error {
	car := simulator.Vehicles()[0]
	car.ArrivalSoC, car.TargetSoC = 33, 95
	return cp.Plug(1, car)
}

// leave lets the car unplug and drive away.
func leave(cp *simulator.Station) error { return cp.Unplug(1) }

func free(s simulator.Snapshot) bool {
	return s.Connectors[0].Status == core.ChargePointStatusAvailable && s.Queued == 0
}

// operatorOf is somebody who works for a station's operator: with the stack of one's own an account made for it, else the
// administrator, who may do the same.
func operatorOf(t *testing.T, at station) *client {
	t.Helper()
	if world.own == nil {
		return administrator(t)
	}
	email, password := "operator-"+uuid.NewString()+"@e2e.example", "an operator of one test "+uuid.NewString()
	if err := createAccount(t.Context(), email, password, "operator@"+at.Operator.ID); err != nil {
		t.Fatal(err)
	}
	c := anonymous(t)
	return c.with(login(c, email, password).AccessToken)
}

// reservable makes sure that a plot can be reserved, as its operator decides.
func reservable(t *testing.T, operator *client, bay plot) {
	t.Helper()
	if bay.Reservable {
		return
	}
	eventually(t, patience, "the operator makes the plot reservable", func() bool {
		now := operator.do(http.MethodGet, "/v1/plots/"+bay.ID, nil)
		changed := operator.do(http.MethodPatch, "/v1/plots/"+bay.ID, map[string]any{"reservable": true}, header("If-Match", now.header.Get("ETag")))
		return changed.status == http.StatusOK // 412: its status changed meanwhile
	})
}

// ownStation makes a station of one's own with a tariff: operators and prices of a test are nobody else's.
func ownStation(t *testing.T, tariff map[string]any) station {
	t.Helper()
	admin := administrator(t)
	operators := get[page[struct {
		ID string `json:"id"`
	}]](admin, "/v1/operators?limit=1")
	if len(operators.Items) == 0 {
		t.Fatal("there is no operator")
	}
	uid := uuid.NewString()
	connector := map[string]any{
		"id": "1", "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC",
		"max_voltage": 500, "max_amperage": 125, "max_electric_power": 50000,
	}
	input := map[string]any{
		"operator_id": operators.Items[0].ID, "name": "Station of one test", "address": "1 place du Test", "city": "Brest", "country": "FR",
		"latitude": 48.39, "longitude": -4.486, "time_zone": "Europe/Paris", "access": "public",
		"evses": []any{map[string]any{"uid": uid, "reservable": true, "connectors": []any{connector}}},
	}
	if tariff != nil {
		connector["tariff_ids"] = []any{tariff["id"]}
		input["tariffs"] = []any{tariff}
	}
	return want[station](admin, http.StatusCreated, http.MethodPost, "/v1/stations", input)
}

// awaitPlot waits until the plot of a station's EVSE is known to the plots' service.
func awaitPlot(t *testing.T, c *client, at station, outlet evse) {
	t.Helper()
	begin := time.Now()
	defer func() { t.Logf("the plot was there %s after the station", time.Since(begin).Round(time.Millisecond)) }()
	// A register of 56,000 plots may be on its way there first.
	eventually(t, 3*time.Minute, "the station's plot is made", func() bool {
		for _, p := range get[page[plot]](c, "/v1/plots?station_id="+at.ID).Items {
			for _, id := range p.EvseIDs {
				if id == outlet.ID {
					return true
				}
			}
		}
		return false
	})
}

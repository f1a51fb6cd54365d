package simulator

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
)

func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

func TestTheSameSeedMakesTheSameFleet(t *testing.T) {
	t.Parallel()
	build := func(seed uint64) []string {
		var stations []StationConfig
		for i := range 50 {
			stations = append(stations, StationConfig{Identity: fmt.Sprint("cp-", i), Plugs: []Plug{dc, ac}})
		}
		fleet, err := NewFleet(FleetConfig{Options: Options{URL: "ws://nowhere", Seed: seed}, Stations: stations})
		must(t, err)
		var seen []string
		for _, s := range fleet.Stations() {
			for _, c := range s.connectors {
				v := RandomVehicle(s.random, c.plug)
				seen = append(seen, fmt.Sprintf("%s %d %v %s %.3f %.3f", s.Identity(), c.register(), c.kilo, v.Name, v.ArrivalSoC, v.TargetSoC))
			}
		}
		return seen
	}
	if diff := cmp.Diff(build(7), build(7)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(build(7), build(8)) {
		t.Error("another seed makes the same fleet")
	}
}

func TestNewFleetRefusesWhatCannotRun(t *testing.T) {
	t.Parallel()
	for _, cfg := range []FleetConfig{
		{Stations: []StationConfig{{Identity: "a"}}},
		{Options: Options{URL: "ws://x"}, Stations: []StationConfig{{}}},
		{Options: Options{URL: "ws://x"}, Stations: []StationConfig{{Identity: "a"}, {Identity: "a"}}},
	} {
		if _, err := NewFleet(cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// A hundred stations charge while their network goes away, at different moments of their transactions, and comes back. Everything is
// told in the end, nothing twice.
func TestAFleetSurvivesABlackout(t *testing.T) {
	t.Parallel()
	const size = 100
	d := newDesk(t)
	var stations []StationConfig
	for i := range size {
		stations = append(stations, StationConfig{Identity: fmt.Sprint("cp-", i), Password: "secret", Plugs: []Plug{dc}})
	}
	fleet, err := NewFleet(FleetConfig{
		Options: Options{
			URL: d.url, Seed: 3, Speed: 2000, SampleInterval: 50 * time.Millisecond, ReconnectMin: time.Millisecond, ReconnectMax: 200 * time.Millisecond,
		},
		Stations: stations,
	})
	must(t, err)
	ctx, cancel := contextOf(t)
	ran := make(chan error, 1)
	go func() { ran <- fleet.Run(ctx) }()
	for i, s := range fleet.Stations() {
		must(t, s.Plug(1, hungry))
		must(t, s.Swipe(1, fmt.Sprint("TAG", i)))
	}
	must(t, fleet.Each((*Station).Cut))
	must(t, fleet.Each(func(s *Station) error {
		await(t, s, "a charge", func(now Snapshot) bool { return now.Connectors[0].Charging })
		return s.Unplug(1)
	}))
	must(t, fleet.Each((*Station).Restore))
	must(t, fleet.Each(func(s *Station) error {
		wait, stop := context.WithTimeout(ctx, patience)
		defer stop()
		return s.Settle(wait)
	}))
	cancel()
	must(t, <-ran)

	d.mu.Lock()
	defer d.mu.Unlock()
	stops := map[int]string{}
	for _, c := range d.calls {
		if c.action == core.StopTransactionFeatureName {
			var stop core.StopTransactionRequest
			must(t, json.Unmarshal(c.payload, &stop))
			if before, heard := stops[stop.TransactionId]; heard && before != string(c.payload) {
				t.Errorf("two stops of %d: %s and %s", stop.TransactionId, before, c.payload)
			}
			stops[stop.TransactionId] = string(c.payload)
		}
	}
	if len(d.started) != size || len(stops) != size {
		t.Errorf("%d transactions began and %d ended, want %d", len(d.started), len(stops), size)
	}
	if totals := fleet.Totals(); totals.Started != size || totals.Stopped != size || totals.Connected != 0 {
		t.Errorf("%+v", totals)
	}
}

// Troubles come by themselves and pass; what happened is told.
func TestAFleetHasItsTroubles(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var stations []StationConfig
	for i := range 20 {
		stations = append(stations, StationConfig{Identity: fmt.Sprint("cp-", i), Password: "secret", Plugs: []Plug{dc, ac}})
	}
	fleet, err := NewFleet(FleetConfig{
		Options: Options{
			URL: d.url, Speed: 20_000, SampleInterval: 50 * time.Millisecond, ReconnectMin: time.Millisecond,
			ReconnectMax: 10 * time.Millisecond, TroubleEvery: 50 * time.Millisecond, AutoPlug: true,
		},
		Stations: stations,
	})
	must(t, err)
	ctx, _ := contextOf(t)
	go func() { _ = fleet.Run(ctx) }()
	seen := map[core.ChargePointStatus]bool{}
	boots := map[string]int{}
	timeout := time.After(patience)
	for rebooted := false; !seen[core.ChargePointStatusFaulted] || !rebooted; {
		select {
		case c := <-d.news:
			switch c.action {
			case core.StatusNotificationFeatureName:
				var request core.StatusNotificationRequest
				c.into(t, &request)
				seen[request.Status] = true
			case core.BootNotificationFeatureName:
				boots[c.identity]++
				rebooted = rebooted || boots[c.identity] > 1
			}
		case <-timeout:
			t.Fatalf("statuses %v, boots %v", seen, boots)
		}
	}
}

package subscription_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/subscription"
)

func TestWhoHearsOfWhat(t *testing.T) {
	t.Parallel()
	driver, operator, station, plot := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	status := live.Event{Kind: live.StatusChanged, PlotID: plot, StationID: station, OperatorID: operator}
	claim := live.Event{Kind: live.ReservationChanged, PlotID: plot, StationID: station, OperatorID: operator, DriverID: driver}
	foreign := live.Event{Kind: live.SessionChanged, PlotID: plot, StationID: station, OperatorID: operator} // begun by a tag that is not ours
	everything := []string{subscription.PlotStatus, subscription.ReservationChanged, subscription.SessionChanged}
	for name, c := range map[string]struct {
		endpoint                webhook.Endpoint
		filter                  subscription.Filter
		status, claim, stranger bool
	}{
		"a stranger hears of statuses": {webhook.Endpoint{OwnerID: uuid.New(), Types: everything}, subscription.Filter{}, true, false, false},
		"the driver of the claim":      {webhook.Endpoint{OwnerID: driver, Types: everything}, subscription.Filter{}, true, true, false},
		"the operator of the station":  {webhook.Endpoint{OwnerID: uuid.New(), OperatorID: operator, Types: everything}, subscription.Filter{}, true, true, true},
		"another operator":             {webhook.Endpoint{OwnerID: uuid.New(), OperatorID: uuid.New(), Types: everything}, subscription.Filter{}, true, false, false},
		"nobody at all":                {webhook.Endpoint{Types: everything}, subscription.Filter{}, true, false, false},
		"one that wants claims only":   {webhook.Endpoint{OwnerID: driver, Types: everything[1:2]}, subscription.Filter{}, false, true, false},
		"a disabled one":               {webhook.Endpoint{OwnerID: driver, Types: everything, Disabled: webhook.Failing}, subscription.Filter{}, false, false, false},
		"one of this station":          {webhook.Endpoint{OwnerID: driver, Types: everything}, subscription.Filter{StationIDs: []uuid.UUID{station}}, true, true, false},
		"one of this plot":             {webhook.Endpoint{OwnerID: driver, Types: everything}, subscription.Filter{PlotIDs: []uuid.UUID{plot}}, true, true, false},
		"one of another station":       {webhook.Endpoint{OwnerID: driver, Types: everything}, subscription.Filter{StationIDs: []uuid.UUID{plot}}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.endpoint.Filter = c.filter.Encode()
			s, err := subscription.NewSubscriber(c.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			if s.Hears(status) != c.status || s.Hears(claim) != c.claim || s.Hears(foreign) != c.stranger || s.Hears(live.Event{Kind: "resync"}) {
				t.Errorf("hears of a status %v, a claim %v, a stranger's session %v", s.Hears(status), s.Hears(claim), s.Hears(foreign))
			}
		})
	}
}

func TestEveryKindHasAType(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, kind := range []live.Kind{live.StatusChanged, live.ReservationChanged, live.SessionChanged, live.MeterRead} {
		if name := subscription.TypeOf(kind); name == "" || seen[name] {
			t.Errorf("the type of %s is %q", kind, name)
		} else {
			seen[name] = true
		}
	}
}

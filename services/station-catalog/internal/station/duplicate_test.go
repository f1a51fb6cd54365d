package station_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestJudge promises that two stations are offered as one when enough speaks for it, and never for their place alone.
func TestJudge(t *testing.T) {
	t.Parallel()
	mine, other := uuid.New(), uuid.New()
	of := func(operator uuid.UUID, source, name, address string) station.Alike {
		return station.Alike{Operator: station.Operator{ID: operator}, Source: source, Name: name, Address: address}
	}
	a := of(mine, "irve", "Place du Marché", "1 place du Marché")
	for name, c := range map[string]struct {
		b        station.Alike
		distance float64
		shared   bool
		offered  bool
	}{
		"the same place, and nothing else":          {of(other, "irve", "Other", "2 rue"), 0, false, false},
		"two sites of an operator at one place":     {of(mine, "irve", "Parking B", "3 rue"), 0, false, false},
		"another source's word of the same site":    {of(mine, "ocm", "place  du marché", "1 Place du Marché"), 30, false, true},
		"the same name, from an operator unknown":   {of(other, "ocm", "Place du Marché", ""), 10, false, true},
		"an EVSE of each that has the same eMI3 id": {of(other, "ocm", "Other", ""), 60, true, true},
		"the same name across the square":           {of(other, "irve", "Place du Marché", ""), 99, false, false},
	} {
		if d, ok := station.Judge(a, c.b, c.distance, c.shared); ok != c.offered || d.Score < 0 || d.Score > 1 || ok && len(d.Reasons) < 2 {
			t.Errorf("%s is judged %+v, %v", name, d, ok)
		}
	}
}

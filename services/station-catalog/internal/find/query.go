// Package find answers searches: from the index in memory when it is in step with the catalogue, and otherwise by SQL, with the
// same stations in the same order either way.
//
// A Replica keeps the index in step: it loads every station once, and then follows the catalogue's change log and the copy of the
// plots' statuses. A Finder decides who answers.
package find

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Query is what a search asks for. All conditions on a plug hold on one and the same connector. Empty lists ask nothing.
type Query struct {
	// Near and Box are places; at most one of them.
	Near *Circle
	Box  *Box

	Standards []string
	MinPowerW uint32
	MaxPowerW uint32 // 0: no upper end
	Available bool

	Operators []uuid.UUID
	Countries []string
	Access    []string
	IDs       []uuid.UUID

	// After continues behind a hit of an earlier page.
	After *search.Cursor
	Limit int
}

// Circle is around a point in degrees.
type Circle struct{ Latitude, Longitude, RadiusM float64 }

// Box is in degrees; west > east crosses the antimeridian.
type Box struct{ West, South, East, North float64 }

// LeastPowerW is the least power that a connector must have. With an upper end an unknown power does not do.
func (q *Query) LeastPowerW() uint32 {
	if q.MaxPowerW > 0 {
		return max(q.MinPowerW, 1)
	}
	return q.MinPowerW
}

// AsksPlug tells whether something is asked of a connector.
func (q *Query) AsksPlug() bool {
	return len(q.Standards) > 0 || q.MinPowerW > 0 || q.MaxPowerW > 0 || q.Available
}

// memory is the query as the index takes it.
func (q *Query) memory() (search.Query, error) {
	region, err := q.region()
	if err != nil {
		return search.Query{}, err
	}
	m := search.Query{
		Region: region,
		Plug: search.Plug{
			Standards: q.Standards, MinPowerW: q.LeastPowerW(), MaxPowerW: q.MaxPowerW, Free: q.Available,
		},
		Countries: q.Countries, Access: q.Access, After: q.After, Limit: q.Limit,
	}
	if q.Near != nil {
		m.Order = search.ByRank()
	}
	if q.IDs != nil {
		m.Among = ids(q.IDs)
	}
	if len(q.Operators) > 0 {
		m.Operators = ids(q.Operators)
	}
	return m, nil
}

func (q *Query) region() (search.Region, error) {
	switch {
	case q.Near != nil:
		c, err := search.NewCircle(q.Near.Latitude, q.Near.Longitude, q.Near.RadiusM)
		if err != nil {
			return nil, fmt.Errorf("near: %w", err)
		}
		return c, nil
	case q.Box != nil:
		b, err := search.NewBox(q.Box.West, q.Box.South, q.Box.East, q.Box.North)
		if err != nil {
			return nil, fmt.Errorf("bbox: %w", err)
		}
		return b, nil
	default:
		return nil, nil //nolint:nilnil // everywhere is a region too
	}
}

func ids(in []uuid.UUID) []search.ID {
	out := make([]search.ID, len(in))
	for i, id := range in {
		out[i] = search.ID(id)
	}
	return out
}

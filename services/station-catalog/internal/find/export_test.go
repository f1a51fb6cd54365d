package find

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// On answers from a snapshot.
func (f *Finder) On(ctx context.Context, snapshot *search.Snapshot, q *Query) ([]byte, Page) {
	return f.memory(ctx, snapshot, q, nil)
}

// Growth is how far memory may grow before it is collected, in percent of what is in use, in bytes, when so much was set.
func Growth(inUse, set uint64) int { return growth(inUse, set) }

// Own and Common are the parts of a station's item; it has no price.
func Own(st *station.Station) []byte { return appendOwn(nil, st) }

func Common(st *station.Station) []byte { return appendCommon(nil, st, station.Price{}, false) }

package find

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// On answers from a snapshot.
func (f *Finder) On(ctx context.Context, snapshot *search.Snapshot, q *Query) ([]byte, Page) {
	return f.memory(ctx, snapshot, q, nil)
}

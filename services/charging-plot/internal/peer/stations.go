package peer

import (
	"context"
	"log/slog"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
)

// Catalogue keeps what the station feed brings.
type Catalogue interface {
	CatalogueCursor(ctx context.Context) (string, error)
	ApplyCatalogue(ctx context.Context, batch catalog.Batch) error
}

// FollowStations makes a follower of station-catalog's feed, which keeps the catalogue in step with it.
func FollowStations(client *httpclient.Client, catalogue Catalogue, log *slog.Logger) *feed.Follower[catalog.Station] {
	return feed.NewFollower(feed.FollowConfig{
		Name: "stations", Client: client, Path: "/v1/stations/changes", LoadCursor: catalogue.CatalogueCursor, Log: log,
	}, func(ctx context.Context, in feed.Batch[catalog.Station]) error {
		batch := catalog.Batch{Cursor: in.NextCursor, Reset: in.Reset, CaughtUp: in.CaughtUp, Changes: make([]catalog.Change, 0, len(in.Items))}
		for _, e := range in.Items {
			change := catalog.Change{Removed: e.Op == feed.Delete || e.Data == nil}
			if err := change.ID.UnmarshalText([]byte(e.ID)); err != nil {
				log.WarnContext(ctx, "the station feed told of something without an id", "id", e.ID)
				continue
			}
			if !change.Removed {
				change.Station = *e.Data
			}
			batch.Changes = append(batch.Changes, change)
		}
		return catalogue.ApplyCatalogue(ctx, batch)
	})
}

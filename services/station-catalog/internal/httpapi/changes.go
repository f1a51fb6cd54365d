package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// listStationChanges answers a page of the feed. It waits no longer than the request's deadline allows.
func (a *API) listStationChanges(c *fiber.Ctx) error {
	limit := page.DefaultLimit
	if text := c.Query("limit"); text != "" {
		limit, _ = strconv.Atoi(text) // it has been checked
	}
	seconds, _ := strconv.Atoi(c.Query("wait", "0")) // it has been checked
	changes, err := a.Changes.After(c.UserContext(), c.Query("after"), limit, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	told, err := a.withSurvivors(c.UserContext(), changes)
	if err != nil {
		return err
	}
	text, err := json.Marshal(told)
	if err != nil {
		return fmt.Errorf("encode changes: %w", err)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(text)
	return nil
}

// change is an event of the feed; a removal says which station the removed one was merged into.
type change struct {
	feed.Event[station.Station]
	MergedInto *uuid.UUID `json:"merged_into,omitempty"`
}

type changePage struct {
	Items      []change  `json:"items"`
	NextCursor string    `json:"next_cursor"`
	AsOf       time.Time `json:"as_of"`
}

// withSurvivors tells of removals that were merges.
func (a *API) withSurvivors(ctx context.Context, in feed.Page[station.Station]) (changePage, error) {
	out := changePage{Items: make([]change, len(in.Items)), NextCursor: in.NextCursor, AsOf: in.AsOf}
	var removed []uuid.UUID
	for i, e := range in.Items {
		out.Items[i].Event = e
		if id, err := uuid.Parse(e.ID); err == nil && e.Op == feed.Delete {
			removed = append(removed, id)
		}
	}
	if len(removed) == 0 {
		return out, nil
	}
	survivors, err := a.Records.MergedInto(ctx, removed)
	if err != nil {
		return out, err
	}
	for i := range out.Items {
		e := &out.Items[i]
		if id, err := uuid.Parse(e.ID); err == nil && e.Op == feed.Delete {
			if into, ok := survivors[id]; ok {
				e.MergedInto = &into
			}
		}
	}
	return out, nil
}

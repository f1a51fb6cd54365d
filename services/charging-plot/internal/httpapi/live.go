package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
)

const (
	// watchLimit is how many plots and stations one stream may name, and snapshotLimit how many plots its beginning tells of.
	watchLimit    = 100
	snapshotLimit = 5000
	// boxLimit is how many stations a box may have.
	boxLimit = 1000
	// liveBuffer is how many events a listener may be behind.
	liveBuffer  = 256
	replayBatch = 1000
)

var (
	// ErrNothingWatched is a stream that names no plot and no station.
	ErrNothingWatched = fault.Define(fault.Invalid, "nothing_to_watch", "Say which plots, stations or part of the map to watch")
	// ErrWatchesTooMuch is a stream that names more than it may.
	ErrWatchesTooMuch = fault.Define(fault.Invalid, "too_much_to_watch", "One stream watches at most a hundred plots and stations")
	// ErrBoxTooFull is a box with more stations than a stream may watch.
	ErrBoxTooFull = fault.Define(fault.Invalid, "bbox_too_full", "There are more than a thousand stations in the box")
	// ErrNotFollowing says that this replica has not reached the event log yet.
	ErrNotFollowing = fault.Define(fault.Unavailable, "live_starting", "The live events are not there yet")
)

// stream is one listener's request.
type stream struct {
	api      *API
	who      access.Caller
	expires  time.Time // zero for anonymous listeners
	plots    []uuid.UUID
	stations []uuid.UUID // those that were named
	box      *catalog.Box
	inside   []uuid.UUID // the stations in the box that were not named
	watched  map[uuid.UUID]struct{}
	after    *live.Position
}

// StreamLive implements StrictServerInterface.
func (a *API) StreamLive(ctx context.Context, request StreamLiveRequestObject) (StreamLiveResponseObject, error) {
	s := stream{api: a, who: caller(ctx)}
	if p, known := authn.FromContext(ctx); known {
		s.expires = p.Expires
	}
	var err error
	if s.plots, err = parseIDs(request.Params.PlotId, "plot_id"); err != nil {
		return nil, err
	}
	if s.stations, err = parseIDs(request.Params.StationId, "station_id"); err != nil {
		return nil, err
	}
	switch n := len(s.plots) + len(s.stations); {
	case n == 0 && request.Params.Bbox == nil:
		return nil, ErrNothingWatched.At(fault.Field{Parameter: "plot_id", Code: "required", Detail: "must be there when neither station_id nor bbox is"})
	case n > watchLimit:
		return nil, ErrWatchesTooMuch
	}
	if request.Params.Bbox != nil {
		box, err := catalog.ParseBox(*request.Params.Bbox)
		if err != nil {
			return nil, err
		}
		s.box = &box
		if s.inside, err = s.look(ctx); err != nil {
			return nil, err
		}
	}
	s.watched = make(map[uuid.UUID]struct{}, len(s.plots)+len(s.stations)+len(s.inside))
	for _, id := range slices.Concat(s.plots, s.stations, s.inside) {
		s.watched[id] = struct{}{}
	}
	known, err := a.Plots.GetPlots(ctx, s.plots)
	if err != nil {
		return nil, err
	}
	if len(known) < len(s.plots) {
		return nil, plot.ErrNotFound
	}
	if last := request.Params.LastEventID; last != nil && *last != "" {
		at, err := live.ParsePosition(*last)
		if err != nil {
			return nil, err
		}
		s.after = &at
	}
	return s, nil
}

// look gives the stations that the box has now, but for those that were named.
func (s stream) look(ctx context.Context) ([]uuid.UUID, error) {
	found, err := s.api.Stations.StationsIn(ctx, *s.box, boxLimit+1)
	if err != nil {
		return nil, err
	}
	if len(found) > boxLimit {
		return nil, ErrBoxTooFull.At(fault.Field{Parameter: "bbox", Code: "too_full", Detail: "must be a smaller part of the map"})
	}
	return slices.DeleteFunc(found, func(id uuid.UUID) bool { return slices.Contains(s.stations, id) }), nil
}

func parseIDs(joined *string, parameter string) ([]uuid.UUID, error) {
	var out []uuid.UUID
	for _, text := range list(joined) {
		id, err := uuid.Parse(text)
		if err != nil {
			return nil, plot.ErrNotFound.At(fault.Field{Parameter: parameter, Code: "uuid", Detail: "must be ids, comma-joined"})
		}
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// VisitStreamLiveResponse begins the stream. Whoever is subscribed before the beginning is read misses nothing between the two.
func (s stream) VisitStreamLiveResponse(c *fiber.Ctx) error {
	subscription := s.api.Hub.Subscribe(s.plots, slices.Concat(s.stations, s.inside), liveBuffer)
	if !subscription.Complete {
		subscription.Close()
		return ErrNotFollowing.After(time.Second)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // proxies that buffer would make it a history
	err := httpserver.Stream(c, func(ctx context.Context, w *bufio.Writer) error {
		defer subscription.Close()
		return s.run(ctx, w, subscription)
	})
	if err != nil {
		subscription.Close()
	}
	return err
}

func (s stream) run(ctx context.Context, w *bufio.Writer, subscription *live.Subscription) error {
	if !s.expires.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, s.expires)
		defer cancel()
	}
	if _, err := w.WriteString("retry: 2000\n\n"); err != nil {
		return nil // the listener has left
	}
	told, err := s.begin(ctx, w, subscription.From)
	if err != nil {
		return err
	}
	if w.Flush() != nil {
		return nil
	}
	heartbeat := time.NewTicker(s.api.Heartbeat)
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-heartbeat.C:
			if s.box != nil {
				if s.inside, err = s.lookAgain(ctx, w, subscription, told); err != nil {
					return err
				}
			}
			if _, err := w.WriteString(": still here\n\n"); err != nil {
				return nil // the listener has left
			}
		case event, open := <-subscription.Events():
			if !open {
				return nil // too slow; it comes back with Last-Event-ID
			}
			for more := true; more; {
				if !told.knows(event) && s.sees(event) {
					writeEvent(w, event)
				}
				select {
				case event, more = <-subscription.Events():
				default:
					more = false
				}
			}
		}
		if w.Flush() != nil {
			return nil
		}
	}
}

// lookAgain follows the box: it tells the statuses of stations that have come into it, says which have left it, and gives those that are
// inside now. While the database is away they are who they were.
func (s stream) lookAgain(ctx context.Context, w *bufio.Writer, subscription *live.Subscription, told told) ([]uuid.UUID, error) {
	now, err := s.look(ctx)
	switch {
	case errors.Is(err, ErrBoxTooFull):
		return nil, err // whoever asks again is told
	case err != nil:
		return s.inside, nil //nolint:nilerr // the next heartbeat tries again
	}
	came, left := without(now, s.inside), without(s.inside, now)
	subscription.Watch(came)
	subscription.Leave(left)
	for _, id := range left {
		writeUnplaced(w, "left", []byte(`{"station_id":"`+id.String()+`"}`))
	}
	if len(came) == 0 {
		return now, nil
	}
	plots, err := s.api.Plots.PlotsOfStations(ctx, came, snapshotLimit)
	if err != nil {
		return nil, err
	}
	for _, p := range plots {
		data, err := told.status(p)
		if err != nil {
			return nil, err
		}
		writeUnplaced(w, live.StatusChanged, data)
	}
	return now, nil
}

// without gives those of a list that are not in another; both are in order.
func without(list, other []uuid.UUID) []uuid.UUID {
	var out []uuid.UUID
	for _, id := range list {
		if _, there := slices.BinarySearchFunc(other, id, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }); !there {
			out = append(out, id)
		}
	}
	return out
}

// told remembers which version of a plot's status the beginning has told, so that the events that led there are not told after it.
type told map[uuid.UUID]int64

func (t told) knows(e live.Event) bool {
	version, known := t[e.PlotID]
	return known && e.Kind == live.StatusChanged && e.Version() <= version
}

// status is what is told of a plot as it is, which is known from then on.
func (t told) status(p plot.Plot) ([]byte, error) {
	t[p.ID] = p.Version
	return json.Marshal(live.StatusData{
		PlotID: p.ID, StationID: p.StationID, Status: string(p.Status), Since: p.StatusSince, Source: string(p.StatusSource), Version: p.Version,
	})
}

// begin tells what came before the subscription: what was missed since the listener's last event, or the present statuses.
func (s stream) begin(ctx context.Context, w *bufio.Writer, from live.Position) (told, error) {
	if s.after != nil {
		replayed, err := s.replay(ctx, w, *s.after, from)
		if err != nil || replayed {
			return told{}, err
		}
		writeEvent(w, live.Event{Position: from, Kind: "resync", Data: json.RawMessage(`{}`)})
	}
	plots, err := s.api.Plots.PlotsOfStations(ctx, slices.Concat(s.stations, s.inside), snapshotLimit)
	if err != nil {
		return nil, err
	}
	named, err := s.api.Plots.GetPlots(ctx, s.plots)
	if err != nil {
		return nil, err
	}
	out := make(told, len(plots)+len(named))
	for _, p := range append(plots, named...) {
		if _, twice := out[p.ID]; twice {
			continue
		}
		data, err := out.status(p)
		if err != nil {
			return nil, err
		}
		writeEvent(w, live.Event{Position: from, Kind: live.StatusChanged, Data: data})
	}
	return out, nil
}

// replay tells what happened after a position up to where the subscription began. It returns false when the log no longer reaches back
// that far.
func (s stream) replay(ctx context.Context, w *bufio.Writer, after, until live.Position) (bool, error) {
	if !after.Before(until) {
		return true, nil
	}
	oldest, some, err := s.api.Events.Oldest(ctx)
	if err != nil {
		return false, err
	}
	if !some || after.Before(oldest) {
		return false, nil
	}
	for {
		events, err := s.api.Events.After(ctx, after, replayBatch)
		if err != nil {
			return false, err
		}
		for _, e := range events {
			after = e.Position
			if until.Before(after) {
				return true, nil // the subscription tells it
			}
			if s.watches(e) && s.sees(e) {
				writeEvent(w, e)
			}
		}
		if len(events) < replayBatch {
			return true, nil
		}
	}
}

func (s stream) watches(e live.Event) bool {
	_, plot := s.watched[e.PlotID]
	_, station := s.watched[e.StationID]
	return plot || station
}

// sees tells whether an event may be told to the listener.
func (s stream) sees(e live.Event) bool {
	return e.DriverID == uuid.Nil || s.who.Sees(e.DriverID, e.OperatorID)
}

// writeEvent writes to a buffer; what fails shows when that is flushed.
func writeEvent(w *bufio.Writer, e live.Event) { _, _ = w.Write(e.Frame()) }

// writeUnplaced writes what has no place among the events: the listener comes back with the last id before it.
func writeUnplaced(w *bufio.Writer, kind live.Kind, data []byte) {
	_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
}

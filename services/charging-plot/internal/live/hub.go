package live

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Log is the event log that all replicas share.
type Log interface {
	// Head gives the position after everything that can be read now.
	Head(ctx context.Context) (Position, error)
	// After gives the events after a position, in order, and at most limit of them.
	After(ctx context.Context, after Position, limit int) ([]Event, error)
	// Oldest gives the position of the oldest event that is kept, false when none is.
	Oldest(ctx context.Context) (Position, bool, error)
}

// Hub follows the log in one goroutine per process and hands each event to the listeners of its plot or station. Wake tells it that
// there is something new; without that it looks every poll interval, so that a lost wake-up costs time and never an event.
type Hub struct {
	log  Log
	poll time.Duration
	slog *slog.Logger
	wake chan struct{}

	mu        sync.Mutex
	position  Position
	following bool // position is valid
	byPlot    map[uuid.UUID]map[*Subscription]struct{}
	byStation map[uuid.UUID]map[*Subscription]struct{}
}

// batchLimit bounds one read of the log.
const batchLimit = 1000

// NewHub makes a hub; Run makes it work.
func NewHub(log Log, poll time.Duration, logger *slog.Logger) *Hub {
	return &Hub{
		log: log, poll: poll, slog: logger, wake: make(chan struct{}, 1),
		byPlot: map[uuid.UUID]map[*Subscription]struct{}{}, byStation: map[uuid.UUID]map[*Subscription]struct{}{},
	}
}

// Wake says that the log has grown. It never blocks.
func (h *Hub) Wake() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run follows the log until ctx ends, whatever fails meanwhile, then ends every subscription.
func (h *Hub) Run(ctx context.Context) error {
	defer h.closeAll()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-h.wake:
		case <-timer.C:
		}
		if err := h.follow(ctx); err != nil && ctx.Err() == nil {
			h.slog.WarnContext(ctx, "the event log cannot be read", "error", err)
		}
		timer.Reset(h.poll)
	}
}

// follow hands out everything that is new.
func (h *Hub) follow(ctx context.Context) error {
	if !h.following {
		head, err := h.log.Head(ctx)
		if err != nil {
			return err
		}
		h.mu.Lock()
		h.position, h.following = head, true
		h.mu.Unlock()
		return nil
	}
	for {
		events, err := h.log.After(ctx, h.position, batchLimit)
		if err != nil || len(events) == 0 {
			return err
		}
		h.mu.Lock()
		for _, e := range events {
			h.position = e.Position
			h.hand(e)
		}
		h.mu.Unlock()
	}
}

func (h *Hub) hand(e Event) {
	if len(h.byPlot[e.PlotID]) > 0 || len(h.byStation[e.StationID]) > 0 {
		e.render()
	}
	for s := range h.byPlot[e.PlotID] {
		h.offer(s, e)
	}
	for s := range h.byStation[e.StationID] {
		if _, twice := h.byPlot[e.PlotID][s]; !twice {
			h.offer(s, e)
		}
	}
}

// offer gives the event to a listener, or ends one that has not kept up: the others must not wait for it, and with the id of its last
// event it can come back without a gap.
func (h *Hub) offer(s *Subscription, e Event) {
	select {
	case s.events <- e:
	default:
		h.remove(s)
	}
}

// Subscription is one listener.
type Subscription struct {
	// From is where the hub stood when the subscription began: what lies before must be read from the log.
	From     Position
	Complete bool // From is known; otherwise the hub has not reached the log yet

	hub      *Hub
	plots    []uuid.UUID
	stations []uuid.UUID
	events   chan Event
	ended    bool
}

// Subscribe begins to listen to plots and to all plots of stations, keeping up to buffer events that have not been taken.
func (h *Hub) Subscribe(plots, stations []uuid.UUID, buffer int) *Subscription {
	s := &Subscription{hub: h, plots: plots, stations: stations, events: make(chan Event, buffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	s.From, s.Complete = h.position, h.following
	for _, id := range plots {
		join(h.byPlot, id, s)
	}
	for _, id := range stations {
		join(h.byStation, id, s)
	}
	return s
}

// Watch begins to listen to all plots of further stations.
func (s *Subscription) Watch(stations []uuid.UUID) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.ended {
		return
	}
	s.stations = slices.Concat(s.stations, stations)
	for _, id := range stations {
		join(s.hub.byStation, id, s)
	}
}

// Leave stops listening to stations. Plots that were named are listened to all the same.
func (s *Subscription) Leave(stations []uuid.UUID) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.ended {
		return
	}
	s.stations = slices.DeleteFunc(slices.Clone(s.stations), func(id uuid.UUID) bool { return slices.Contains(stations, id) })
	for _, id := range stations {
		leave(s.hub.byStation, id, s)
	}
}

// Events gives the events; it is closed when the listener was too slow or the hub ends.
func (s *Subscription) Events() <-chan Event { return s.events }

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.remove(s)
}

func (h *Hub) remove(s *Subscription) {
	if s.ended {
		return
	}
	s.ended = true
	for _, id := range s.plots {
		leave(h.byPlot, id, s)
	}
	for _, id := range s.stations {
		leave(h.byStation, id, s)
	}
	close(s.events)
}

func (h *Hub) closeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, index := range []map[uuid.UUID]map[*Subscription]struct{}{h.byPlot, h.byStation} {
		for _, subscriptions := range index {
			for s := range subscriptions {
				h.remove(s)
			}
		}
	}
}

func join(index map[uuid.UUID]map[*Subscription]struct{}, id uuid.UUID, s *Subscription) {
	if index[id] == nil {
		index[id] = map[*Subscription]struct{}{}
	}
	index[id][s] = struct{}{}
}

func leave(index map[uuid.UUID]map[*Subscription]struct{}, id uuid.UUID, s *Subscription) {
	delete(index[id], s)
	if len(index[id]) == 0 {
		delete(index, id)
	}
}

package transfer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Worker works off imports that wait, one at a time. Any number of replicas may each have one.
type Worker struct {
	store   Store
	formats map[string]Format
	name    string
	log     *slog.Logger
	wake    chan struct{}
	poll    time.Duration
}

// NewWorker makes a worker that looks for work every poll, and at once when woken.
func NewWorker(store Store, formats map[string]Format, log *slog.Logger, poll time.Duration) *Worker {
	return &Worker{
		store: store, formats: formats, name: uuid.NewString(), log: log,
		wake: make(chan struct{}, 1), poll: poll,
	}
}

// Wake tells the worker that an import may be waiting. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	tick := time.NewTicker(w.poll)
	defer tick.Stop()
	for {
		for w.next(ctx) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-w.wake:
		}
	}
}

// next does one import and tells whether there was one.
func (w *Worker) next(ctx context.Context) bool {
	imp, ok, err := w.store.Claim(ctx, w.name, lease)
	if err != nil || !ok {
		if err != nil && ctx.Err() == nil {
			w.log.WarnContext(ctx, "no import could be claimed", "error", err)
		}
		return false
	}
	log := w.log.With("import_id", imp.ID, "format", imp.Format, "source", imp.Source)
	done, err := Apply(ctx, w.store, w.formats[imp.Format], imp, w.name, nil)
	switch {
	case err == nil:
		log.InfoContext(ctx, "import ended", "state", done.State, "rows", done.Rows, "rejected", done.Rejected,
			"created", done.Created, "updated", done.Updated, "unchanged", done.Unchanged)
		return true
	case passing(ctx, err):
		log.WarnContext(ctx, "import interrupted", "error", err)
		return false
	}
	log.ErrorContext(ctx, "import failed", "error", err)
	if err := w.store.Finish(ctx, imp.ID, Message(err)); err != nil {
		log.ErrorContext(ctx, "the failure of an import was not recorded", "error", err)
	}
	return true
}

// passing tells whether trying again may help: the import then stays as it is until its lease has run out.
func passing(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, ErrLost) {
		return true
	}
	kind := fault.Of(err).Kind()
	return kind == fault.Unavailable || kind == fault.Timeout
}

// ErrLost says that another worker has taken the import over.
var ErrLost = errors.New("the import has another worker")

// Message is what the reader of an import is told of an error.
func Message(err error) string {
	f := fault.Of(err)
	if f.Detail() != "" {
		return f.Detail()
	}
	return f.Title()
}

// Package peer brings in files of stations that stand elsewhere: one behind a URL, or the pages of an OCPI peer. And it asks charging-plot
// what that alone knows of a station.
//
// Files come from public addresses alone. What arrives is kept in the database as that of an upload is, and staged once all of it is
// there. One that breaks off is asked for from there on when its ETag says that it is still the same; one whose replica dies is taken
// up by another (Order).
package peer

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/seal"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// The faults of fetching.
var (
	// ErrBusy says that enough files are being fetched already.
	ErrBusy = fault.Define(fault.Unavailable, "too_many_fetches", "Too many files are being fetched").After(time.Minute)
	// ErrAnswer says that the other side gave no file.
	ErrAnswer = fault.Define(fault.Unprocessable, "no_file", "The other side did not send a file")
)

const (
	// waiting is how many files may wait to be fetched.
	waiting = 32
	// lease is how long whoever fetches may be silent, and beat how often it is heard of.
	lease = time.Minute
	beat  = lease / 4
	// mostTries ends a file that no replica survives.
	mostTries = 10
	// patience is how long one file, or one page, may take.
	patience = time.Hour
	// mostBytes is the largest file, or page.
	mostBytes = 2 << 30
	// mostPages ends a peer that always has another page.
	mostPages = 100_000
	redirects = 3
)

// Fetcher fetches files, one at a time. Any number of replicas may each have one.
type Fetcher struct {
	client    *http.Client
	guard     *publichttp.Guard
	orders    Store
	store     transfer.Store
	formats   map[string]transfer.Format
	box       seal.Box
	submitted func()
	name      string
	log       *slog.Logger
	wake      chan struct{}
	poll      time.Duration
}

// Config is what a fetcher is made of.
type Config struct {
	Guard   *publichttp.Guard
	Orders  Store
	Imports transfer.Store
	Formats map[string]transfer.Format
	// Box keeps the tokens of peers; it is the same on every replica.
	Box seal.Box
	// Submitted is called when an import waits for a worker.
	Submitted func()
	// Poll is how often orders of other replicas are looked for.
	Poll time.Duration
	Log  *slog.Logger
}

// New makes a fetcher.
func New(c Config) *Fetcher {
	return &Fetcher{
		client: publichttp.New(publichttp.Config{
			Guard: c.Guard, Timeout: patience, MaxResponse: mostBytes, Redirects: redirects, UserAgent: "ihr-charging-plot-import",
		}),
		guard: c.Guard, orders: c.Orders, store: c.Imports, formats: c.Formats, box: c.Box, submitted: c.Submitted, poll: c.Poll, log: c.Log,
		name: uuid.NewString(), wake: make(chan struct{}, 1),
	}
}

// Check says what is wrong with a URL, before anything is fetched from it.
func (f *Fetcher) Check(target string) error {
	_, err := f.guard.CheckURL(target)
	return err
}

// Open begins an import of what is behind a URL, once for each idempotency key of who submits it, and gives the id of the one that was
// begun. The token is what an OCPI peer knows us by, or empty. It returns ErrBusy when enough files are waiting.
func (f *Fetcher) Open(ctx context.Context, imp transfer.Import, target, token string) (uuid.UUID, error) {
	o := Order{Import: imp, URL: target}
	if token != "" {
		o.Token = f.box.Seal(imp.ID, []byte(token))
	}
	id, _, err := f.orders.OpenFetch(ctx, o, waiting)
	if err != nil {
		return uuid.Nil, err
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return id, nil
}

// Run fetches until ctx ends. What has not been fetched by then is left to another replica.
func (f *Fetcher) Run(ctx context.Context) error {
	tick := time.NewTicker(f.poll)
	defer tick.Stop()
	for {
		for f.next(ctx) {
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-f.wake:
		}
	}
}

// next fetches one file and tells whether there was one.
func (f *Fetcher) next(ctx context.Context) bool {
	o, ok, err := f.orders.ClaimFetch(ctx, f.name, lease)
	if err != nil || !ok {
		if err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "no fetch could be claimed", "error", err)
		}
		return false
	}
	log := f.log.With("import_id", o.Import.ID, "try", o.Tries)
	held, let := context.WithCancelCause(ctx)
	beats := make(chan struct{})
	go func() {
		defer close(beats)
		f.hold(held, let, o.Import)
	}()
	err = f.fetch(held, &o)
	if cause := context.Cause(held); err != nil && cause != nil {
		err = cause
	}
	let(nil)
	<-beats
	switch {
	case err == nil:
		f.submitted()
		return true
	case errors.Is(err, transfer.ErrLost):
		log.WarnContext(ctx, "a fetch was taken over", "error", err)
		return true
	case ctx.Err() != nil, passing(err):
		log.WarnContext(ctx, "a fetch was interrupted", "bytes", o.Length, "error", err)
		f.leave(ctx, o.Import)
		return false
	}
	log.WarnContext(ctx, "a file was not fetched", "error", err)
	if err := f.store.Finish(ctx, o.Import.ID, transfer.Message(err)); err != nil {
		log.ErrorContext(ctx, "the failure of an import was not recorded", "error", err)
	}
	return true
}

// passing tells whether it is our own side that may be well again later. The other side was asked often enough.
func passing(err error) bool {
	if errors.Is(err, errAway) || errors.Is(err, transfer.ErrUploadsFull) {
		return false
	}
	kind := fault.Of(err).Kind()
	return kind == fault.Unavailable || kind == fault.Timeout
}

// hold extends the lease until ctx ends, which it ends itself when another worker has it.
func (f *Fetcher) hold(ctx context.Context, let context.CancelCauseFunc, imp transfer.Import) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := f.orders.KeepFetch(ctx, imp, lease); errors.Is(err, transfer.ErrLost) {
			let(err)
			return
		}
	}
}

// leave gives the lease back, so that another replica need not wait for its end.
func (f *Fetcher) leave(ctx context.Context, imp transfer.Import) {
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := f.orders.KeepFetch(stop, imp, 0); err != nil {
		f.log.WarnContext(ctx, "a fetch was not given back; another replica takes it up once its lease has run out", "import_id", imp.ID, "error", err)
	}
}

// fetch brings in what is not here yet, and stages it.
func (f *Fetcher) fetch(ctx context.Context, o *Order) error {
	if o.Tries > mostTries {
		return ErrAnswer.Detailf("the service was ended %d times while it fetched the file", mostTries)
	}
	p := &pages{fetcher: f, order: o}
	if o.Token != nil {
		token, err := f.box.Open(o.Import.ID, o.Token)
		if err != nil {
			return ErrAnswer.Detailf("the token for the other side cannot be read any more; ask again").Because(err)
		}
		p.token = string(token)
	}
	for !o.Complete {
		if err := p.bring(ctx); err != nil {
			return err
		}
	}
	if o.Length == 0 {
		return ErrAnswer.Detailf("the file is empty")
	}
	if err := transfer.Receive(ctx, f.store, f.formats[o.Import.Format], o.Import, o.reader(ctx, f.orders), nil); err != nil {
		return err
	}
	return f.store.Submit(ctx, o.Import)
}

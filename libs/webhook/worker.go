package webhook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
)

// WorkerConfig says how patiently deliveries are made. A zero value means its default.
type WorkerConfig struct {
	Log *slog.Logger // none when nil
	// Backoff are the pauses between tries, so there is one try more than pauses; five seconds, and later and later over two days.
	Backoff     []time.Duration
	Jitter      float64       // the part of a pause that is random; 0.2
	AtOnce      int           // deliveries under way in this process; 32
	PerEndpoint int           // of them to one endpoint, about; 4
	Poll        time.Duration // how often is looked when nothing wakes the worker; 1 s
	Lease       time.Duration // after which a try whose process died is made anew; longer than the client's timeout; 1 min
	Grace       time.Duration // how long tries under way may take at the end; 5 s
	PauseAfter  int           // failures in a row after which an endpoint is left alone until the next try's time; 5
	// DisableAfter is how long an endpoint may fail without a success before it is disabled; 5 days.
	DisableAfter time.Duration
	Expire       time.Duration // how long a delivery may wait at most; 5 days
	Keep         time.Duration // how long the log is kept; 30 days
}

const day = 24 * time.Hour

func (c WorkerConfig) withDefaults() WorkerConfig {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Backoff == nil {
		c.Backoff = []time.Duration{
			5 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, day,
		}
	}
	if c.Jitter == 0 {
		c.Jitter = 0.2
	}
	for value, usual := range map[*int]int{&c.AtOnce: 32, &c.PerEndpoint: 4, &c.PauseAfter: 5} {
		if *value == 0 {
			*value = usual
		}
	}
	for value, usual := range map[*time.Duration]time.Duration{
		&c.Poll: time.Second, &c.Lease: time.Minute, &c.Grace: 5 * time.Second, &c.DisableAfter: 5 * day, &c.Expire: 5 * day, &c.Keep: 30 * day,
	} {
		if *value == 0 {
			*value = usual
		}
	}
	return c
}

// Worker makes the deliveries that are due. Any number of them, in any number of processes, share the work.
type Worker struct {
	store  *Store
	client *http.Client
	cfg    WorkerConfig
	wake   chan struct{}
}

// NewWorker makes a worker. The client is one of publichttp.New, which is what keeps deliveries out of our own network, and
// must not follow redirects: an endpoint that moved is for its owner to change.
func NewWorker(store *Store, client *http.Client, cfg WorkerConfig) *Worker {
	return &Worker{store: store, client: client, cfg: cfg.withDefaults(), wake: make(chan struct{}, 1)}
}

// Wake has the worker look at once. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

const (
	purgeEvery    = 10 * time.Minute
	recordTimeout = 5 * time.Second
)

// Run works until ctx ends, and then waits for the tries under way. It returns nil.
func (w *Worker) Run(ctx context.Context) error {
	// Tries go on for the time of grace when ctx has ended.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	finished := make(chan uuid.UUID, w.cfg.AtOnce)
	busy := map[uuid.UUID]int{} // tries under way by endpoint
	free := w.cfg.AtOnce
	purged := time.Time{}
	for ctx.Err() == nil {
		if at := w.store.now(); at.Sub(purged) >= purgeEvery {
			purged = at
			if err := w.store.Purge(ctx, at.Add(-w.cfg.Expire), at.Add(-w.cfg.Keep)); err != nil && ctx.Err() == nil {
				w.cfg.Log.WarnContext(ctx, "the log of webhooks could not be purged", "error", err)
			}
		}
		jobs := w.claim(ctx, free, busy)
		for _, j := range jobs {
			free--
			busy[j.EndpointID]++
			running.Go(func() {
				w.deliver(sending, j)
				finished <- j.EndpointID
			})
		}
		if len(jobs) == 0 || free == 0 {
			w.wait(ctx, finished, busy, &free)
		}
	}
	timer := time.AfterFunc(w.cfg.Grace, stop)
	defer timer.Stop()
	running.Wait()
	return nil
}

func (w *Worker) claim(ctx context.Context, free int, busy map[uuid.UUID]int) []job {
	if free == 0 {
		return nil
	}
	var full []uuid.UUID
	for id, n := range busy {
		if n >= w.cfg.PerEndpoint {
			full = append(full, id)
		}
	}
	jobs, err := w.store.claim(ctx, free, w.cfg.PerEndpoint, full, w.cfg.Lease)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.WarnContext(ctx, "webhook deliveries could not be taken", "error", err)
	}
	return jobs
}

// wait returns when there may be something to do again, and counts the tries that have ended.
func (w *Worker) wait(ctx context.Context, finished <-chan uuid.UUID, busy map[uuid.UUID]int, free *int) {
	end := func(id uuid.UUID) {
		*free++
		if busy[id]--; busy[id] == 0 {
			delete(busy, id)
		}
	}
	timer := time.NewTimer(pause.Around(w.cfg.Poll, 0.1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-timer.C:
	case id := <-finished:
		end(id)
	}
	for {
		select {
		case id := <-finished:
			end(id)
		default:
			return
		}
	}
}

// deliver makes one try and records it; one that the end of the process breaks off is given back.
func (w *Worker) deliver(ctx context.Context, j job) {
	o := w.send(ctx, j)
	// The try has been made whether or not the process is ending.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	var err error
	if ctx.Err() != nil && !o.ok {
		err = w.store.release(recording, j)
	} else {
		err = w.store.record(recording, j, o, w.cfg)
	}
	if err != nil {
		// When its lease has run out the try is made anew.
		w.cfg.Log.WarnContext(ctx, "a webhook delivery could not be recorded", "delivery", j.ID, "error", err)
	}
}

// send makes one try and judges it.
func (w *Worker) send(ctx context.Context, j job) outcome {
	started := w.store.now()
	status, after, err := w.post(ctx, j, started)
	o := outcome{
		ok: err == nil && status >= 200 && status < 300, gone: status == http.StatusGone,
		attempt: Attempt{Number: j.Attempts, At: started, Duration: w.store.now().Sub(started), Status: status, Reason: publichttp.Reason(err)},
	}
	if o.ok {
		return o
	}
	if err == nil {
		o.attempt.Reason = "status"
	}
	if o.last = j.tries > len(w.cfg.Backoff); !o.last {
		o.wait = pause.Around(w.cfg.Backoff[j.tries-1], w.cfg.Jitter)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		o.pause = after
		o.wait = max(o.wait, after)
	}
	return o
}

// post sends the message and gives the answer's status, and how long it asks us to wait.
func (w *Worker) post(ctx context.Context, j job, at time.Time) (status int, after time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, j.url, bytes.NewReader(j.Body))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	Sign(request.Header, j.ID.String(), at, j.Body, j.secrets...)
	answer, err := w.client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	// What it says is of no interest; reading it lets the connection be used again.
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, httpclient.RetryAfter(answer.Header.Get("Retry-After")), nil
}

package central_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// book writes down what Central has stored.
type book struct {
	mu      sync.Mutex
	secret  chargepoint.Secret
	batches []int
	reports []central.Report
	seen    [][]uuid.UUID
	reads   []central.Readings
	started time.Time
	stopped chargepoint.TransactionStop
	fails   error
	known   map[chargepoint.TransactionID]bool
	begun   []chargepoint.TransactionEvent
	word    chargepoint.Authorization

	security chargepoint.Security
	next     *chargepoint.Secret
}

func (b *book) Credentials(_ context.Context, identity string) (chargepoint.ChargePoint, chargepoint.Credentials, error) {
	if identity != "CP-1" {
		return chargepoint.ChargePoint{}, chargepoint.Credentials{}, chargepoint.ErrNotFound
	}
	return chargepoint.ChargePoint{Identity: identity, Security: b.security}, chargepoint.Credentials{Secret: b.secret, Next: b.next}, b.fails
}

func (b *book) PromoteSecret(context.Context, uuid.UUID) error {
	b.secret, b.next = *b.next, nil
	return nil
}

func (b *book) RenewLease(_ context.Context, _ string, _, _ time.Time) (bool, error) {
	return false, b.fails
}

func (b *book) ForgetDead(context.Context, time.Time) (int64, error) { return 0, b.fails }

func (b *book) Reclaim(context.Context, string, map[uuid.UUID]chargepoint.Connection) error {
	return b.fails
}

func (b *book) Replaced(_ context.Context, _ string, held map[uuid.UUID]chargepoint.Connection) ([]uuid.UUID, error) {
	return slices.Collect(maps.Keys(held)), b.fails
}

func (b *book) Connected(context.Context, uuid.UUID, chargepoint.Connection, string) error {
	return nil
}

func (b *book) Disconnected(context.Context, uuid.UUID, chargepoint.Connection) error { return nil }

func (b *book) Booted(context.Context, uuid.UUID, chargepoint.BootInfo) error { return b.fails }

func (b *book) Seen(_ context.Context, ids []uuid.UUID, _ time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, ids)
	return nil
}

func (b *book) ReportStatuses(_ context.Context, reports []central.Report) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.batches = append(b.batches, len(reports))
	b.reports = append(b.reports, reports...)
	return b.fails
}

func (b *book) Authorize(_ context.Context, _ uuid.UUID, _ string) (chargepoint.Authorization, error) {
	return chargepoint.Invalid, b.fails
}

func (b *book) StartTransaction(_ context.Context, _ uuid.UUID, _ chargepoint.TransactionStart, at time.Time) (chargepoint.TransactionStarted, error) {
	b.started = at
	return chargepoint.TransactionStarted{Transaction: "7", Authorization: chargepoint.Invalid}, nil
}

func (b *book) TransactionAt(_ context.Context, _ uuid.UUID, e chargepoint.TransactionEvent) (int, bool, error) {
	return 3, b.known[e.Transaction], b.fails
}

func (b *book) BeginTransaction(_ context.Context, _ uuid.UUID, e chargepoint.TransactionEvent) (chargepoint.Authorization, error) {
	b.begun = append(b.begun, e)
	return b.word, b.fails
}

func (b *book) EndHold(context.Context, uuid.UUID, int, bool) error { return b.fails }

func (b *book) SettleStrayed(context.Context, time.Time, int) (int, error) { return 0, b.fails }

func (b *book) StoreVariables(_ context.Context, _ uuid.UUID, variables []chargepoint.Variable, _ time.Time) error {
	return b.fails
}

func (b *book) StoreProfiles(_ context.Context, _ uuid.UUID, profiles []chargepoint.ChargingProfile, _ time.Time) error {
	return b.fails
}

func (b *book) StoreProgress(_ context.Context, _ uuid.UUID, progress chargepoint.Progress, _ time.Time) error {
	return b.fails
}

func (b *book) StoreReadings(_ context.Context, readings []central.Readings) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads = append(b.reads, readings...)
	return b.fails
}

func (b *book) StopTransaction(_ context.Context, _ uuid.UUID, stop chargepoint.TransactionStop, _ time.Time) error {
	b.stopped = stop
	return b.fails
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func office(b *book) *central.Central {
	return central.New(central.Config{Replica: "here", HeartbeatInterval: time.Minute, SeenEvery: time.Second}, b, b, b,
		func() time.Time { return noon }, slog.New(slog.DiscardHandler))
}

func TestASocketThatWasReplacedElsewhereIsEnded(t *testing.T) {
	t.Parallel()
	c := office(&book{})
	id, conn := uuid.New(), chargepoint.Connection{ID: uuid.New()}
	if err := c.Connected(t.Context(), id, conn); err != nil {
		t.Fatal(err)
	}
	ended := make(chan [2]uuid.UUID, 1)
	c.Replace(func(id, connection uuid.UUID) {
		select {
		case ended <- [2]uuid.UUID{id, connection}:
		default:
		}
	})
	go func() { _ = c.Run(t.Context()) }()
	select {
	case got := <-ended:
		if got != [2]uuid.UUID{id, conn.ID} {
			t.Errorf("%v was ended", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was ended")
	}
}

func TestAuthenticateTellsNobodyWhatWasWrong(t *testing.T) {
	t.Parallel()
	b := &book{secret: chargepoint.NewSecret("the right password")}
	c := office(b)
	if cp, err := c.Authenticate(t.Context(), "CP-1", chargepoint.Proof{Password: "the right password"}); err != nil || cp.Identity != "CP-1" {
		t.Errorf("the right password: %v", err)
	}
	for _, pair := range [][2]string{{"CP-1", "the wrong password"}, {"CP-2", "the right password"}, {"CP-1", ""}} {
		if _, err := c.Authenticate(t.Context(), pair[0], chargepoint.Proof{Password: pair[1]}); !errors.Is(err, chargepoint.ErrRefused) {
			t.Errorf("%q: %v", pair, err)
		}
	}
	b.fails = errors.New("no database")
	if _, err := c.Authenticate(t.Context(), "CP-1", chargepoint.Proof{Password: "the right password"}); errors.Is(err, chargepoint.ErrRefused) || err == nil {
		t.Errorf("without a database: %v, want no refusal", err)
	}
}

func TestAnErrorIsNoLeaveToAcknowledge(t *testing.T) {
	t.Parallel()
	b := &book{fails: errors.New("no database")}
	c := office(b)
	id, sample := uuid.New(), []chargepoint.Sample{{At: noon}}
	for name, err := range map[string]error{
		"status": c.StatusChanged(t.Context(), id, chargepoint.StatusReport{Connector: 1}),
		"meter":  c.MeterValues(t.Context(), id, 1, "7", sample),
		"stop":   c.StopTransaction(t.Context(), id, chargepoint.TransactionStop{}),
		"boot":   func() error { _, err := c.Booted(t.Context(), id, chargepoint.BootInfo{}); return err }(),
		"tag":    func() error { _, err := c.Authorize(t.Context(), id, "x"); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: acknowledged though it could not be written", name)
		}
	}
}

func TestClocksThatCannotBeBelievedAreOurs(t *testing.T) {
	t.Parallel()
	b := &book{}
	c := office(b)
	if err := c.StatusChanged(t.Context(), uuid.New(), chargepoint.StatusReport{Connector: 1, At: time.Unix(5, 0)}); err != nil {
		t.Fatal(err)
	}
	if !b.reports[0].At.Equal(noon) {
		t.Errorf("a status of 1970 is kept as of %s", b.reports[0].At)
	}
	if _, err := c.StartTransaction(t.Context(), uuid.New(), chargepoint.TransactionStart{At: noon.AddDate(3, 0, 0)}); err != nil || !b.started.Equal(noon) {
		t.Errorf("a start in three years is kept as of %s (%v)", b.started, err)
	}
	old := time.Unix(1000, 0).UTC()
	got := central.Credible([]chargepoint.Sample{{At: old}, {At: old.Add(time.Minute)}, {At: old.Add(30 * time.Second)}}, noon)
	want := []chargepoint.Sample{{At: noon.Add(-time.Minute)}, {At: noon}, {At: noon.Add(-30 * time.Second)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readings of 1970 lose their distances (-want +got):\n%s", diff)
	}
	if got := central.Credible([]chargepoint.Sample{{}, {}}, noon); !got[0].At.Equal(noon) || !got[1].At.Equal(noon) {
		t.Errorf("readings without a time are of %v", got)
	}
	fine := []chargepoint.Sample{{At: noon.Add(-time.Hour)}}
	if got := central.Credible(fine, noon); !got[0].At.Equal(noon.Add(-time.Hour)) {
		t.Errorf("a reading of an hour ago is of %v", got)
	}
}

func TestSignsOfLifeAreWrittenTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		c := office(b)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Run(ctx)
		}()
		ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
		for range 10 {
			for _, id := range ids {
				if at, err := c.Heartbeat(t.Context(), id); err != nil || !at.Equal(noon) {
					t.Errorf("a heartbeat was answered %s (%v)", at, err)
				}
			}
		}
		time.Sleep(3500 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		stop()
		<-done
		if len(b.seen) != 1 || len(b.seen[0]) != 3 {
			t.Errorf("thirty heartbeats of three charge points were written as %v", b.seen)
		}
	})
}

func TestWhatIsSaidAtOnceIsWrittenAtOnce(t *testing.T) {
	t.Parallel()
	b := &book{}
	c := office(b)
	var wg sync.WaitGroup
	b.mu.Lock() // the first write waits, and the others gather
	for range 100 {
		wg.Go(func() {
			if err := c.StatusChanged(t.Context(), uuid.New(), chargepoint.StatusReport{Connector: 1, At: noon}); err != nil {
				t.Error(err)
			}
		})
	}
	b.mu.Unlock()
	wg.Wait()
	total := 0
	for _, n := range b.batches {
		total += n
	}
	if total != 100 {
		t.Errorf("%d reports were written in %v", total, b.batches)
	}
}

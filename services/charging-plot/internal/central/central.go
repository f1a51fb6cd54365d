// Package central is the side of the network that charge points talk to. It judges what they say (clocks, tags, readings), has it
// written before they are told so, and shares one transaction among all that speak at the same moment.
package central

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/batch"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// Links keeps who is connected where.
type Links interface {
	// Credentials returns the charge point with this identity and what its password is checked against, chargepoint.ErrNotFound when
	// there is none. PromoteSecret makes the password that it was given last the only one.
	Credentials(ctx context.Context, identity string) (chargepoint.ChargePoint, chargepoint.Credentials, error)
	PromoteSecret(ctx context.Context, id uuid.UUID) error
	Connected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection, replica string) error
	Disconnected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection) error
	Booted(ctx context.Context, id uuid.UUID, boot chargepoint.BootInfo) error
	// RenewLease says until when the replica counts as alive, and tells whether it had ceased to. ForgetDead ends the connections of
	// replicas whose lease has lapsed; Reclaim notes again those that were ended of a replica that lives.
	RenewLease(ctx context.Context, replica string, now, until time.Time) (lapsed bool, err error)
	ForgetDead(ctx context.Context, now time.Time) (int64, error)
	Reclaim(ctx context.Context, replica string, held map[uuid.UUID]chargepoint.Connection) error
	// Replaced gives those of a replica's sockets in whose place the charge point has opened another elsewhere.
	Replaced(ctx context.Context, replica string, held map[uuid.UUID]chargepoint.Connection) ([]uuid.UUID, error)
	// Seen notes signs of life.
	Seen(ctx context.Context, ids []uuid.UUID, at time.Time) error
}

// Plugs keeps what happens at the plugs.
type Plugs interface {
	ReportStatuses(ctx context.Context, reports []Report) error
	// Authorize says whether a tag may charge at this charge point: one that was made for a session there, or a token.
	Authorize(ctx context.Context, id uuid.UUID, idTag string) (chargepoint.Authorization, error)
	StartTransaction(ctx context.Context, id uuid.UUID, start chargepoint.TransactionStart, at time.Time) (chargepoint.TransactionStarted, error)
	StoreReadings(ctx context.Context, readings []Readings) error
	StopTransaction(ctx context.Context, id uuid.UUID, stop chargepoint.TransactionStop, at time.Time) error
	// TransactionAt gives the connector of the session that an event's transaction began, false when it began none.
	TransactionAt(ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent) (connector int, known bool, err error)
	// BeginTransaction keeps an event of a transaction that no session was begun by yet, and begins and ends it as soon as enough of it
	// is known. It returns what the tag shown is worth, "" where no session was begun.
	BeginTransaction(ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent) (chargepoint.Authorization, error)
	// EndHold notes that a charge point no longer holds the claim of this number: it expired there, or was removed.
	EndHold(ctx context.Context, id uuid.UUID, number int, removed bool) error
	// SettleStrayed begins and ends what can be of transactions whose first event has not come since the time.
	SettleStrayed(ctx context.Context, since time.Time, limit int) (int, error)
}

// Upkeep keeps what charge points say of their settings and of work on them.
type Upkeep interface {
	StoreVariables(ctx context.Context, id uuid.UUID, variables []chargepoint.Variable, at time.Time) error
	StoreProfiles(ctx context.Context, id uuid.UUID, profiles []chargepoint.ChargingProfile, at time.Time) error
	StoreProgress(ctx context.Context, id uuid.UUID, progress chargepoint.Progress, at time.Time) error
}

// Report is a status report with the time that is believed.
type Report struct {
	ChargePoint uuid.UUID
	chargepoint.StatusReport
}

// Readings is what one message read from the meter of one connector.
type Readings struct {
	ChargePoint uuid.UUID
	Connector   int
	Transaction chargepoint.TransactionID
	Readings    []session.Reading
}

// Config says how Central works.
type Config struct {
	Replica           string        // internal address of this process
	HeartbeatInterval time.Duration // what charge points are told
	SeenEvery         time.Duration // how often signs of life are written
}

// Central implements chargepoint.Central.
type Central struct {
	cfg    Config
	links  Links
	plugs  Plugs
	upkeep Upkeep
	log    *slog.Logger
	now    func() time.Time

	certificates Certificates
	commands     chargepoint.Commander
	replace      func(id, connection uuid.UUID)
	deliveries   sync.WaitGroup

	statuses *batch.Group[Report]
	readings *batch.Group[Readings]

	unbroken time.Time // since when this replica has renewed its lease without a gap; Run's alone

	mu      sync.Mutex
	seen    map[uuid.UUID]time.Time
	sockets map[uuid.UUID]chargepoint.Connection
}

var _ chargepoint.Central = (*Central)(nil)

const (
	// batchLimit is how many messages share a transaction at most, and batchTimeout how long it may take: a charge point that has no
	// answer within half a minute hangs up.
	batchLimit   = 500
	batchTimeout = 10 * time.Second
	// writers is how many such transactions run at once.
	writers = 2
)

// New makes a Central; Run writes the signs of life.
func New(cfg Config, links Links, plugs Plugs, upkeep Upkeep, now func() time.Time, log *slog.Logger) *Central {
	return &Central{
		cfg: cfg, links: links, plugs: plugs, upkeep: upkeep, log: log, now: now,
		statuses: batch.New(writers, batchLimit, batchTimeout, plugs.ReportStatuses),
		readings: batch.New(writers, batchLimit, batchTimeout, plugs.StoreReadings),
		seen:     make(map[uuid.UUID]time.Time), sockets: make(map[uuid.UUID]chargepoint.Connection),
	}
}

func (c *Central) writeSeen(ctx context.Context) {
	c.mu.Lock()
	seen := c.seen
	c.seen = make(map[uuid.UUID]time.Time, len(seen))
	c.mu.Unlock()
	if len(seen) == 0 {
		return
	}
	ids := make([]uuid.UUID, 0, len(seen))
	for id := range seen {
		ids = append(ids, id)
	}
	if err := c.links.Seen(ctx, ids, c.now()); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "signs of life could not be written", "charge_points", len(ids), "error", err)
	}
}

func (c *Central) alive(id uuid.UUID) {
	c.mu.Lock()
	c.seen[id] = c.now()
	c.mu.Unlock()
}

// Authenticate implements chargepoint.Link.
func (c *Central) Authenticate(ctx context.Context, identity string, proof chargepoint.Proof) (chargepoint.ChargePoint, error) {
	return authenticate(ctx, c.links, identity, proof)
}

// Connected implements chargepoint.Link.
func (c *Central) Connected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection) error {
	c.alive(id)
	if err := c.links.Connected(ctx, id, conn, c.cfg.Replica); err != nil {
		return err
	}
	c.hold(id, conn) // not before: what is held and not noted counts as replaced
	return nil
}

// Disconnected implements chargepoint.Link.
func (c *Central) Disconnected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection) error {
	c.letGo(id, conn)
	return c.links.Disconnected(ctx, id, conn)
}

// Booted implements chargepoint.Link.
func (c *Central) Booted(ctx context.Context, id uuid.UUID, boot chargepoint.BootInfo) (chargepoint.Registration, error) {
	c.alive(id)
	if err := c.links.Booted(ctx, id, boot); err != nil {
		return chargepoint.Registration{}, err
	}
	return chargepoint.Registration{Now: c.now(), HeartbeatInterval: c.cfg.HeartbeatInterval}, nil
}

// Heartbeat implements chargepoint.Link.
func (c *Central) Heartbeat(_ context.Context, id uuid.UUID) (time.Time, error) {
	c.alive(id)
	return c.now(), nil
}

// StatusChanged implements chargepoint.Reports.
func (c *Central) StatusChanged(ctx context.Context, id uuid.UUID, report chargepoint.StatusReport) error {
	c.alive(id)
	report.At = status.Believed(report.At, c.now())
	return c.statuses.Do(ctx, Report{ChargePoint: id, StatusReport: report})
}

// Authorize implements chargepoint.Reports.
func (c *Central) Authorize(ctx context.Context, id uuid.UUID, idTag string) (chargepoint.Authorization, error) {
	c.alive(id)
	return c.plugs.Authorize(ctx, id, idTag)
}

// StartTransaction implements chargepoint.Reports.
func (c *Central) StartTransaction(
	ctx context.Context, id uuid.UUID, start chargepoint.TransactionStart,
) (chargepoint.TransactionStarted, error) {
	c.alive(id)
	started, err := c.plugs.StartTransaction(ctx, id, start, status.Believed(start.At, c.now()))
	if err == nil && started.Authorization != chargepoint.Accepted {
		c.log.WarnContext(ctx, "a transaction began without a session of ours", "charge_point_id", id, "connector", start.Connector,
			"authorization", string(started.Authorization))
	}
	return started, err
}

// MeterValues implements chargepoint.Reports. Readings dated by a clock that cannot be believed are shifted as a whole, so that they
// keep their distances.
func (c *Central) MeterValues(
	ctx context.Context, id uuid.UUID, connector int, transaction chargepoint.TransactionID, samples []chargepoint.Sample,
) error {
	c.alive(id)
	if len(samples) == 0 {
		return nil
	}
	return c.readings.Do(ctx, Readings{
		ChargePoint: id, Connector: connector, Transaction: transaction, Readings: session.Readings(Credible(samples, c.now())),
	})
}

// StopTransaction implements chargepoint.Reports.
func (c *Central) StopTransaction(ctx context.Context, id uuid.UUID, stop chargepoint.TransactionStop) error {
	c.alive(id)
	now := c.now()
	stop.Samples = Credible(stop.Samples, now)
	return c.plugs.StopTransaction(ctx, id, stop, status.Believed(stop.At, now))
}

// Credible shifts samples by one distance for all when the latest is dated as status.Believed does not believe, so that the latest
// becomes now.
func Credible(samples []chargepoint.Sample, now time.Time) []chargepoint.Sample {
	var last time.Time
	for _, s := range samples {
		if s.At.After(last) {
			last = s.At
		}
	}
	shift := status.Believed(last, now).Sub(last)
	if last.IsZero() || shift == 0 {
		if last.IsZero() {
			for i := range samples {
				samples[i].At = now
			}
		}
		return samples
	}
	for i := range samples {
		samples[i].At = samples[i].At.Add(shift)
	}
	return samples
}

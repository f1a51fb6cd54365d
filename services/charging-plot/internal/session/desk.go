package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Store keeps sessions.
type Store interface {
	OrderSession(ctx context.Context, order Order) (out Session, fresh bool, err error)
	ChangeSession(ctx context.Context, id uuid.UUID, change func(Session, time.Time) (Session, bool)) (Session, error)
	// ClaimStops gives sessions that have reached a limit and that nobody else stops at present.
	ClaimStops(ctx context.Context, limit int) ([]Session, error)
}

// Desk takes drivers' orders: it has a session written, then has the charge point told.
type Desk struct {
	store    Store
	commands chargepoint.Commander
	timeout  time.Duration
	log      *slog.Logger
	sending  sync.WaitGroup
}

// NewDesk makes a desk. timeout bounds how long a charge point may take to answer a command.
func NewDesk(store Store, commands chargepoint.Commander, timeout time.Duration, log *slog.Logger) *Desk {
	return &Desk{store: store, commands: commands, timeout: timeout, log: log}
}

// Order makes a PENDING session and has its charge point told to start, without waiting for the answer: that may take as long as a radio
// link takes. A charge point that refuses or cannot be reached makes the session INVALID. When this process dies in between, the
// session is given up by its start timeout.
func (d *Desk) Order(ctx context.Context, order Order) (Session, error) {
	return d.OrderAndTell(ctx, order, func(string) {})
}

// OrderAndTell is Order that tells, once, what came of it: the reason for which the session will not begin, ReasonTimeout when the charge
// point did not answer, and nothing when it will start. An order that was refused is told of by the error alone.
func (d *Desk) OrderAndTell(ctx context.Context, order Order, tell func(reason string)) (Session, error) {
	s, fresh, err := d.store.OrderSession(ctx, order)
	if err != nil {
		return s, err
	}
	if !fresh {
		tell("")
		return s, nil
	}
	d.sending.Go(func() { tell(d.start(context.WithoutCancel(ctx), s)) })
	return s, nil
}

// start has the charge point start, and gives the reason for which it will not.
func (d *Desk) start(ctx context.Context, s Session) string {
	answered, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	outcome, err := d.commands.Send(answered, s.ChargePointID, chargepoint.Command{
		Kind: chargepoint.RemoteStart, Connector: s.Connector, IDTag: s.IDTag,
	})
	reason := ""
	switch {
	case err == nil && outcome.Status == chargepoint.CommandAccepted:
		return ""
	case err == nil, errors.Is(err, chargepoint.ErrCommandFailed):
		reason = ReasonRejected
	case errors.Is(err, chargepoint.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		// It may have begun all the same; the start timeout decides.
		d.log.WarnContext(ctx, "a charge point did not answer a start", "session_id", s.ID, "charge_point_id", s.ChargePointID)
		return ReasonTimeout
	default:
		reason = ReasonOffline
	}
	d.log.InfoContext(ctx, "a session could not be started", "session_id", s.ID, "charge_point_id", s.ChargePointID,
		"reason", reason, "status", string(outcome.Status), "error", err)
	_, err = d.store.ChangeSession(ctx, s.ID, func(s Session, now time.Time) (Session, bool) {
		if s.State != Pending { // it has begun, or ended, meanwhile
			return s, false
		}
		s.State, s.Reason, s.EndedAt = Invalid, reason, now
		return s, true
	})
	if err != nil {
		d.log.WarnContext(ctx, "a session that could not be started is left to its timeout", "session_id", s.ID, "error", err)
	}
	return reason
}

// Stop ends a session: at once when it has not begun, else by telling its charge point. It returns chargepoint.ErrNotConnected and
// ErrNoAnswer when the charge point cannot be told, and ErrStopRefused when it says no. A session that has ended is returned as it is.
func (d *Desk) Stop(ctx context.Context, id uuid.UUID) (Session, error) {
	s, err := d.store.ChangeSession(ctx, id, func(s Session, now time.Time) (Session, bool) {
		switch {
		case s.State == Pending:
			s.State, s.Reason, s.EndedAt = Invalid, ReasonCanceled, now
		case s.State == Active && s.StopRequestedAt.IsZero():
			s.StopRequestedAt = now
		default:
			return s, false
		}
		return s, true
	})
	if err != nil || s.State != Active {
		return s, err
	}
	answered, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	outcome, err := d.commands.Send(answered, s.ChargePointID, chargepoint.Command{Kind: chargepoint.RemoteStop, Transaction: s.Transaction})
	if err != nil {
		return s, err
	}
	if outcome.Status != chargepoint.CommandAccepted {
		return s, ErrStopRefused.Detailf("It answered %s.", outcome.Status)
	}
	return s, nil
}

// Enforce has the charge points of up to limit sessions that have reached what their drivers wanted told to stop, without waiting for
// their answers, and returns how many there were. One that does not obey is told again.
func (d *Desk) Enforce(ctx context.Context, limit int) (int, error) {
	due, err := d.store.ClaimStops(ctx, limit)
	if err != nil {
		return 0, err
	}
	for _, s := range due {
		d.sending.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
			defer cancel()
			outcome, err := d.commands.Send(ctx, s.ChargePointID, chargepoint.Command{Kind: chargepoint.RemoteStop, Transaction: s.Transaction})
			if err != nil || outcome.Status != chargepoint.CommandAccepted {
				d.log.WarnContext(ctx, "a session at its limit could not be stopped", "session_id", s.ID, "limit", string(s.LimitReached),
					"status", string(outcome.Status), "error", err)
			}
		})
	}
	return len(due), nil
}

// Wait returns when every order that was taken has been sent on.
func (d *Desk) Wait() { d.sending.Wait() }

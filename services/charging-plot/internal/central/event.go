package central

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

const (
	// strayAfter is how long the events of a transaction wait for its first one. A station repeats what was not acknowledged within
	// minutes; what has not come by then will not come.
	strayAfter = 10 * time.Minute
	strayLimit = 100
)

// TransactionEvent implements chargepoint.Reports. Events of a transaction that a session was begun by go the way that meter values,
// statuses and stops go: repeats and late ones change nothing there. Those of any other are kept until enough of it is known.
func (c *Central) TransactionEvent(
	ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent,
) (word chargepoint.Authorization, err error) {
	c.alive(id)
	now := c.now()
	event.Samples = Credible(event.Samples, now)
	event.At = status.Believed(event.At, now)
	if event.Shown { // before a stop, after which the tag is spent
		if word, err = c.Authorize(ctx, id, event.IDTag); err != nil {
			return "", err
		}
	}
	connector, known, err := c.plugs.TransactionAt(ctx, id, event)
	if err != nil {
		return "", err
	}
	if known {
		event.Connector = connector // only the first event must say it
		err = c.goOn(ctx, id, event)
	} else {
		var begun chargepoint.Authorization
		if begun, err = c.plugs.BeginTransaction(ctx, id, event); begun != "" && event.Shown {
			word = begun
		}
	}
	if err != nil {
		return "", err
	}
	if event.State == "" || event.Connector == 0 {
		return word, nil
	}
	return word, c.statuses.Do(ctx, Report{ChargePoint: id, StatusReport: chargepoint.StatusReport{
		Connector: event.Connector, Status: event.State, At: event.At,
	}})
}

// goOn takes an event of a transaction that has begun.
func (c *Central) goOn(ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent) error {
	switch event.Kind {
	case chargepoint.EventEnded:
		return c.plugs.StopTransaction(ctx, id, event.Stop(), event.At)
	case chargepoint.EventStarted, chargepoint.EventUpdated:
	}
	return c.MeterValues(ctx, id, event.Connector, event.Transaction, event.Samples)
}

// settleStrayed makes of transactions that lack their first event what can be made of them.
func (c *Central) settleStrayed(ctx context.Context) {
	n, err := c.plugs.SettleStrayed(ctx, c.now().Add(-strayAfter), strayLimit)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "transactions without a beginning could not be settled", "error", err)
	}
	if n > 0 {
		c.log.WarnContext(ctx, "transactions without a beginning were settled", "transactions", n)
	}
}

// ReservationEnded implements chargepoint.Reports. Anything but an expiry is a claim that the charge point will not keep.
func (c *Central) ReservationEnded(ctx context.Context, id uuid.UUID, number int, why string) error {
	c.alive(id)
	c.log.InfoContext(ctx, "a charge point let go of a reservation", "charge_point_id", id, "reservation", number, "why", why)
	return c.plugs.EndHold(ctx, id, number, why != "Expired")
}

// Configured implements chargepoint.Upkeep.
func (c *Central) Configured(ctx context.Context, id uuid.UUID, variables []chargepoint.Variable) error {
	c.alive(id)
	return c.upkeep.StoreVariables(ctx, id, variables, c.now())
}

// ProfilesReported implements chargepoint.Upkeep.
func (c *Central) ProfilesReported(ctx context.Context, id uuid.UUID, profiles []chargepoint.ChargingProfile) error {
	c.alive(id)
	return c.upkeep.StoreProfiles(ctx, id, profiles, c.now())
}

// Progressed implements chargepoint.Upkeep.
func (c *Central) Progressed(ctx context.Context, id uuid.UUID, progress chargepoint.Progress) error {
	c.alive(id)
	return c.upkeep.StoreProgress(ctx, id, progress, c.now())
}

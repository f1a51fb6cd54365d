package account

import (
	"context"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

// ErrNotErasing is returned when there is no erasure to call off.
var ErrNotErasing = fault.Define(fault.Conflict, "no_erasure", "The account is not about to be erased")

// DefaultErasureGrace is how long an account that shall be erased can still be kept.
const DefaultErasureGrace = 14 * 24 * time.Hour

// ErasureStore keeps when accounts are erased. Its methods return ErrNone for a holder whose login has ended.
type ErasureStore interface {
	// ScheduleErasure sets the time after which the account goes, unless it is set already, ends all other sessions, and
	// queues the mail. It returns the time that is set.
	ScheduleErasure(ctx context.Context, holder Holder, grace time.Duration, event audit.Event) (time.Time, error)
	// CancelErasure takes the time back and queues the mail. It returns ErrNotErasing.
	CancelErasure(ctx context.Context, holder Holder, event audit.Event) error
	// ExportData returns everything that is held about the holder: rows by what they are.
	ExportData(ctx context.Context, holder Holder, event audit.Event) (Export, error)
}

// Export is everything that is held about a person but secrets: rows as JSON, by what they are.
type Export map[string][]map[string]any

// Erasure lets people leave, and see what there is about them.
type Erasure struct {
	store  ErasureStore
	grace  time.Duration
	queued func()
}

// NewErasure makes an Erasure. It calls queued after each mail that it has queued.
func NewErasure(store ErasureStore, grace time.Duration, queued func()) *Erasure {
	return &Erasure{store: store, grace: grace, queued: queued}
}

// Schedule has the holder's account erased once the grace is over, and ends all other sessions. Asking again changes nothing. It
// returns the time after which the account goes.
func (e *Erasure) Schedule(ctx context.Context, holder Holder, from caller.Caller) (time.Time, error) {
	when, err := e.store.ScheduleErasure(ctx, holder, e.grace, own(audit.ErasureAsked, holder, from))
	if err != nil {
		return time.Time{}, err
	}
	e.queued()
	return when, nil
}

// Cancel keeps the holder's account. It returns ErrNotErasing. (A login does the same; see session.Store.)
func (e *Erasure) Cancel(ctx context.Context, holder Holder, from caller.Caller) error {
	if err := e.store.CancelErasure(ctx, holder, own(audit.ErasureCanceled, holder, from)); err != nil {
		return err
	}
	e.queued()
	return nil
}

// Export returns everything that is held about the holder.
func (e *Erasure) Export(ctx context.Context, holder Holder, from caller.Caller) (Export, error) {
	return e.store.ExportData(ctx, holder, own(audit.DataExported, holder, from))
}

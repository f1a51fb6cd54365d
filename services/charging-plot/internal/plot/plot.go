// Package plot is the numbered bay a car stands in to charge: what serves it, whether it is free, and who says so.
package plot

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// Plot is one bay with its live status.
type Plot struct {
	ID         uuid.UUID
	StationID  uuid.UUID
	OperatorID uuid.UUID
	// EVSEs serve the plot: one, unless its operator has said that more of them stand at the same bay.
	EVSEs []EVSE
	// Label is the number painted on the ground: the operator's own when there is one, else what the catalogue says.
	Label string
	// Reservable is the operator's word when there is one, else what the catalogue says; a plot that one of our charge points
	// serves is reservable by default, because we can refuse to charge anyone else there.
	Reservable   bool
	OutOfService bool
	// Parking is what the operator says of the bay itself.
	Parking Parking

	Status       status.Status
	StatusSince  time.Time
	StatusSource status.Source
	// HeardAt is when the charge point or back end that the status comes from was last heard; zero where it comes from none, or none spoke.
	HeardAt   time.Time
	Version   int64
	UpdatedAt time.Time
}

// Age is how old the status is: how long its source has not been heard. It is 0 where this service itself says so, and false where nobody
// ever spoke.
func (p Plot) Age(now time.Time) (time.Duration, bool) {
	switch p.StatusSource {
	case status.FromReservation, status.FromOperator, status.FromCatalog:
		return 0, true
	case status.FromChargePoint, status.FromSession, status.FromPush, status.FromSilence, status.FromNone:
	}
	if p.HeardAt.IsZero() {
		return 0, false
	}
	return max(0, now.Sub(p.HeardAt)), true
}

// EVSE is an outlet unit that serves a plot, as the catalogue describes it.
type EVSE struct {
	ID         uuid.UUID
	UID        string
	EVSEID     string // eMI3, such as FR*073*E1; may be empty
	Connectors []Connector
}

// Connector is one plug or socket of an EVSE.
type Connector struct {
	ID          string
	Standard    string // OCPI connector type, such as IEC_62196_T2_COMBO
	Format      string
	PowerType   string
	MaxVoltage  int
	MaxAmperage int
	MaxPowerW   int
	TariffIDs   []string
}

// Patch is the operator's change of a plot: a nil field stays. Clearing Label or Reservable goes back to the catalogue's word.
type Patch struct {
	Label           *string
	ClearLabel      bool
	Reservable      *bool
	ClearReservable bool
	OutOfService    *bool
	// Parking is a JSON Merge Patch of the bay's own fields; empty: they stay. ClearParking forgets them all.
	Parking      []byte
	ClearParking bool
}

// Push is what an operator's back end says of a plot.
type Push struct {
	Status status.Status
	At     time.Time // zero: now
}

// PushRow is one row of a batch of pushes, and what became of it.
type PushRow struct {
	PlotID uuid.UUID
	Push

	// Fault says why the row is not stored: ErrNotFound, ErrForeign or ErrRemoved. Outdated is a row that is older than what was pushed
	// before, and changes nothing.
	Fault    error
	Outdated bool
}

// Filter narrows a list of plots; empty fields do not.
type Filter struct {
	Station   uuid.UUID
	Statuses  []status.Status
	Connector []string
}

// Change is one entry of a plot's history: the status that held from Since on, until the next entry.
type Change struct {
	Status  status.Status
	Source  status.Source
	Since   time.Time
	Version int64 // the plot's, when it changed
}

// HistoryPosition is where a page of a plot's history ended.
type HistoryPosition struct {
	Since   time.Time
	Version int64
}

// Faults of plots.
var (
	// ErrNotFound is a plot that is absent.
	ErrNotFound = fault.Define(fault.NotFound, "plot_not_found", "There is no such plot")
	// ErrForeign is a plot of another operator.
	ErrForeign = fault.Define(fault.Forbidden, "foreign_plot", "The plot belongs to another operator")
	// ErrRemoved is a change of a plot that the catalogue has removed.
	ErrRemoved = fault.Define(fault.Gone, "plot_removed", "The plot has been removed")
	// ErrUnknownEVSE is an EVSE that is not of the plot's station.
	ErrUnknownEVSE = fault.Define(fault.Unprocessable, "unknown_evse", "The station has no such EVSE")
	// ErrInUse is a bay that cannot be changed while somebody has it, or has been promised it.
	ErrInUse = fault.Define(fault.Conflict, "plot_in_use", "The plot is in use")
	// ErrTooNew is a pushed status that is dated in the future.
	ErrTooNew = fault.Define(fault.Invalid, "status_in_future", "The status is dated in the future")
)

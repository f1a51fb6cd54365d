package chargepoint

import (
	"math"
	"time"
)

// TransactionEvent is one step of a transaction, as stations tell of it that name their transactions themselves.
type TransactionEvent struct {
	Kind        EventKind
	Transaction TransactionID
	Seq         int // counts the events of a transaction from 0
	Offline     bool
	At          time.Time
	Trigger     string // OCPP's word for what caused it
	// State is what the car does now, in a connector's words; empty when the event does not say.
	State ConnectorStatus
	// Connector is 0 when the event does not say it; only the first one must.
	Connector int
	// IDTag is meant when Shown is true: a tag may be empty where nobody needs one.
	IDTag string
	Shown bool
	// RemoteStart is the number that the order to start carried, 0 for none; see RemoteStartID.
	RemoteStart   int
	ReservationID int
	Samples       []Sample
	Reason        string // of an end
}

// EventKind is where in a transaction an event stands.
type EventKind string

// The kinds of event.
const (
	EventStarted EventKind = "Started"
	EventUpdated EventKind = "Updated"
	EventEnded   EventKind = "Ended"
)

// Register gives the energy register of an event: the first that was read when a transaction begins, the last when it ends. It returns
// false when the event did not read it.
func (e TransactionEvent) Register() (wh float64, read bool) {
	var at time.Time
	for _, s := range e.Samples {
		if s.Measurand != EnergyImportRegister || s.Phase != "" || s.Location != "Outlet" {
			continue
		}
		later := s.At.After(at)
		if e.Kind == EventStarted {
			later = s.At.Before(at)
		}
		// Of several at one moment the one that was meant for it counts.
		meant := s.At.Equal(at) && (s.Context == "Transaction.Begin" || s.Context == "Transaction.End")
		if !read || later || meant {
			wh, at, read = s.Value, s.At, true
		}
	}
	return wh, read
}

// RemoteStartID is the number under which a start is ordered for a tag. It follows from the tag, so that whoever sees it again finds the
// session without having kept it. FNV-1a, the top bit left out: OCPP's integers are signed.
func RemoteStartID(idTag string) int {
	h := uint32(2166136261)
	for i := range len(idTag) {
		h = (h ^ uint32(idTag[i])) * 16777619
	}
	return int(h&0x7fffffff) | 1 // never 0, which means none
}

// Start is what an event says of a transaction's beginning.
func (e TransactionEvent) Start() TransactionStart {
	wh, read := e.Register()
	return TransactionStart{
		Transaction: e.Transaction, Connector: e.Connector, IDTag: e.IDTag, MeterWh: int64(math.Round(wh)), NoMeter: !read, At: e.At,
		ReservationID: e.ReservationID,
	}
}

// Stop is what an event says of a transaction's end.
func (e TransactionEvent) Stop() TransactionStop {
	wh, read := e.Register()
	return TransactionStop{
		Transaction: e.Transaction, IDTag: e.IDTag, MeterWh: int64(math.Round(wh)), NoMeter: !read, At: e.At, Reason: e.Reason,
		Samples: e.Samples,
	}
}

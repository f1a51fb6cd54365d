// Package live tells what happens as it happens: an event log that every replica follows, and the listeners who hear of it.
package live

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Kind is what an event is about.
type Kind string

// The kinds.
const (
	StatusChanged      Kind = "status"
	ReservationChanged Kind = "reservation"
	SessionChanged     Kind = "session"
	MeterRead          Kind = "meter_value"
)

// Event is one thing that happened. Data is what listeners are sent.
type Event struct {
	Position   Position
	At         time.Time
	Kind       Kind
	PlotID     uuid.UUID
	StationID  uuid.UUID
	OperatorID uuid.UUID
	DriverID   uuid.UUID // whom it concerns; zero: everybody
	Data       json.RawMessage

	frame   []byte // rendered by the hub: many listeners are sent the same
	version int64
}

// Frame is the event as server-sent events have it.
func (e Event) Frame() []byte {
	if e.frame == nil {
		e.render()
	}
	return e.frame
}

// Version is the plot's, of a status event that the hub has handed out; zero else.
func (e Event) Version() int64 { return e.version }

// render makes ready what is sent of the event.
func (e *Event) render() {
	e.frame = fmt.Appendf(nil, "id: %s\nevent: %s\ndata: %s\n\n", e.Position, e.Kind, e.Data)
	if e.Kind == StatusChanged {
		var data StatusData
		if json.Unmarshal(e.Data, &data) == nil {
			e.version = data.Version
		}
	}
}

// Position is an event's place in the log: the transaction that wrote it, and its number there. The order is that of commits as far as
// readers can tell them apart.
type Position struct {
	XID uint64
	Seq int64
}

// ErrBadPosition is a Last-Event-ID that is not one of ours.
var ErrBadPosition = fault.Define(fault.Invalid, "bad_event_id", "The event id is not one of ours")

// ParsePosition reads what String wrote.
func ParsePosition(s string) (Position, error) {
	xid, seq, found := strings.Cut(s, "-")
	if found {
		x, errX := strconv.ParseUint(xid, 10, 64)
		n, errN := strconv.ParseInt(seq, 10, 64)
		if errX == nil && errN == nil && n >= 0 {
			return Position{x, n}, nil
		}
	}
	return Position{}, ErrBadPosition.At(fault.Field{Parameter: "Last-Event-ID", Code: "bad_event_id", Detail: "must be the id of an event of this stream"})
}

func (p Position) String() string { return fmt.Sprintf("%d-%d", p.XID, p.Seq) }

// Before tells whether p comes before other.
func (p Position) Before(other Position) bool {
	return p.XID < other.XID || (p.XID == other.XID && p.Seq < other.Seq)
}

// StatusData is the data of a status event.
type StatusData struct {
	PlotID    uuid.UUID `json:"plot_id"`
	StationID uuid.UUID `json:"station_id"`
	Status    string    `json:"status"`
	Since     time.Time `json:"status_since"`
	Source    string    `json:"status_source"`
	Version   int64     `json:"version"`
}

// ReservationData is the data of a reservation event.
type ReservationData struct {
	ID       uuid.UUID `json:"id"`
	PlotID   uuid.UUID `json:"plot_id"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
	Version  int64     `json:"version"`
}

// SessionData is the data of a session event.
type SessionData struct {
	ID        uuid.UUID  `json:"id"`
	PlotID    uuid.UUID  `json:"plot_id"`
	State     string     `json:"state"`
	Reason    string     `json:"reason"`
	StartedAt *time.Time `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	EnergyKWh *float64   `json:"energy_kwh"`

	PowerKW      *float64        `json:"power_kw"`
	SoCPercent   *float64        `json:"soc_percent"`
	Cost         json.RawMessage `json:"cost,omitempty"` // so far: currency, before_taxes, after_taxes, at
	IdleSince    *time.Time      `json:"idle_since"`
	LimitReached string          `json:"limit_reached,omitempty"`
	Version      int64           `json:"version"`
}

// MeterData is the data of a meter_value event: the latest of the readings that came together.
type MeterData struct {
	SessionID  uuid.UUID `json:"session_id"`
	PlotID     uuid.UUID `json:"plot_id"`
	At         time.Time `json:"at"`
	PowerKW    *float64  `json:"power_kw"`
	EnergyKWh  *float64  `json:"energy_kwh"`
	SoCPercent *float64  `json:"soc_percent"`
}

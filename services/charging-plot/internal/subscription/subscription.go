// Package subscription says which live events a webhook is told of.
//
// A webhook hears of the types it wants at the stations and plots it names. The status of a plot is for everybody; a reservation, a
// session or a reading is for the webhooks of the driver it belongs to and of the operator of the station.
package subscription

import (
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
)

// The types of messages.
const (
	PlotStatus         = "plot.status"
	ReservationChanged = "reservation.changed"
	SessionChanged     = "session.changed"
	MeterValue         = "session.meter_value"
)

// TypeOf gives the type of the message that tells of an event, "" for an event that no webhook hears of.
func TypeOf(kind live.Kind) string {
	switch kind {
	case live.StatusChanged:
		return PlotStatus
	case live.ReservationChanged:
		return ReservationChanged
	case live.SessionChanged:
		return SessionChanged
	case live.MeterRead:
		return MeterValue
	}
	return ""
}

// Filter narrows a webhook to stations and plots; an empty one does not.
type Filter struct {
	StationIDs []uuid.UUID `json:"station_ids,omitempty"`
	PlotIDs    []uuid.UUID `json:"plot_ids,omitempty"`
}

// Encode writes the filter as a webhook keeps it.
func (f Filter) Encode() json.RawMessage {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err) // two lists of ids
	}
	return text
}

// DecodeFilter reads what Encode wrote.
func DecodeFilter(text json.RawMessage) (f Filter, err error) {
	err = json.Unmarshal(text, &f)
	return f, err
}

func (f Filter) passes(e live.Event) bool {
	return len(f.StationIDs)+len(f.PlotIDs) == 0 || slices.Contains(f.StationIDs, e.StationID) || slices.Contains(f.PlotIDs, e.PlotID)
}

// Subscriber is a webhook made ready to judge events.
type Subscriber struct {
	endpoint webhook.Endpoint
	filter   Filter
}

// NewSubscriber reads a webhook's filter.
func NewSubscriber(e webhook.Endpoint) (Subscriber, error) {
	filter, err := DecodeFilter(e.Filter)
	return Subscriber{e, filter}, err
}

// Hears tells whether the webhook is told of the event. What happened before there was the webhook is not told.
func (s Subscriber) Hears(e live.Event) bool {
	kind := TypeOf(e.Kind)
	if kind == "" || !s.endpoint.Wants(kind) || !s.filter.passes(e) || e.At.Before(s.endpoint.CreatedAt) {
		return false
	}
	return e.DriverID == uuid.Nil && e.Kind == live.StatusChanged || s.mayHear(e)
}

func (s Subscriber) mayHear(e live.Event) bool {
	return e.DriverID != uuid.Nil && e.DriverID == s.endpoint.OwnerID || e.OperatorID != uuid.Nil && e.OperatorID == s.endpoint.OperatorID
}

// Message is the event as the webhook is told it. Messages of one plot keep their order.
func (s Subscriber) Message(e live.Event) webhook.Message {
	return webhook.Message{EndpointID: s.endpoint.ID, Type: TypeOf(e.Kind), Key: e.PlotID.String(), At: e.At, Data: e.Data}
}

package httpapi

import (
	"context"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

const (
	calendarUsual   = 24 * time.Hour
	calendarLongest = 31 * 24 * time.Hour
)

// ErrCalendarSpan is a calendar of no time, of too much, or of the past.
var ErrCalendarSpan = fault.Define(fault.Invalid, "bad_calendar_span", "The calendar's times do not make a span that can be shown")

// ListTimeslots implements StrictServerInterface.
func (a *API) ListTimeslots(ctx context.Context, request ListTimeslotsRequestObject) (ListTimeslotsResponseObject, error) {
	now := a.Now().UTC().Truncate(time.Second)
	from, to := now, orZero(request.Params.To).UTC()
	if given := request.Params.From; given != nil && given.After(now) {
		from = given.UTC()
	}
	if request.Params.To == nil {
		to = from.Add(calendarUsual)
	}
	if !to.After(from) || to.Sub(from) > calendarLongest {
		return nil, ErrCalendarSpan.At(fault.Field{Parameter: "to", Code: "range", Detail: "must be after now and from, by 31 days at most"})
	}
	p, err := a.Plots.GetPlot(ctx, request.PlotId)
	if err != nil {
		return nil, err
	}
	if p.Status == status.Removed {
		return nil, plot.ErrRemoved
	}
	taken, err := a.Reservations.TakenSpans(ctx, p.ID, from, to)
	if err != nil {
		return nil, err
	}
	out := Calendar{PlotId: p.ID, Reservable: p.Reservable, Items: []Timeslot{}}
	shortest := time.Duration(orZero(request.Params.MinDurationMin)) * time.Minute
	for _, slot := range reservation.Calendar(taken, reservation.Span{From: from, Until: to}) {
		state := SlotFree
		switch {
		case slot.Taken:
			state = SlotTaken
		case slot.Until.Sub(slot.From) < shortest:
			state = SlotTooShort
		}
		out.Items = append(out.Items, Timeslot{StartsAt: slot.From, EndsAt: slot.Until, State: state})
	}
	return ListTimeslots200JSONResponse(out), nil
}

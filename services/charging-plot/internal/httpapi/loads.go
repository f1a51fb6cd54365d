package httpapi

import (
	"context"
	"io"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/load"
)

// usualSpan is how long a load is given for when the caller does not say.
const usualSpan = 24 * time.Hour

// ErrBadSpan is a span of time that has no length, or too much of it.
var ErrBadSpan = fault.Define(fault.Invalid, "bad_span", "The span of time cannot be given")

func (p picture) VisitGetStationLoadJSONResponse(c *fiber.Ctx) error { return p.visit(c) }
func (p picture) VisitGetStationLoadSVGResponse(c *fiber.Ctx) error  { return p.visit(c) }
func (p picture) VisitGetStationLoadPNGResponse(c *fiber.Ctx) error  { return p.visit(c) }

// drawnAt is what a station drew.
type drawnAt struct {
	station uuid.UUID
	zone    *time.Location
	load    load.Load
}

// stationLoad reads a load for who operates the station; to everybody else there is none.
func (a *API) stationLoad(ctx context.Context, station uuid.UUID, from, to *time.Time) (drawnAt, error) {
	place, err := a.Stations.PlaceOf(ctx, station)
	if err != nil {
		return drawnAt{}, err
	}
	if !caller(ctx).Operates(place.OperatorID) {
		return drawnAt{}, catalog.ErrNotFound
	}
	until := a.Now().Truncate(time.Minute)
	if to != nil {
		until = *to
	}
	since := until.Add(-usualSpan)
	if from != nil {
		since = *from
	}
	switch span := until.Sub(since); {
	case span <= 0:
		return drawnAt{}, ErrBadSpan.At(fault.Field{Parameter: "to", Code: "order", Detail: "must be after from"})
	case span > load.MaxSpan:
		return drawnAt{}, ErrBadSpan.At(fault.Field{Parameter: "from", Code: "too_long", Detail: "must be at most 31 days before to"})
	}
	l, err := a.Occupancies.StationLoad(ctx, station, since, until, load.Resolution(until.Sub(since)))
	return drawnAt{station, place.Zone, l}, err
}

// ToAPILoad writes a load as the API says it.
func ToAPILoad(d drawnAt) Load {
	point := func(p load.Point) LoadPoint {
		return LoadPoint{At: p.At, PowerKw: curve.Round(p.PowerKW), Sessions: p.Sessions}
	}
	out := Load{
		StationId: d.station, TimeZone: d.zone.String(), From: d.load.From, To: d.load.To, StepS: int(d.load.Step.Seconds()),
		EnergyKwh: curve.Round(d.load.EnergyKWh()), Peak: nullable.NewNullNullable[LoadPoint](), Points: make([]LoadPoint, len(d.load.Points)),
	}
	if peak, drawn := d.load.Peak(); drawn {
		out.Peak.Set(point(peak))
	}
	for i, p := range d.load.Points {
		out.Points[i] = point(p)
	}
	return out
}

// GetStationLoadJSON implements StrictServerInterface.
func (a *API) GetStationLoadJSON(ctx context.Context, request GetStationLoadJSONRequestObject) (GetStationLoadJSONResponseObject, error) {
	d, err := a.stationLoad(ctx, request.StationId, request.Params.From, request.Params.To)
	if err != nil {
		return nil, err
	}
	return shown(ToAPILoad(d), "json", fiber.MIMEApplicationJSON, nil)
}

// GetStationLoadSVG implements StrictServerInterface.
func (a *API) GetStationLoadSVG(ctx context.Context, request GetStationLoadSVGRequestObject) (GetStationLoadSVGResponseObject, error) {
	d, err := a.stationLoad(ctx, request.StationId, request.Params.From, request.Params.To)
	if err != nil {
		return nil, err
	}
	theme, name := themeOf(string(orZero(request.Params.Theme)))
	return shown(ToAPILoad(d), mimeSVG+name, mimeSVG, func(w io.Writer) error { return d.load.SVG(w, theme, d.zone) })
}

// GetStationLoadPNG implements StrictServerInterface.
func (a *API) GetStationLoadPNG(ctx context.Context, request GetStationLoadPNGRequestObject) (GetStationLoadPNGResponseObject, error) {
	d, err := a.stationLoad(ctx, request.StationId, request.Params.From, request.Params.To)
	if err != nil {
		return nil, err
	}
	theme, name := themeOf(string(orZero(request.Params.Theme)))
	return shown(ToAPILoad(d), mimePNG+name, mimePNG, func(w io.Writer) error { return d.load.PNG(w, theme, d.zone) })
}

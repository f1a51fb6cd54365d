package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/load"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
)

// Occupancies knows how busy places are and what is drawn there.
type Occupancies interface {
	// GetOccupancy gives what was computed of a station or a plot, and when; both are zero as long as nothing was.
	GetOccupancy(ctx context.Context, id uuid.UUID) (occupancy.Typical, time.Time, error)
	// StationLoad adds up what was drawn at a station, in steps.
	StationLoad(ctx context.Context, station uuid.UUID, from, to time.Time, step time.Duration) (load.Load, error)
}

func (p picture) VisitGetPlotOccupancyJSONResponse(c *fiber.Ctx) error    { return p.visit(c) }
func (p picture) VisitGetPlotOccupancySVGResponse(c *fiber.Ctx) error     { return p.visit(c) }
func (p picture) VisitGetPlotOccupancyPNGResponse(c *fiber.Ctx) error     { return p.visit(c) }
func (p picture) VisitGetStationOccupancyJSONResponse(c *fiber.Ctx) error { return p.visit(c) }
func (p picture) VisitGetStationOccupancySVGResponse(c *fiber.Ctx) error  { return p.visit(c) }
func (p picture) VisitGetStationOccupancyPNGResponse(c *fiber.Ctx) error  { return p.visit(c) }

// busy is how busy a station or a plot is: what was computed ahead, and the present.
type busy struct {
	id         uuid.UUID
	zone       *time.Location
	typical    occupancy.Typical
	computedAt time.Time
	now        time.Time
	plots      occupancy.Counts
}

// stationBusy returns catalog.ErrNotFound when there is no such station.
func (a *API) stationBusy(ctx context.Context, id uuid.UUID) (busy, error) {
	place, err := a.Stations.PlaceOf(ctx, id)
	if err != nil {
		return busy{}, err
	}
	plots, err := a.Plots.PlotsOfStations(ctx, []uuid.UUID{id}, snapshotLimit)
	if err != nil {
		return busy{}, err
	}
	return a.busy(ctx, id, place.Zone, plots)
}

// plotBusy returns plot.ErrNotFound when there is no such plot, and catalog.ErrNotFound when its station is removed.
func (a *API) plotBusy(ctx context.Context, id uuid.UUID) (busy, error) {
	p, err := a.Plots.GetPlot(ctx, id)
	if err != nil {
		return busy{}, err
	}
	place, err := a.Stations.PlaceOf(ctx, p.StationID)
	if err != nil {
		return busy{}, err
	}
	return a.busy(ctx, id, place.Zone, []plot.Plot{p})
}

func (a *API) busy(ctx context.Context, id uuid.UUID, zone *time.Location, plots []plot.Plot) (busy, error) {
	typical, at, err := a.Occupancies.GetOccupancy(ctx, id)
	// The minute, so that a picture asked for again within it is the same.
	return busy{id, zone, typical, at, a.Now().UTC().Truncate(time.Minute), occupancy.CountPlots(plots)}, err
}

func (b busy) forecast() []occupancy.Expected {
	return b.typical.Forecast(b.now, b.zone, b.plots.Taken, b.plots.Free)
}

// share is how many of the plots are taken now, NaN when it is not known.
func (b busy) share() float64 { return float64(b.plots.Taken) / float64(b.plots.Taken+b.plots.Free) }

func (b busy) picture() occupancy.Picture {
	return occupancy.Picture{Typical: b.typical, Zone: b.zone, Now: b.now, Share: b.share(), Next: b.forecast()}
}

// ToAPIOccupancy writes how busy a place is as the API says it.
func ToAPIOccupancy(b busy) Occupancy {
	out := Occupancy{
		Id: b.id, TimeZone: b.zone.String(), ComputedAt: timeOrNull(b.computedAt), From: timeOrNull(time.Time{}), To: timeOrNull(time.Time{}),
		Week: []OccupancyHour{}, Forecast: []OccupancyForecast{}, Plots: toAPICounts(b.plots),
	}
	for i, e := range b.forecast() {
		score := b.typical.Score[i]
		out.Forecast = append(out.Forecast, OccupancyForecast{
			At: e.At, Occupied: digits(e.Share), Available: digits((1 - e.Share) * float64(b.plots.Taken+b.plots.Free)),
			Brier: scoreOrNull(score.Brier, score.Samples), BrierSameAsNow: scoreOrNull(score.SameAsNow, score.Samples), Samples: score.Samples,
		})
	}
	if !b.typical.From.Before(b.typical.To) {
		return out
	}
	out.From, out.To = timeOrNull(b.typical.From), timeOrNull(b.typical.To)
	for cell := range occupancy.Cells {
		hour := OccupancyHour{
			Weekday: cell/24 + 1, Hour: cell % 24, Occupied: nullable.NewNullNullable[float64](),
			PlotHours: digits(float64(b.typical.Week.SeenS[cell]) / 3600), Weeks: b.typical.Week.Hours[cell],
		}
		if share := b.typical.Week.Share(cell); !math.IsNaN(share) {
			hour.Occupied.Set(digits(share))
		}
		out.Week = append(out.Week, hour)
	}
	return out
}

func toAPICounts(c occupancy.Counts) OccupancyPlots {
	counts := func(of map[string]occupancy.Count) map[string]OccupancyCount {
		out := make(map[string]OccupancyCount, len(of))
		for name, n := range of {
			out[name] = OccupancyCount{Total: n.Total, Available: n.Free, Occupied: n.Taken}
		}
		return out
	}
	return OccupancyPlots{
		Total: c.Total, Available: c.Free, Occupied: c.Taken, ByConnector: counts(c.ByConnector), ByPower: counts(c.ByPower),
	}
}

// digits gives a share or a score as fine as it means something.
func digits(v float64) float64 { return math.Round(v*10_000) / 10_000 }

func scoreOrNull(score float64, samples int) nullable.Nullable[float64] {
	if samples == 0 {
		return nullable.NewNullNullable[float64]()
	}
	return nullable.NewNullableWithValue(digits(score))
}

// drawable draws itself.
type drawable interface {
	SVG(w io.Writer, theme chart.Theme) error
	PNG(w io.Writer, theme chart.Theme) error
}

// shown prepares an answer whose document, as JSON, says everything that its pictures show: the ETag stands for it. draw is nil for the
// document itself.
func shown(document any, variant, contentType string, draw func(w io.Writer) error) (picture, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return picture{}, err
	}
	return picture{
		contentType: contentType, etag: tagOf(append([]byte(drawing+" "+variant+" "), text...)),
		render: func() ([]byte, error) {
			if draw == nil {
				return text, nil
			}
			var buf bytes.Buffer
			err := draw(&buf)
			return buf.Bytes(), err
		},
	}, nil
}

// occupancyAs shows how busy a place is as a picture that draw makes in a theme.
func occupancyAs[T ~string](b busy, theme *T, contentType string, draw func(p drawable, w io.Writer, theme chart.Theme) error) (picture, error) {
	colours, name := themeOf(string(orZero(theme)))
	return shown([]any{ToAPIOccupancy(b), b.now}, contentType+name, contentType, func(w io.Writer) error { return draw(b.picture(), w, colours) })
}

// GetStationOccupancyJSON implements StrictServerInterface.
func (a *API) GetStationOccupancyJSON(ctx context.Context, request GetStationOccupancyJSONRequestObject) (GetStationOccupancyJSONResponseObject, error) {
	b, err := a.stationBusy(ctx, request.StationId)
	if err != nil {
		return nil, err
	}
	return shown(ToAPIOccupancy(b), "json", fiber.MIMEApplicationJSON, nil)
}

// GetStationOccupancySVG implements StrictServerInterface.
func (a *API) GetStationOccupancySVG(ctx context.Context, request GetStationOccupancySVGRequestObject) (GetStationOccupancySVGResponseObject, error) {
	b, err := a.stationBusy(ctx, request.StationId)
	if err != nil {
		return nil, err
	}
	return occupancyAs(b, request.Params.Theme, mimeSVG, drawable.SVG)
}

// GetStationOccupancyPNG implements StrictServerInterface.
func (a *API) GetStationOccupancyPNG(ctx context.Context, request GetStationOccupancyPNGRequestObject) (GetStationOccupancyPNGResponseObject, error) {
	b, err := a.stationBusy(ctx, request.StationId)
	if err != nil {
		return nil, err
	}
	return occupancyAs(b, request.Params.Theme, mimePNG, drawable.PNG)
}

// GetPlotOccupancyJSON implements StrictServerInterface.
func (a *API) GetPlotOccupancyJSON(ctx context.Context, request GetPlotOccupancyJSONRequestObject) (GetPlotOccupancyJSONResponseObject, error) {
	b, err := a.plotBusy(ctx, request.PlotId)
	if err != nil {
		return nil, err
	}
	return shown(ToAPIOccupancy(b), "json", fiber.MIMEApplicationJSON, nil)
}

// GetPlotOccupancySVG implements StrictServerInterface.
func (a *API) GetPlotOccupancySVG(ctx context.Context, request GetPlotOccupancySVGRequestObject) (GetPlotOccupancySVGResponseObject, error) {
	b, err := a.plotBusy(ctx, request.PlotId)
	if err != nil {
		return nil, err
	}
	return occupancyAs(b, request.Params.Theme, mimeSVG, drawable.SVG)
}

// GetPlotOccupancyPNG implements StrictServerInterface.
func (a *API) GetPlotOccupancyPNG(ctx context.Context, request GetPlotOccupancyPNGRequestObject) (GetPlotOccupancyPNGResponseObject, error) {
	b, err := a.plotBusy(ctx, request.PlotId)
	if err != nil {
		return nil, err
	}
	return occupancyAs(b, request.Params.Theme, mimePNG, drawable.PNG)
}

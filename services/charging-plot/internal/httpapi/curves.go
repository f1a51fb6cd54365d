package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// defaultPoints are about two for each pixel of a phone's width.
const defaultPoints = 600

// picture is a curve in some representation, made only when the caller does not hold it already.
type picture struct {
	contentType string
	etag        string
	public      bool // nobody's own: caches may keep it
	render      func() ([]byte, error)
}

func (p picture) visit(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	if p.public {
		c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
	}
	if httpserver.NotModified(c, p.etag) {
		return nil
	}
	body, err := p.render()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, p.contentType)
	return c.Send(body)
}

func (p picture) VisitGetCurveJSONResponse(c *fiber.Ctx) error { return p.visit(c) }
func (p picture) VisitGetCurveCSVResponse(c *fiber.Ctx) error  { return p.visit(c) }
func (p picture) VisitGetCurveSVGResponse(c *fiber.Ctx) error  { return p.visit(c) }
func (p picture) VisitGetCurvePNGResponse(c *fiber.Ctx) error  { return p.visit(c) }

// drawing makes pictures look as they do: a change of it changes every ETag.
const drawing = "4"

// picture prepares a curve of a session the caller may see. The readings are read with the picture, since a caller who holds it needs
// neither; the ETag stands for them, because every stored reading raises the session's version or comes after its end, where readAt and
// their number tell.
func (a *API) picture(
	ctx context.Context, id uuid.UUID, points *int, variant, contentType string, draw func(s session.Session, c curve.Curve, readings int) ([]byte, error),
) (picture, error) {
	s, err := a.visible(ctx, id)
	if err != nil {
		return picture{}, err
	}
	n := defaultPoints
	if points != nil {
		n = *points
	}
	readings, total, err := a.Sessions.CurveReadings(ctx, s, n)
	if err != nil {
		return picture{}, err
	}
	if s.EndedAt.After(s.StartedAt) { // what was read after the end is no part of the charge, nor of its bill
		read := len(readings)
		readings = slices.DeleteFunc(readings, func(r session.Reading) bool { return r.At.After(s.EndedAt) })
		total -= read - len(readings)
	}
	start, meterStart := s.StartedAt, math.NaN()
	if start.IsZero() {
		start = s.RequestedAt
	}
	if s.MeterStartWh != nil {
		meterStart = float64(*s.MeterStartWh)
	}
	return picture{
		contentType: contentType, etag: tagOf(fmt.Appendf(nil, "%s %s %d %d %s %d", drawing, id, s.Version, total, variant, n)),
		render: func() ([]byte, error) { return draw(s, curve.From(start, meterStart, readings).Thin(n), total) },
	}, nil
}

// tagOf is the ETag of what a text says everything about.
func tagOf(text []byte) string {
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// contentTag is the ETag of what has no version of its own.
func contentTag(body any) (*string, error) {
	text, err := json.Marshal(body)
	tag := tagOf(text)
	return &tag, err
}

// GetCurveJSON implements StrictServerInterface.
func (a *API) GetCurveJSON(ctx context.Context, request GetCurveJSONRequestObject) (GetCurveJSONResponseObject, error) {
	return a.picture(ctx, request.SessionId, request.Params.Points, "json", fiber.MIMEApplicationJSON,
		func(s session.Session, c curve.Curve, readings int) ([]byte, error) {
			return curveJSON(s.ID, c, readings), nil
		})
}

// GetCurveCSV implements StrictServerInterface.
func (a *API) GetCurveCSV(ctx context.Context, request GetCurveCSVRequestObject) (GetCurveCSVResponseObject, error) {
	return a.picture(ctx, request.SessionId, request.Params.Points, "csv", mimeCSV,
		func(_ session.Session, c curve.Curve, _ int) ([]byte, error) {
			var buf bytes.Buffer
			err := c.CSV(&buf)
			return buf.Bytes(), err
		})
}

// GetCurveSVG implements StrictServerInterface.
func (a *API) GetCurveSVG(ctx context.Context, request GetCurveSVGRequestObject) (GetCurveSVGResponseObject, error) {
	theme, name := themeOf(string(orZero(request.Params.Theme)))
	return a.picture(ctx, request.SessionId, request.Params.Points, "svg "+name+" "+over(request.Params.X), mimeSVG,
		func(s session.Session, c curve.Curve, _ int) ([]byte, error) {
			var buf bytes.Buffer
			err := a.drawn(s, c, over(request.Params.X)).SVG(&buf, theme)
			return buf.Bytes(), err
		})
}

// GetCurvePNG implements StrictServerInterface.
func (a *API) GetCurvePNG(ctx context.Context, request GetCurvePNGRequestObject) (GetCurvePNGResponseObject, error) {
	theme, name := themeOf(string(orZero(request.Params.Theme)))
	return a.picture(ctx, request.SessionId, request.Params.Points, "png "+name+" "+over(request.Params.X), mimePNG,
		func(s session.Session, c curve.Curve, _ int) ([]byte, error) {
			var buf bytes.Buffer
			err := a.drawn(s, c, over(request.Params.X)).PNG(&buf, theme)
			return buf.Bytes(), err
		})
}

// GetCurveVegaLite implements StrictServerInterface.
func (a *API) GetCurveVegaLite(ctx context.Context, request GetCurveVegaLiteRequestObject) (GetCurveVegaLiteResponseObject, error) {
	theme, name := themeOf(string(orZero(request.Params.Theme)))
	return a.picture(ctx, request.SessionId, request.Params.Points, "vl "+name+" "+over(request.Params.X), mimeVegaLite,
		func(s session.Session, c curve.Curve, _ int) ([]byte, error) {
			var buf bytes.Buffer
			err := a.drawn(s, c, over(request.Params.X)).VegaLite(&buf, theme)
			return buf.Bytes(), err
		})
}

func (p picture) VisitGetCurveVegaLiteResponse(c *fiber.Ctx) error { return p.visit(c) }

// over reads what a curve is drawn over.
func over[T ~string](x *T) string {
	if x == nil {
		return string(AxisTime)
	}
	return string(*x)
}

// drawn is the picture that was asked for. The vehicle's own curve stands beside the charge's where it is known.
func (a *API) drawn(s session.Session, c curve.Curve, x string) interface {
	drawable
	VegaLite(w io.Writer, theme chart.Theme) error
} {
	if x == string(AxisTime) {
		return c
	}
	out := curve.BySoC{Curve: c}
	if v, err := a.Vehicles.Get(s.Vehicle); err == nil && len(v.Curve) > 0 {
		out.Reference = new(referenceOf(v))
	}
	return out
}

func themeOf(name string) (chart.Theme, string) {
	if name == string(ThemeDark) {
		return chart.Dark, name
	}
	return chart.Light, string(ThemeLight)
}

// curveJSON writes the schema Curve by hand: a curve may have fifty thousand points, and reflection over as many nullable members takes
// ten times as long.
func curveJSON(id uuid.UUID, c curve.Curve, readings int) []byte {
	out := make([]byte, 0, 128+150*len(c.Points))
	out = append(out, `{"session_id":"`...)
	out = append(out, id.String()...)
	out = append(out, `","started_at":"`...)
	out = c.Start.UTC().AppendFormat(out, time.RFC3339Nano)
	out = append(out, `","readings":`...)
	out = strconv.AppendInt(out, int64(readings), 10)
	out = append(out, `,"points":[`...)
	for i, p := range c.Points {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"at":"`...)
		out = c.Start.Add(p.Elapsed).UTC().AppendFormat(out, time.RFC3339Nano)
		out = append(out, `","elapsed_s":`...)
		out = appendNumber(out, p.Elapsed.Seconds())
		out = append(out, `,"power_kw":`...)
		out = appendNumber(out, p.PowerKW)
		out = append(out, `,"energy_kwh":`...)
		out = appendNumber(out, p.EnergyKWh)
		out = append(out, `,"soc_percent":`...)
		out = appendNumber(out, p.SoCPercent)
		out = append(out, `,"voltage_v":`...)
		out = appendNumber(out, p.VoltageV)
		out = append(out, `,"current_a":`...)
		out = appendNumber(out, p.CurrentA)
		out = append(out, '}')
	}
	return append(out, `]}`...)
}

func appendNumber(out []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(out, "null"...)
	}
	return strconv.AppendFloat(out, curve.Round(v), 'f', -1, 64)
}

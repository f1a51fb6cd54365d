package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
)

var errNoVehicle = fault.Define(fault.NotFound, "no_vehicle", "There is no such vehicle; /v1/vehicles lists those that are known")

func referenceOf(v vehicle.Vehicle) curve.Reference {
	r := curve.Reference{Name: v.Name}
	for _, p := range v.Curve {
		r.Points = append(r.Points, curve.ReferencePoint{SoCPercent: p.SoCPercent, PowerKW: p.KW})
	}
	return r
}

// vehicleCurve prepares the picture of what a vehicle takes.
func (a *API) vehicleCurve(
	id, theme, contentType string, draw func(r curve.Reference, w io.Writer, theme chart.Theme) error,
) (picture, error) {
	v, err := a.Vehicles.Get(id)
	if err != nil {
		return picture{}, errNoVehicle
	}
	look, name := themeOf(theme)
	reference := referenceOf(v)
	return picture{
		contentType: contentType, etag: tagOf(fmt.Appendf(nil, "%s %s %s %v", drawing, contentType, name, reference)), public: true,
		render: func() ([]byte, error) {
			var buf bytes.Buffer
			err := draw(reference, &buf, look)
			return buf.Bytes(), err
		},
	}, nil
}

func (p picture) VisitGetVehicleCurveSVGResponse(c *fiber.Ctx) error { return p.visit(c) }
func (p picture) VisitGetVehicleCurvePNGResponse(c *fiber.Ctx) error { return p.visit(c) }

// GetVehicleCurveSVG implements StrictServerInterface.
func (a *API) GetVehicleCurveSVG(_ context.Context, request GetVehicleCurveSVGRequestObject) (GetVehicleCurveSVGResponseObject, error) {
	return a.vehicleCurve(request.Vehicle, string(orZero(request.Params.Theme)), mimeSVG, curve.Reference.SVG)
}

// GetVehicleCurvePNG implements StrictServerInterface.
func (a *API) GetVehicleCurvePNG(_ context.Context, request GetVehicleCurvePNGRequestObject) (GetVehicleCurvePNGResponseObject, error) {
	return a.vehicleCurve(request.Vehicle, string(orZero(request.Params.Theme)), mimePNG, curve.Reference.PNG)
}

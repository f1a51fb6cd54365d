package httpapi

import (
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

const (
	mimeSVG      = "image/svg+xml"
	mimePNG      = "image/png"
	mimeCSV      = "text/csv; charset=utf-8; header=present"
	mimePDF      = "application/pdf"
	mimeVegaLite = "application/vnd.vegalite.v5+json"
)

// ErrNoForm is a resource that has no form that the caller accepts.
var ErrNoForm = fault.Define(fault.NotAcceptable, "not_acceptable", "There is no form that you accept")

// form is how a resource can be answered, and the operation that does, whose path has an extension: whoever names one wants that form.
type form struct {
	contentType string
	answer      fiber.Handler
}

// registerForms puts the paths without an extension on a router, whose parameters and queries are those of their forms.
func registerForms(router fiber.Router, handler ServerInterface) {
	in := ServerInterfaceWrapper{Handler: handler}
	router.Get("/v1/plots/:plot_id/occupancy", byAccept(
		form{fiber.MIMEApplicationJSON, in.GetPlotOccupancyJSON}, form{mimeSVG, in.GetPlotOccupancySVG}, form{mimePNG, in.GetPlotOccupancyPNG}))
	router.Get("/v1/stations/:station_id/occupancy", byAccept(
		form{fiber.MIMEApplicationJSON, in.GetStationOccupancyJSON}, form{mimeSVG, in.GetStationOccupancySVG}, form{mimePNG, in.GetStationOccupancyPNG}))
	router.Get("/v1/stations/:station_id/load", byAccept(
		form{fiber.MIMEApplicationJSON, in.GetStationLoadJSON}, form{mimeSVG, in.GetStationLoadSVG}, form{mimePNG, in.GetStationLoadPNG}))
	router.Get("/v1/sessions/:session_id/curve", byAccept(
		form{fiber.MIMEApplicationJSON, in.GetCurveJSON}, form{mimeCSV, in.GetCurveCSV}, form{mimeSVG, in.GetCurveSVG}, form{mimePNG, in.GetCurvePNG},
		form{mimeVegaLite, in.GetCurveVegaLite}))
	router.Get("/v1/sessions/:session_id/receipt", byAccept(
		form{fiber.MIMEApplicationJSON, in.GetReceipt}, form{fiber.MIMETextHTMLCharsetUTF8, in.GetReceiptHTML}, form{mimePDF, in.GetReceiptPDF}))
	router.Get("/v1/vehicles/:vehicle/curve", byAccept(form{mimeSVG, in.GetVehicleCurveSVG}, form{mimePNG, in.GetVehicleCurvePNG}))
}

// byAccept answers in the form that the Accept header likes best, and the first where it likes several alike or says nothing.
func byAccept(forms ...form) fiber.Handler {
	offers := make([]string, len(forms))
	for i, f := range forms {
		offers[i] = f.contentType
	}
	return func(c *fiber.Ctx) error {
		httpserver.Vary(c, fiber.HeaderAccept)
		i := slices.Index(offers, c.Accepts(offers...))
		if i < 0 {
			return ErrNoForm.Detailf("There are %s.", strings.Join(offers, ", "))
		}
		return forms[i].answer(c)
	}
}

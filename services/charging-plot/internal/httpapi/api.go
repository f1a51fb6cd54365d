// Package httpapi serves the public API of api/openapi/charging-plot.yaml, and the internal endpoint by which replicas reach each
// other's charge points.
package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

//go:generate go tool oapi-codegen -config oapi.yaml ../../../../api/openapi/charging-plot.yaml
//go:generate go tool oapi-codegen -config spec.yaml ../../../../api/openapi/charging-plot.yaml

// Deps are what the API stands on.
type Deps struct {
	Plots        Plots
	Changes      Changes
	Reservations Reservations
	Herald       Herald
	Terms        reservation.Terms
	Sessions     Sessions
	Desk         Desk
	Tokens       Tokens
	Vehicles     *vehicle.Catalogue
	Finished     importer.Store
	ChargePoints ChargePoints
	Upkeep       Upkeep
	Webhooks     Webhooks
	Keys         Keys
	Commands     chargepoint.Commander
	Hub          *live.Hub
	Events       live.Log
	Stations     Stations
	Occupancies  Occupancies
	Cursors      *page.Codec
	Now          func() time.Time
	Log          *slog.Logger
	// CommandTimeout is how long a charge point may take to answer a command.
	CommandTimeout time.Duration
	// Heartbeat is how often a live stream that has nothing to say says so.
	Heartbeat time.Duration
}

// Stations knows whose a station is, and where.
type Stations interface {
	// OperatorOf gives the operator of a station, false when the station is not known.
	OperatorOf(ctx context.Context, station uuid.UUID) (uuid.UUID, bool, error)
	// PlaceOf gives whose a station is and its zone, or catalog.ErrNotFound.
	PlaceOf(ctx context.Context, station uuid.UUID) (catalog.Place, error)
	// StationsIn gives up to limit stations in a box.
	StationsIn(ctx context.Context, box catalog.Box, limit int) ([]uuid.UUID, error)
}

// Changes is the plots' change feed.
type Changes interface {
	After(ctx context.Context, cursor string, limit int, wait time.Duration) (feed.Page[Plot], error)
}

// API implements the operations of the document.
type API struct {
	Deps

	plotCursors, historyCursors, reservationCursors, sessionCursors, meterCursors, chargePointCursors,
	webhookCursors, deliveryCursors, blockedCursors, tokenCursors, commandCursors, messageCursors *page.Codec
}

var _ StrictServerInterface = (*API)(nil)

// New makes the API.
func New(deps Deps) *API {
	return &API{
		Deps:        deps,
		plotCursors: deps.Cursors.For("plots"), historyCursors: deps.Cursors.For("history"),
		reservationCursors: deps.Cursors.For("reservations"), sessionCursors: deps.Cursors.For("sessions"),
		meterCursors: deps.Cursors.For("meter-values"), chargePointCursors: deps.Cursors.For("charge-points"),
		commandCursors: deps.Cursors.For("commands"), messageCursors: deps.Cursors.For("messages"),
		tokenCursors:   deps.Cursors.For("tokens"),
		webhookCursors: deps.Cursors.For("webhooks"), deliveryCursors: deps.Cursors.For("webhook-deliveries"),
		blockedCursors: deps.Cursors.For("blocked-drivers"),
	}
}

// Document is the OpenAPI document that the API is held to. It is read, which takes a moment, once in a process.
var Document = sync.OnceValues(func() (*openapi.Document, error) {
	spec, err := GetSpecJSON()
	if err != nil {
		return nil, fmt.Errorf("embedded document: %w", err)
	}
	return openapi.Load(spec)
})

// meterLimit is room for a batch of 5,000 readings that say everything.
const meterLimit = 4 << 20

// importLimit is room for as many sessions as one import takes.
const importLimit = 64 << 20

// Bodies raises the limits of request bodies where they are large by nature.
func Bodies(server *httpserver.Server) {
	server.AllowBody(fiber.MethodPost, "/v1/meter-values", meterLimit, false)
	server.AllowBody(fiber.MethodPost, "/v1/sessions/import", importLimit, true)
}

// Register puts the operations on a router, behind the document's checks and whatever comes before those.
func (a *API) Register(app fiber.Router, document *openapi.Document, before ...fiber.Handler) {
	router := document.Router(app, before...)
	router.Post("/v1/sessions/import", a.importSessions)
	handler := NewStrictHandler(a, nil)
	RegisterHandlers(router, handler)
	registerForms(router, handler)
	app.Get("/openapi/charging-plot.json", document.Handler())
}

// caller says who asks. A service of the platform, which no operator's name is on, acts for every operator within its scopes.
func caller(ctx context.Context) access.Caller {
	p, known := authn.FromContext(ctx)
	if !known {
		return access.Caller{}
	}
	return access.Caller{
		ID: p.Subject, Operator: p.Operator,
		Admin: p.Unbound(),
	}
}

// mayListFor checks a list by station or plot of an operator's, as against the caller's own things. It returns the driver that the list
// is narrowed to: nobody for those who operate the place, the caller for everybody else.
func mayListFor(c access.Caller, named bool, operator uuid.UUID) uuid.UUID {
	if named && c.Operates(operator) {
		return uuid.Nil
	}
	return c.ID
}

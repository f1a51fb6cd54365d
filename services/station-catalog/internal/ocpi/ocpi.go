// Package ocpi offers the catalogue to other parties as a sender of OCPI 2.2.1: the versions that are spoken, where their modules are,
// and the modules locations and tariffs.
//
// A party sees what its key's scope `ocpi` reaches: the stations and tariffs of one operator, or of all. What has no word in 2.2.1 is
// left out or written in the nearest word. A list that is narrowed to what changed since a time tells of removed stations too, as
// locations that are not to be published and whose EVSEs are REMOVED; a full list does not.
package ocpi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Store is what the modules need of the database. Lists are in the order in which their objects were made, and come with how many
// there are in all.
type Store interface {
	Locations(ctx context.Context, span station.Span) (found []station.Listed, total int, err error)
	// Location returns station.ErrNotFound when there never was such a station.
	Location(ctx context.Context, id uuid.UUID) (station.Listed, error)
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
	DatedTariffs(ctx context.Context, span station.Span) (found []operator.DatedTariff, total int, err error)
}

// API answers parties.
type API struct {
	store Store
	// origin is the address under which parties reach the product.
	origin string
}

// New makes the API.
func New(store Store, origin string) *API { return &API{store: store, origin: origin} }

// Most objects of a page: a location may have a thousand EVSEs.
const (
	maxLocations = 100
	maxTariffs   = 500
)

var (
	errNoReach = fault.Define(fault.Forbidden, "no_operator", "The key belongs to nobody who runs stations")
	// errNoLocation tells parties by OCPI's own code.
	errNoLocation = ocpi.As(fault.Define(fault.NotFound, "location_not_found", "There is no such location, EVSE or connector"), ocpi.UnknownLocation)
)

// Register puts the modules on a router, behind the document's checks and whatever comes before those.
func (a *API) Register(app fiber.Router, document *openapi.Document, before ...fiber.Handler) {
	router := document.Router(app, before...)
	router.Get(ocpi.Versions, a.versions)
	router.Get(ocpi.Root, a.details)
	router.Get(ocpi.Root+"/locations", a.locations)
	router.Get(ocpi.Root+"/locations/:location_id", a.location)
	router.Get(ocpi.Root+"/locations/:location_id/:evse_uid", a.location)
	router.Get(ocpi.Root+"/locations/:location_id/:evse_uid/:connector_id", a.location)
	router.Get(ocpi.Root+"/tariffs", a.tariffs)
}

type version struct {
	Version string `json:"version"`
	URL     string `json:"url"`
}

func (a *API) versions(c *fiber.Ctx) error {
	return ocpi.Write(c, http.StatusOK, []version{{ocpi.Version, a.origin + ocpi.Root}})
}

type endpoint struct {
	Identifier string `json:"identifier"`
	Role       string `json:"role"`
	URL        string `json:"url"`
}

// details tells of all modules, those of charging-plot as well: to a party the product is one.
func (a *API) details(c *fiber.Ctx) error {
	const sender, receiver = "SENDER", "RECEIVER"
	out := struct {
		Version   string     `json:"version"`
		Endpoints []endpoint `json:"endpoints"`
	}{Version: ocpi.Version}
	for _, m := range []endpoint{
		{"credentials", sender, ""},
		{"credentials", receiver, ""},
		{"locations", sender, ""},
		{"tariffs", sender, ""},
		{"sessions", sender, ""},
		{"cdrs", sender, ""},
		{"tokens", receiver, ""},
		{"commands", receiver, ""},
	} {
		m.URL = a.origin + ocpi.Root + "/" + m.Identifier
		out.Endpoints = append(out.Endpoints, m)
	}
	return ocpi.Write(c, http.StatusOK, out)
}

// span is what of a list the caller may see and asks for.
func span(c *fiber.Ctx, most int) (station.Span, ocpi.Page, error) {
	page, err := ocpi.ReadPage(c, most)
	if err != nil {
		return station.Span{}, page, err
	}
	out := station.Span{From: page.From, To: page.To, Offset: page.Offset, Limit: page.Limit}
	p, _ := authn.FromContext(c.UserContext())
	switch p.Reach(policy.OCPI) {
	case policy.All:
		return out, page, nil
	case policy.Within:
		out.Operator = &p.Operator
		return out, page, nil
	case policy.Own, policy.Nobody:
	}
	return out, page, errNoReach
}

func (a *API) locations(c *fiber.Ctx) error {
	ctx := c.UserContext()
	of, page, err := span(c, maxLocations)
	if err != nil {
		return err
	}
	found, total, err := a.store.Locations(ctx, of)
	if err != nil {
		return err
	}
	statuses, err := a.statuses(ctx, found...)
	if err != nil {
		return err
	}
	out := make([]Location, len(found))
	for i, st := range found {
		out[i] = ToLocation(st, statuses)
	}
	return ocpi.List(c, a.origin, page, total, out)
}

func (a *API) statuses(ctx context.Context, of ...station.Listed) (map[uuid.UUID]station.PlotStatus, error) {
	var evses []uuid.UUID
	for i := range of {
		for _, e := range of[i].Station.EVSEs {
			evses = append(evses, e.ID)
		}
	}
	statuses, _, err := a.store.Statuses(ctx, evses)
	return statuses, err
}

// location answers with a location, an EVSE of it or a connector of that.
func (a *API) location(c *fiber.Ctx) error {
	ctx := c.UserContext()
	id, err := uuid.Parse(c.Params("location_id"))
	if err != nil {
		return errNoLocation
	}
	found, err := a.store.Location(ctx, id)
	if errors.Is(err, station.ErrNotFound) {
		return errNoLocation.Because(err)
	}
	if err != nil {
		return err
	}
	p, _ := authn.FromContext(ctx)
	if !p.May(policy.OCPI, policy.Row{Operator: found.Station.Operator.ID}) {
		return errNoLocation
	}
	statuses, err := a.statuses(ctx, found)
	if err != nil {
		return err
	}
	whole := ToLocation(found, statuses)
	uid := c.Params("evse_uid")
	if uid == "" {
		return ocpi.Write(c, http.StatusOK, whole)
	}
	for _, e := range whole.EVSEs {
		if e.UID != uid {
			continue
		}
		plug := c.Params("connector_id")
		if plug == "" {
			return ocpi.Write(c, http.StatusOK, e)
		}
		for _, k := range e.Connectors {
			if k.ID == plug {
				return ocpi.Write(c, http.StatusOK, k)
			}
		}
	}
	return errNoLocation
}

func (a *API) tariffs(c *fiber.Ctx) error {
	of, page, err := span(c, maxTariffs)
	if err != nil {
		return err
	}
	found, total, err := a.store.DatedTariffs(c.UserContext(), of)
	if err != nil {
		return err
	}
	out := make([]ocpi.Tariff, len(found))
	for i, t := range found {
		out[i] = ocpi.TariffOf(t.Tariff, t.UpdatedAt)
	}
	return ocpi.List(c, a.origin, page, total, out)
}

// Package httpapi is the catalogue's API over HTTP, as api/openapi/station-catalog.yaml describes it, with the pages / and /docs.
package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Store is what the handlers need of the database.
type Store interface {
	Get(ctx context.Context, id uuid.UUID) (station.Station, error)
	Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]station.Station, error)
	Version(ctx context.Context, id uuid.UUID) (int64, error)
	All(ctx context.Context) iter.Seq2[station.Station, error]
	Create(ctx context.Context, by history.Author, operatorID uuid.UUID, st station.Station) (station.Station, error)
	Update(ctx context.Context, by history.Author, id uuid.UUID, change func(station.Station) (station.Station, error)) (station.Station, error)
	Remove(ctx context.Context, by history.Author, id uuid.UUID, allow func(station.Station) error) error
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
	Ratings(ctx context.Context, stations []uuid.UUID) (map[uuid.UUID]review.Rating, error)
	// Said gives what the ratings of a station come to and its newest photos, at most so many.
	Said(ctx context.Context, stationID uuid.UUID, photos int) (review.Rating, []photo.Photo, map[string]int64, error)
}

// Records are what became of stations, and which of them may be one.
type Records interface {
	OperatorOf(ctx context.Context, stationID uuid.UUID) (uuid.UUID, error)
	StationHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, error)
	Duplicates(ctx context.Context, operator *uuid.UUID, after station.PairPlace, limit int) ([]station.Duplicate, *station.PairPlace, error)
	Merge(ctx context.Context, by history.Author, survivor, duplicate uuid.UUID, allow func(survivor, duplicate station.Station) error) (station.Station, error)
	MergedInto(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error)
}

// Parties are operators.
type Parties interface {
	CreateOperator(ctx context.Context, by history.Author, o operator.Operator) (operator.Operator, error)
	Operator(ctx context.Context, id uuid.UUID) (operator.Operator, error)
	Operators(ctx context.Context, after uuid.UUID, limit int) ([]operator.Operator, error)
	UpdateOperator(ctx context.Context, by history.Author, id uuid.UUID, change func(operator.Operator) (operator.Operator, error)) (operator.Operator, error)
	RemoveOperator(ctx context.Context, by history.Author, id uuid.UUID, allow func(operator.Operator) error) error
	OperatorHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, error)
}

// Tariffs are what operators charge.
type Tariffs interface {
	CreateTariff(ctx context.Context, by history.Author, own *uuid.UUID, t tariff.Tariff) (tariff.Tariff, int64, error)
	Tariff(ctx context.Context, id uuid.UUID) (tariff.Tariff, int64, error)
	Tariffs(ctx context.Context, operatorID *uuid.UUID, after uuid.UUID, limit int) ([]tariff.Tariff, error)
	UpdateTariff(ctx context.Context, by history.Author, id uuid.UUID, change func(operator.OwnedTariff) (tariff.Tariff, error)) (tariff.Tariff, int64, error)
	RemoveTariff(ctx context.Context, by history.Author, id uuid.UUID, allow func(operator.OwnedTariff) error) error
	TariffHistory(ctx context.Context, id uuid.UUID, before int64, limit int) ([]history.Entry, uuid.UUID, error)
}

// Sources are where stations came from.
type Sources interface {
	// Provenance gives the formats that they came in.
	Provenance(ctx context.Context) ([]string, error)
}

// Fetches bring in files that stand elsewhere.
type Fetches interface {
	Check(target string) error
	Open(ctx context.Context, imp transfer.Import, target, token string) (uuid.UUID, error)
}

// Changes is the feed of stations.
type Changes interface {
	After(ctx context.Context, cursor string, limit int, wait time.Duration) (feed.Page[station.Station], error)
}

// Cache keeps documents of stations, by id and version.
type Cache interface {
	Get(ctx context.Context, key string, load func(context.Context) ([]byte, error)) ([]byte, error)
}

// Config is what the API is made of.
type Config struct {
	Store       Store
	Parties     Parties
	Records     Records
	Tariffs     Tariffs
	Reviews     Reviews
	Photos      Photos
	Reports     Reports
	Suggestions Suggestions
	// Contributions are what people have said.
	Contributions Contributions
	Imports       transfer.Store
	Uploads       transfer.Uploads
	Formats       map[string]transfer.Format
	Fetches       Fetches
	Changes       Changes
	Finder        *find.Finder
	Relay         Relay
	Sources       Sources
	// Origin is the address under which callers reach the product.
	Origin string
	// Vehicles are the cars that a charge can be priced for.
	Vehicles *vehicle.Catalogue
	Cache    Cache
	Cursors  *page.Codec
	// Submitted is called when an import waits for a worker.
	Submitted func()
	Log       *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// API handles the operations.
type API struct {
	Config
	searches      *page.Codec
	operators     *page.Codec
	findings      *page.Codec
	tariffs       *page.Codec
	pairs         *page.Codec
	versions      *page.Codec
	reviews       *page.Codec
	reports       *page.Codec
	contributions *page.Codec
	suggestions   *page.Codec
	moderation    *page.Codec
	photos        *page.Codec
	// desk and darkroom bound what photos that are being sent take.
	desk     photo.Desk
	darkroom *photo.Darkroom
	// provenance is what Sources said last.
	provenance atomic.Pointer[[]string]
}

// New makes the API.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &API{
		Config:   cfg,
		searches: cfg.Cursors.For("stations"), operators: cfg.Cursors.For("operators"), findings: cfg.Cursors.For("findings"),
		tariffs: cfg.Cursors.For("tariffs"), pairs: cfg.Cursors.For("duplicates"), versions: cfg.Cursors.For("history"),
		reviews: cfg.Cursors.For("reviews"), reports: cfg.Cursors.For("reports"), contributions: cfg.Cursors.For("contributions"),
		suggestions: cfg.Cursors.For("suggestions"), moderation: cfg.Cursors.For("moderation"),
		photos: cfg.Cursors.For("photos"), darkroom: photo.NewDarkroom(),
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

// Register registers every route, behind the document's checks. The handlers of before run first in each operation.
func (a *API) Register(server *httpserver.Server, document *openapi.Document, before ...fiber.Handler) error {
	app := server.App()
	server.AllowBody(fiber.MethodPost, "/v1/imports", transfer.MaxUpload, true)
	server.AllowBody(fiber.MethodPatch, "/v1/imports/uploads/:upload_id", transfer.MaxUpload, true)
	server.AllowBody(fiber.MethodPost, openapi.FiberPath(photosPath), photo.MostBytes, true)
	server.AllowBody(fiber.MethodPost, "/v1/stations", stationLimit, false)
	server.AllowBody(fiber.MethodPatch, "/v1/stations/:station_id", stationLimit, false)
	server.AllowBody(fiber.MethodPost, "/v1/suggestions", suggestionLimit, false)
	server.AllowBody(fiber.MethodPatch, "/v1/suggestions/:suggestion_id", suggestionLimit, false)
	router := document.Router(app, before...)
	router.Also(fiber.MethodGet, "/v1/stations", a.lookAtSearch)
	router.Also(fiber.MethodGet, "/v1/stations/clusters", a.lookAtMap)
	router.Also(fiber.MethodGet, tilesPath, a.lookAtTile)
	router.Also(fiber.MethodGet, "/v1/tiles.json", a.lookAtMap)
	router.Also(fiber.MethodPost, "/v1/stations", lookAtStation)
	router.Also(fiber.MethodPatch, "/v1/stations/{station_id}", lookAtStation)
	router.Also(fiber.MethodPost, "/v1/stations/{station_id}/reviews", a.lookAtReview)
	router.Also(fiber.MethodPatch, "/v1/stations/{station_id}/reviews/{review_id}", a.lookAtReview)
	router.Also(fiber.MethodPost, "/v1/stations/{station_id}/reports", a.lookAtReport)
	router.Also(fiber.MethodPut, "/v1/stations/{station_id}/reports/{report_id}/handling", lookAtHandling)
	router.Also(fiber.MethodPost, "/v1/suggestions", lookAtSuggestion)
	router.Also(fiber.MethodPatch, "/v1/suggestions/{suggestion_id}", lookAtSuggestionPatch)
	router.Also(fiber.MethodPost, photosPath, lookAtPhoto)
	router.Also(fiber.MethodPatch, photoPath, lookAtCaption)
	router.Get("/v1/stations", a.searchStations)
	router.Get("/v1/stations/changes", a.listStationChanges) // before the station of an id
	router.Get("/v1/stations/clusters", a.clusterStations)
	router.Get("/v1/stations/duplicates", a.listDuplicates)
	router.Get("/v1/tiles.json", a.getTileJSON)
	router.Get(openapi.FiberPath(tilesPath), a.getTile)
	router.Get("/v1/exports/stations.ndjson", a.export("application/x-ndjson", exportLines))
	router.Get("/v1/exports/stations.geojson", a.export("application/geo+json", exportGeoJSON))
	router.Get("/v1/exports/stations.csv", a.export("text/csv; charset=utf-8", exportCSV))
	for _, path := range servedByPlots {
		router.Get("/v1/stations/:station_id/"+path, a.passToPlots)
	}
	router.Post(openapi.FiberPath(photosPath), a.createPhoto)
	router.Get(openapi.FiberPath(picturePath), a.getPicture)
	router.Post("/v1/imports", a.startImport)
	router.Patch("/v1/imports/uploads/:upload_id", a.appendImportUpload)
	RegisterHandlers(router, NewStrictHandler(a, nil))
	app.Get("/openapi/station-catalog.json", document.Handler())
	return registerPages(app)
}

// stationLimit is room for a station of a thousand EVSEs.
const stationLimit = 4 << 20

// jsonAnswer is an answer of any operation: JSON, with an ETag.
type jsonAnswer struct {
	status   int
	body     any
	etag     string
	location string
	next     string
}

func (j jsonAnswer) visit(c *fiber.Ctx) error {
	if j.location != "" {
		c.Set(fiber.HeaderLocation, j.location)
	}
	page.Link(c, j.next)
	if j.etag != "" && j.status == fiber.StatusOK && c.Method() == fiber.MethodGet && httpserver.NotModified(c, j.etag) {
		return nil
	}
	if j.etag != "" {
		c.Set(fiber.HeaderETag, j.etag)
	}
	text, err := json.Marshal(j.body)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	c.Status(j.status)
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(text)
	return nil
}

// The answers that the generated interfaces ask for.
func (j jsonAnswer) VisitCreateConnectorResponse(c *fiber.Ctx) error     { return j.visit(c) }
func (j jsonAnswer) VisitCreateEvseResponse(c *fiber.Ctx) error          { return j.visit(c) }
func (j jsonAnswer) VisitCreateOperatorResponse(c *fiber.Ctx) error      { return j.visit(c) }
func (j jsonAnswer) VisitCreateStationResponse(c *fiber.Ctx) error       { return j.visit(c) }
func (j jsonAnswer) VisitCreateTariffResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitCreateSuggestionResponse(c *fiber.Ctx) error    { return j.visit(c) }
func (j jsonAnswer) VisitDecideSuggestionResponse(c *fiber.Ctx) error    { return j.visit(c) }
func (j jsonAnswer) VisitGetSuggestionResponse(c *fiber.Ctx) error       { return j.visit(c) }
func (j jsonAnswer) VisitListModerationResponse(c *fiber.Ctx) error      { return j.visit(c) }
func (j jsonAnswer) VisitListSuggestionsResponse(c *fiber.Ctx) error     { return j.visit(c) }
func (j jsonAnswer) VisitUpdateSuggestionResponse(c *fiber.Ctx) error    { return j.visit(c) }
func (j jsonAnswer) VisitCreateReviewResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitGetReviewResponse(c *fiber.Ctx) error           { return j.visit(c) }
func (j jsonAnswer) VisitListReviewsResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitModerateReviewResponse(c *fiber.Ctx) error      { return j.visit(c) }
func (j jsonAnswer) VisitUpdateReviewResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitCreateReportResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitGetReportResponse(c *fiber.Ctx) error           { return j.visit(c) }
func (j jsonAnswer) VisitHandleReportResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitListContributionsResponse(c *fiber.Ctx) error   { return j.visit(c) }
func (j jsonAnswer) VisitListReportsResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitListStationReportsResponse(c *fiber.Ctx) error  { return j.visit(c) }
func (j jsonAnswer) VisitUpdateReportResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitGetPhotoResponse(c *fiber.Ctx) error            { return j.visit(c) }
func (j jsonAnswer) VisitListPhotosResponse(c *fiber.Ctx) error          { return j.visit(c) }
func (j jsonAnswer) VisitModeratePhotoResponse(c *fiber.Ctx) error       { return j.visit(c) }
func (j jsonAnswer) VisitUpdatePhotoResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitDeleteConnectorResponse(c *fiber.Ctx) error     { return j.visit(c) }
func (j jsonAnswer) VisitDeleteEvseResponse(c *fiber.Ctx) error          { return j.visit(c) }
func (j jsonAnswer) VisitFetchImportResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitGetImportResponse(c *fiber.Ctx) error           { return j.visit(c) }
func (j jsonAnswer) VisitGetOperatorResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitGetReferenceResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitGetStationResponse(c *fiber.Ctx) error          { return j.visit(c) }
func (j jsonAnswer) VisitGetStatsResponse(c *fiber.Ctx) error            { return j.visit(c) }
func (j jsonAnswer) VisitGetTariffResponse(c *fiber.Ctx) error           { return j.visit(c) }
func (j jsonAnswer) VisitListImportFindingsResponse(c *fiber.Ctx) error  { return j.visit(c) }
func (j jsonAnswer) VisitListOperatorHistoryResponse(c *fiber.Ctx) error { return j.visit(c) }
func (j jsonAnswer) VisitListOperatorsResponse(c *fiber.Ctx) error       { return j.visit(c) }
func (j jsonAnswer) VisitListStationHistoryResponse(c *fiber.Ctx) error  { return j.visit(c) }
func (j jsonAnswer) VisitListTariffHistoryResponse(c *fiber.Ctx) error   { return j.visit(c) }
func (j jsonAnswer) VisitListTariffsResponse(c *fiber.Ctx) error         { return j.visit(c) }
func (j jsonAnswer) VisitMergeStationResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitQuoteStationResponse(c *fiber.Ctx) error        { return j.visit(c) }
func (j jsonAnswer) VisitUpdateConnectorResponse(c *fiber.Ctx) error     { return j.visit(c) }
func (j jsonAnswer) VisitUpdateEvseResponse(c *fiber.Ctx) error          { return j.visit(c) }
func (j jsonAnswer) VisitUpdateOperatorResponse(c *fiber.Ctx) error      { return j.visit(c) }
func (j jsonAnswer) VisitUpdateStationResponse(c *fiber.Ctx) error       { return j.visit(c) }
func (j jsonAnswer) VisitUpdateTariffResponse(c *fiber.Ctx) error        { return j.visit(c) }

// versionTag is the ETag of a resource that has a version.
func versionTag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

var (
	_ StrictServerInterface = (*API)(nil)
	_ io.Reader             = (*countingReader)(nil)
)

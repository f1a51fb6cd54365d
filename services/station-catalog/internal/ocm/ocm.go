// Package ocm speaks the reading part of Open Charge Map's API, version 3, so that its clients work with this catalogue unchanged:
//
//	GET /ocm/v3/poi            stations as points of interest, found by the search that answers /v1/stations
//	GET /ocm/v3/referencedata  the tables that their ids refer to
//
// both with a slash at the end as well. Ids of kinds, statuses and countries are Open Charge Map's, those of points and operators the
// numbers that the catalogue gives. What a filter asks holds, or the request is refused with a problem that names it.
package ocm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Finder searches.
type Finder interface {
	Find(ctx context.Context, q *find.Query) ([]uuid.UUID, find.Page, error)
}

// Store is what points are made of.
type Store interface {
	Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]station.Station, error)
	Statuses(ctx context.Context, evses []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error)
	StationsNumbered(ctx context.Context, numbers []int64) ([]uuid.UUID, error)
	OperatorsNumbered(ctx context.Context, numbers []int64) ([]uuid.UUID, error)
	OperatorsByID(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]operator.Operator, error)
	Operators(ctx context.Context, after uuid.UUID, limit int) ([]operator.Operator, error)
}

// Reviews are what drivers said of stations.
type Reviews interface {
	// ReviewsOf gives the newest reviews of each station that everybody may see, at most so many.
	ReviewsOf(ctx context.Context, stations []uuid.UUID, each int) (map[uuid.UUID][]review.Review, error)
}

// Photos are the pictures that drivers took of stations.
type Photos interface {
	// PhotosOf gives the newest photos of each station that everybody may see, at most so many.
	PhotosOf(ctx context.Context, stations []uuid.UUID, each int) (map[uuid.UUID][]photo.Photo, error)
}

// API answers clients of Open Charge Map.
type API struct {
	finder  Finder
	store   Store
	reviews Reviews
	photos  Photos
	// origin is the address under which clients reach the product.
	origin string
	now    func() time.Time
}

// New makes the API. now is the clock.
func New(finder Finder, store Store, reviews Reviews, photos Photos, origin string, now func() time.Time) *API {
	return &API{finder: finder, store: store, reviews: reviews, photos: photos, origin: origin, now: now}
}

// Routes are those of points, which are as dear as they are large.
var Routes = []string{"GET " + poiPath, "GET " + poiPath + "/"}

const (
	poiPath       = "/ocm/v3/poi"
	referencePath = "/ocm/v3/referencedata"
)

// Register puts the routes on a router, behind the document's checks and whatever comes before those.
func (a *API) Register(app fiber.Router, document *openapi.Document, before ...fiber.Handler) {
	router := document.Router(app, append([]fiber.Handler{tidy}, before...)...)
	for _, slash := range []string{"", "/"} {
		router.Also(http.MethodGet, poiPath+slash, a.look)
		router.Get(poiPath+slash, a.points)
		router.Get(referencePath+slash, a.reference)
	}
}

const (
	// chunk is how many stations are read at once, and how many are held in memory beside the answer.
	chunk = 500
	// mostJudged is how many stations may be read to find those that the search cannot tell.
	mostJudged = 20_000
	// mostComments is how many comments are told of a station, the newest ones.
	mostComments = 50
	// operatorsAtOnce is how many operators are read at once.
	operatorsAtOnce = 1000
)

var errTooMany = fault.Define(fault.Unprocessable, "too_many_stations", "Too many stations would have to be looked at")

// look gives the faults of a query that the document refuses for others.
func (a *API) look(c *fiber.Ctx) error {
	_, err := readQuery(string(c.Context().URI().QueryString()), a.now())
	return err
}

func (a *API) points(c *fiber.Ctx) error {
	q, err := readQuery(string(c.Context().URI().QueryString()), a.now())
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if err := a.resolve(ctx, q); err != nil {
		return err
	}
	w := &writer{form: q.form, dst: make([]byte, 0, 1<<16)}
	contentType := fiber.MIMEApplicationJSON
	if q.geo {
		w.form = form{camel: true, objects: q.objects}
		contentType = "application/geo+json"
		w.open("")
		w.given("type", "FeatureCollection")
		w.list("features")
	} else {
		w.list("")
	}
	if !q.nothing {
		total, told, err := a.search(ctx, q, func(found []poi) error { return a.write(ctx, w, q, found) })
		if err != nil {
			return err
		}
		if told {
			c.Set("X-Total-Count", strconv.Itoa(total))
		}
	}
	w.end()
	if q.geo {
		w.close()
	}
	return answer(c, contentType, w.dst)
}

// answer sends a body with an ETag, which is the same on every replica that gives the same answer.
func answer(c *fiber.Ctx, contentType string, body []byte) error {
	sum := sha256.Sum256(body)
	if httpserver.NotModified(c, `"`+hex.EncodeToString(sum[:8])+`"`) {
		return nil
	}
	c.Response().Header.SetContentType(contentType)
	c.Response().SetBodyRaw(body)
	return nil
}

// resolve looks up numbers.
func (a *API) resolve(ctx context.Context, q *query) (err error) {
	if q.numbers != nil {
		if q.IDs, err = a.store.StationsNumbered(ctx, q.numbers); err != nil {
			return err
		}
		q.nothing = q.nothing || len(q.IDs) == 0
	}
	if q.operators != nil {
		if q.Operators, err = a.store.OperatorsNumbered(ctx, q.operators); err != nil {
			return err
		}
		q.nothing = q.nothing || len(q.Operators) == 0
	}
	return nil
}

// search gives take the points that are found, in their order, some at a time. told says that the total of all that match is known.
func (a *API) search(ctx context.Context, q *query, take func([]poi) error) (total int, told bool, err error) {
	if q.judged {
		return 0, false, a.judge(ctx, q, take)
	}
	ids, page, err := a.finder.Find(ctx, &q.Query)
	if err != nil {
		return 0, false, err
	}
	for some := range slices.Chunk(ids, chunk) {
		found, err := a.load(ctx, some)
		if err == nil {
			err = take(found)
		}
		if err != nil {
			return 0, false, err
		}
	}
	return page.Total, true, nil
}

// judge looks at what the search finds until there are as many points as are asked for.
func (a *API) judge(ctx context.Context, q *query, take func([]poi) error) error {
	left, looked := q.Limit, 0
	for ask := q.Query; left > 0; {
		ask.Limit = chunk
		ids, page, err := a.finder.Find(ctx, &ask)
		if err != nil {
			return err
		}
		found, err := a.load(ctx, ids)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(p poi) bool { return !q.keeps(&p) })
		found = found[:min(left, len(found))]
		if err := take(found); err != nil {
			return err
		}
		left -= len(found)
		if looked += len(ids); page.Next == nil {
			return nil
		}
		if ask.After = page.Next; looked >= mostJudged && left > 0 {
			return errTooMany.Detailf("more than %d stations would have to be read to find %d that match; ask for a smaller place", mostJudged, q.Limit).
				At(q.judging()...)
		}
	}
	return nil
}

// load reads stations whole, in the order of the ids, without those that have just been removed.
func (a *API) load(ctx context.Context, ids []uuid.UUID) ([]poi, error) {
	stations, err := a.store.Load(ctx, ids)
	if err != nil {
		return nil, err
	}
	var evses []uuid.UUID
	for _, st := range stations {
		for i := range st.EVSEs {
			evses = append(evses, st.EVSEs[i].ID)
		}
	}
	told, _, err := a.store.Statuses(ctx, evses)
	if err != nil {
		return nil, err
	}
	out := make([]poi, 0, len(ids))
	for _, id := range ids {
		if st, there := stations[id]; there {
			out = append(out, toPOI(&st, told))
		}
	}
	return out, nil
}

// write writes points.
func (a *API) write(ctx context.Context, w *writer, q *query, found []poi) error {
	in := &setting{origin: a.origin, now: q.Now}
	if w.objects {
		var ids []uuid.UUID
		for i := range found {
			if id := found[i].Operator.ID; !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		var err error
		if in.operators, err = a.store.OperatorsByID(ctx, ids); err != nil {
			return err
		}
	}
	if q.comments {
		ids := make([]uuid.UUID, len(found))
		for i := range found {
			ids[i] = found[i].ID
		}
		var err error
		if in.reviews, err = a.reviews.ReviewsOf(ctx, ids, mostComments); err != nil {
			return err
		}
		if in.photos, err = a.photos.PhotosOf(ctx, ids, photo.MostOfDocument); err != nil {
			return err
		}
	}
	for i := range found {
		p := &found[i]
		if at := q.from(p); q.geo {
			w.feature(p, at, in, q.nulls)
		} else {
			w.poi("", p, at, in)
		}
	}
	return nil
}

// from measures how far away a point is, where a point was given.
func (q *query) from(p *poi) placed {
	if q.Place == nil || q.Place.Near == nil {
		return placed{distance: -1}
	}
	metres := search.Metres(search.Chord2(search.Unit(q.Place.Near.Latitude, q.Place.Near.Longitude), search.Unit(p.Latitude, p.Longitude)))
	if q.miles {
		return placed{metres / metresPerMile, true}
	}
	return placed{metres / metresPerKM, false}
}

func (a *API) reference(c *fiber.Ctx) error {
	var all []operator.Operator
	for after := uuid.Nil; ; {
		some, err := a.store.Operators(c.UserContext(), after, operatorsAtOnce)
		if err != nil {
			return err
		}
		if all = append(all, some...); len(some) < operatorsAtOnce {
			break
		}
		after = some[len(some)-1].ID
	}
	slices.SortFunc(all, func(a, b operator.Operator) int { return int(a.Number - b.Number) })
	w := &writer{form: form{nulls: c.Query("verbose") == "true", camel: c.Query("camelcase") == "true"}}
	w.reference(all, a.origin)
	return answer(c, fiber.MIMEApplicationJSON, w.dst)
}

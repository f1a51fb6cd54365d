package httpapi

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/tiles"
)

const (
	tilesPath = "/v1/tiles/{z}/{x}/{y}.mvt"
	// A copy of a tile may tell of statuses that are so old. MapLibre asks again by itself when that is over.
	tileCaching     = "public, max-age=15"
	tileJSONCaching = "public, max-age=300"
)

// getTile is on the hot path, as the search is.
func (a *API) getTile(c *fiber.Ctx) error {
	r, tile := readers.Get(), tiles.Get()
	defer readers.Put(r)
	defer tiles.Put(tile)
	if err := a.readTile(c, r, tile); err != nil {
		return err
	}
	if err := a.Finder.Tile(c.UserContext(), &r.q, &tile.Tile); err != nil {
		return err
	}
	body, err := tile.Marshal()
	if err != nil {
		return err
	}
	c.Response().Header.Set(fiber.HeaderCacheControl, tileCaching)
	if httpserver.NotModified(c, bodyTag(body)) {
		return nil
	}
	c.Response().Header.SetContentType("application/vnd.mapbox-vector-tile")
	c.Response().SwapBody(body)
	return nil
}

// readTile reads the path and the query.
func (a *API) readTile(c *fiber.Ctx, r *queryReader, tile *tiles.Tile) error {
	a.readMap(c, r)
	zoom, err := strconv.Atoi(c.Params("z"))
	if err != nil || zoom < 0 || zoom > tiles.MaxZoom {
		return r.fault() // the document says so
	}
	x, y := r.tile(c, "x", zoom), r.tile(c, "y", zoom)
	if err := r.fault(); err != nil {
		return err
	}
	tile.Begin(zoom, x, y)
	return nil
}

// tile reads the column or the row of a tile.
func (r *queryReader) tile(c *fiber.Ctx, name string, zoom int) uint32 {
	v := whole(c.Params(name))
	if v>>zoom > 0 {
		r.wrong(name, "range", "must be less than 2^z")
	}
	return uint32(v) //nolint:gosec // the document bounds it
}

func (a *API) lookAtTile(c *fiber.Ctx) error { return a.readTile(c, new(queryReader), new(tiles.Tile)) }

// formats are those that stations came in, as far as it is known while the database is away.
func (a *API) formats(c *fiber.Ctx) ([]string, error) {
	formats, err := a.Sources.Provenance(c.UserContext())
	if err == nil {
		a.provenance.Store(&formats)
		return formats, nil
	}
	if known := a.provenance.Load(); known != nil {
		return *known, nil
	}
	return nil, err
}

// getTileJSON tells of the tiles that have the filters of the query.
func (a *API) getTileJSON(c *fiber.Ctx) error {
	if err := a.lookAtMap(c); err != nil {
		return err
	}
	formats, err := a.formats(c)
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(a.Origin, "/") + tilesPath
	if query := string(c.Context().URI().QueryString()); query != "" {
		address += "?" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(query) // what is in braces is replaced by whoever asks
	}
	document := tiles.Describe(address, tiles.Attribution(formats))
	tag, err := contentTag(document)
	if err != nil {
		return err
	}
	c.Response().Header.Set(fiber.HeaderCacheControl, tileJSONCaching)
	return jsonAnswer{status: fiber.StatusOK, body: document, etag: tag}.visit(c)
}

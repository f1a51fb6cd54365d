package httpapi

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// searchCursor is where the next page begins, and the query that it is the next page of.
type searchCursor struct {
	Query uint64        `json:"q"`
	After search.Cursor `json:"a"`
}

const (
	defaultRadiusM = 10_000
	metresPerKM    = 1000
	wattsPerKW     = 1000
)

// searchStations is the hot path. The query has been checked against the document; here it is read without reflection, and the
// answer is put together of items that are rendered already, in the memory that the response has from earlier ones.
func (a *API) searchStations(c *fiber.Ctx) error {
	raw := c.Context().URI().QueryString()
	q, same, err := a.searchQuery(raw)
	if err != nil {
		return err
	}
	body := append(c.Response().SwapBody(nil)[:0], `{"items":[`...)
	body, found, err := a.Finder.Search(c.UserContext(), &q, body)
	if err != nil {
		return err
	}
	body = append(body, `],"total":`...)
	body = strconv.AppendInt(body, int64(found.Total), 10)
	body = append(body, `,"statuses_as_of":`...)
	if found.StatusesAsOf.IsZero() {
		body = append(body, `null`...)
	} else {
		body = append(found.StatusesAsOf.AppendFormat(append(body, '"'), time.RFC3339), '"')
	}
	body = append(body, `,"next_cursor":"`...)
	if found.Next != nil {
		next := a.searches.Encode(searchCursor{Query: same, After: *found.Next})
		body = append(body, next...)
		c.Response().Header.Set(fiber.HeaderLink, nextLink(raw, next))
	}
	body = append(body, `"}`...)
	if httpserver.NotModified(c, bodyTag(body)) {
		return nil
	}
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SwapBody(body)
	return nil
}

// nextLink is page.Link for this path: the query as it came, with another cursor.
func nextLink(raw []byte, next string) string {
	var link strings.Builder
	link.Grow(len(raw) + len(next) + 48)
	link.WriteString("</v1/stations?")
	for rest := string(raw); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if name, _, _ := strings.Cut(pair, "="); pair == "" || unescape(name) == "cursor" {
			continue
		}
		link.WriteString(pair)
		link.WriteByte('&')
	}
	link.WriteString("cursor=")
	link.WriteString(next)
	link.WriteString(`>; rel="next"`)
	return link.String()
}

// bodyTag is the ETag of an answer by its bytes: the same on every replica that gives the same answer.
func bodyTag(body []byte) string {
	var tag [18]byte
	const digits = "0123456789abcdef"
	h := xxhash.Sum64(body)
	tag[0], tag[17] = '"', '"'
	for i := 16; i >= 1; i-- {
		tag[i] = digits[h&15]
		h >>= 4
	}
	return string(tag[:])
}

// searchQuery reads the query string. It also gives a fingerprint of what makes a query the same on its next page: everything but
// the cursor and the limit.
func (a *API) searchQuery(raw []byte) (find.Query, uint64, error) {
	r := queryReader{q: find.Query{Limit: page.DefaultLimit}, radius: defaultRadiusM}
	for rest := string(raw); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(pair, "%+") {
			name, value = unescape(name), unescape(value)
		}
		r.take(name, value)
		if name != "cursor" && name != "limit" && name != "" {
			r.same = (r.same ^ xxhash.Sum64String(name+"="+value)) * 1099511628211
		}
	}
	r.finish()
	if len(r.faults) > 0 {
		return r.q, 0, errUnknownValue.Detailf("%s %s", r.faults[0].Parameter, r.faults[0].Detail).At(r.faults...)
	}
	if r.cursor == "" {
		return r.q, r.same, nil
	}
	var cursor searchCursor
	if err := a.searches.Decode(r.cursor, &cursor); err != nil {
		return r.q, 0, err
	}
	if cursor.Query != r.same {
		return r.q, 0, page.ErrBadCursor.Detailf("the cursor belongs to another query")
	}
	r.q.After = &cursor.After
	return r.q, r.same, nil
}

// unescape decodes what has been checked to be decodable.
func unescape(s string) string {
	decoded, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return decoded
}

// queryReader reads one parameter after the other.
type queryReader struct {
	q         find.Query
	radius    float64
	hasRadius bool
	cursor    string
	same      uint64
	faults    []fault.Field
}

func (r *queryReader) wrong(parameter, code, detail string) {
	r.faults = append(r.faults, fault.Field{Parameter: parameter, Code: code, Detail: detail})
}

func (r *queryReader) take(name, value string) {
	switch name {
	case "near":
		r.near(value)
	case "radius_km":
		r.radius, r.hasRadius = number(value)*metresPerKM, true
	case "bbox":
		r.box(value)
	case "connector":
		for standard := range strings.SplitSeq(value, ",") {
			if !reference.ConnectorStandards.Has(standard) {
				r.wrong(name, "enum", strconv.Quote(standard)+" is not a connector standard; GET /v1/reference lists them")
			}
			r.q.Standards = append(r.q.Standards, standard)
		}
	case "min_power_kw":
		r.q.MinPowerW = uint32(math.Ceil(number(value)*wattsPerKW - rounding))
	case "max_power_kw":
		r.q.MaxPowerW = max(1, uint32(math.Floor(number(value)*wattsPerKW+rounding)))
	case "available":
		r.q.Available = value == "true"
	case "operator":
		r.q.Operators = r.ids(name, value, r.q.Operators)
	case "country":
		for country := range strings.SplitSeq(value, ",") {
			r.q.Countries = append(r.q.Countries, country)
		}
	case "access":
		for access := range strings.SplitSeq(value, ",") {
			r.q.Access = append(r.q.Access, access)
		}
	case "id":
		r.q.IDs = r.ids(name, value, r.q.IDs)
	case "limit":
		r.q.Limit, _ = strconv.Atoi(value) // it has been checked
	case "cursor":
		r.cursor = value
	}
}

// rounding keeps 7.4 kW from becoming more than 7,400 W.
const rounding = 1e-6

// number reads what has been checked to be a number.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

func (r *queryReader) near(value string) {
	first, second, _ := strings.Cut(value, ",")
	lat, lon := number(first), number(second)
	if !(math.Abs(lat) <= 90) || !(math.Abs(lon) <= 180) {
		r.wrong("near", "range", "must be a latitude from -90 to 90 and a longitude from -180 to 180")
	}
	r.q.Near = &find.Circle{Latitude: lat, Longitude: lon}
}

func (r *queryReader) box(value string) {
	var corners [4]float64
	for i := range corners {
		var corner string
		corner, value, _ = strings.Cut(value, ",")
		corners[i] = number(corner)
	}
	b := &find.Box{West: corners[0], South: corners[1], East: corners[2], North: corners[3]}
	if !(math.Abs(b.West) <= 180) || !(math.Abs(b.East) <= 180) || !(math.Abs(b.South) <= 90) || !(math.Abs(b.North) <= 90) {
		r.wrong("bbox", "range", "must be west, south, east, north; longitudes from -180 to 180, latitudes from -90 to 90")
	} else if b.South > b.North {
		r.wrong("bbox", "order", "must have its south below its north")
	}
	r.q.Box = b
}

// mostIDs is how many ids a list may have in all.
const mostIDs = 500

func (r *queryReader) ids(name, value string, all []uuid.UUID) []uuid.UUID {
	for text := range strings.SplitSeq(value, ",") {
		id, err := uuid.Parse(text)
		if err != nil {
			r.wrong(name, "format", strconv.Quote(text)+" is not an id")
			continue
		}
		all = append(all, id)
	}
	if len(all) > mostIDs {
		r.wrong(name, "items", "must have at most 500 ids")
	}
	return all
}

func (r *queryReader) finish() {
	switch {
	case r.q.Near != nil && r.q.Box != nil:
		r.wrong("bbox", "contradiction", "must not stand beside near: one place at most")
	case r.q.Near == nil && r.hasRadius:
		r.wrong("radius_km", "dependency", "must stand beside near")
	case r.q.Near != nil:
		r.q.Near.RadiusM = r.radius
	}
	if r.q.MaxPowerW > 0 && r.q.MinPowerW > r.q.MaxPowerW {
		r.wrong("max_power_kw", "order", "must not be less than min_power_kw")
	}
}

package ocm

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const (
	defaultResults = 100
	metresPerMile  = 1609.344
	metresPerKM    = 1000
	// everywhereM is farther than any place on the globe is from another.
	everywhereM      = 20_100_000
	defaultCorridorM = 5_000
	mostCorners      = 1000
	mostRoutePlaces  = 2500
	rounding         = 1e-6 // keeps 7.4 kW from becoming more than 7,400 W
)

// query is what a request for points asks.
type query struct {
	find.Query
	form
	// numbers are those of stations and operators numbers of operators, which the database knows; nil: any.
	numbers, operators []int64
	// nothing says that a condition holds for no station.
	nothing bool
	// What the search cannot tell, or not exactly; nil: any. The first two hold on one connection, as its power does.
	types, levels, statuses, usages []int
	judged                          bool

	miles    bool
	geo      bool
	comments bool
}

// reader reads the parameters of a query that has been checked against the document.
type reader struct {
	query
	values url.Values
	faults []fault.Field
}

// readQuery gives every fault of a query at once.
func readQuery(raw string, now time.Time) (*query, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, openapi.ErrInvalid.Detailf("the query cannot be decoded").Because(err)
	}
	r := &reader{values: values}
	r.Now = now
	r.Limit = r.whole("maxresults", defaultResults)
	r.answer()
	r.place()
	r.plug()
	r.site()
	r.order()
	if len(r.faults) > 0 {
		return nil, openapi.ErrInvalid.Detailf("%s %s", r.faults[0].Parameter, r.faults[0].Detail).At(r.faults...)
	}
	return &r.query, nil
}

func (r *reader) wrong(parameter, code, detail string) {
	r.faults = append(r.faults, fault.Field{Parameter: parameter, Code: code, Detail: detail})
}

func (r *reader) has(name string) bool { return r.values.Has(name) }

// number reads a number, 0 when it is not given.
func (r *reader) number(name string) float64 {
	if !r.has(name) {
		return 0
	}
	v, err := strconv.ParseFloat(r.values.Get(name), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		r.wrong(name, "type", "must be a number")
		return 0
	}
	return v
}

func (r *reader) whole(name string, otherwise int) int {
	if !r.has(name) {
		return otherwise
	}
	v, err := strconv.Atoi(r.values.Get(name))
	if err != nil {
		r.wrong(name, "type", "must be a whole number")
	}
	return v
}

func (r *reader) is(name string, otherwise bool) bool {
	if !r.has(name) {
		return otherwise
	}
	return r.values.Get(name) == "true"
}

// ids reads a list that is comma-joined or repeated; nil when it is not given.
func (r *reader) ids(name string) (out []int64) {
	for _, value := range r.values[name] {
		for text := range strings.SplitSeq(value, ",") {
			id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				r.wrong(name, "type", strconv.Quote(text)+" is not a whole number")
				return nil
			}
			out = append(out, id)
		}
	}
	return out
}

// table reads a list of ids of a table.
func (r *reader) table(name string) (out []int) {
	for _, id := range r.ids(name) {
		out = append(out, int(id))
	}
	return out
}

// answer reads how to answer.
func (r *reader) answer() {
	compact := r.is("compact", false)
	r.form = form{nulls: r.is("verbose", true), camel: r.is("camelcase", false), objects: !compact}
	r.comments = r.is("includecomments", false)
	r.miles = r.values.Get("distanceunit") != "km" && r.values.Get("distanceunit") != "kilometers"
	r.geo = r.values.Get("output") == "geojson"
	if r.is("opendata", false) {
		r.wrong("opendata", "unsupported", "cannot be true: the licences of stations are not known here")
	}
}

// distanceM is the distance asked for.
func (r *reader) distanceM(otherwise float64) float64 {
	unit := float64(metresPerKM)
	if r.miles {
		unit = metresPerMile
	}
	if !r.has("distance") {
		return otherwise
	}
	return min(r.number("distance")*unit, everywhereM)
}

// place reads where. A box, a polygon and a line take the place of a point, as they do at Open Charge Map.
func (r *reader) place() {
	var given []string
	for _, name := range []string{"boundingbox", "polygon", "polyline"} {
		if r.has(name) {
			given = append(given, name)
		}
	}
	for i := 1; i < len(given); i++ {
		r.wrong(given[i], "contradiction", "must not stand beside "+given[0])
	}
	switch {
	case len(given) > 0:
		r.area(given[0])
	case r.has("latitude") && r.has("longitude"):
		r.locate("latitude", func() (*find.Place, error) {
			return find.Near(find.Circle{Latitude: r.number("latitude"), Longitude: r.number("longitude"), RadiusM: r.distanceM(everywhereM)})
		})
	case r.has("latitude"):
		r.wrong("longitude", "required", "must stand beside latitude")
	case r.has("longitude"):
		r.wrong("latitude", "required", "must stand beside longitude")
	case r.has("distance"):
		r.wrong("distance", "dependency", "must stand beside latitude and longitude, or polyline")
	}
}

func (r *reader) area(name string) {
	text := r.values.Get(name)
	switch name {
	case "boundingbox":
		box, err := readBox(text)
		if err != nil {
			r.wrong(name, "pattern", err.Error())
			return
		}
		r.locate(name, func() (*find.Place, error) { return find.Within(box) })
	case "polygon":
		if line := r.line(name, text, 3, mostCorners); line != nil {
			r.locate(name, func() (*find.Place, error) { return find.Inside(line) })
		}
	case "polyline":
		if line := r.line(name, text, 2, mostRoutePlaces); line != nil {
			r.locate(name, func() (*find.Place, error) { return find.Along(line, r.distanceM(defaultCorridorM)) })
		}
	}
}

func (r *reader) locate(name string, place func() (*find.Place, error)) {
	at, err := place()
	if err != nil {
		r.wrong(name, "range", "cannot be: "+err.Error())
		return
	}
	r.Place = at
}

// line reads an encoded polyline, or places in parentheses as Open Charge Map takes them as well.
func (r *reader) line(name, text string, least, most int) [][2]float64 {
	var line [][2]float64
	var err error
	if strings.HasPrefix(text, "(") {
		line, err = readPlaces(text, most)
	} else {
		line, err = polyline.Decode(text, most)
	}
	switch {
	case errors.Is(err, polyline.ErrLong):
		r.wrong(name, "items", "must have at most "+strconv.Itoa(most)+" places")
	case err != nil:
		r.wrong(name, "format", err.Error())
	case len(line) < least:
		r.wrong(name, "items", "must have at least "+strconv.Itoa(least)+" places")
	default:
		return line
	}
	return nil
}

var (
	errPlaces = errors.New("must be places in parentheses, as in (48.8,2.2),(48.9,2.5)")
	errGlobe  = errors.New("must have latitudes from -90 to 90 and longitudes from -180 to 180")
)

// readPlaces reads places in parentheses that are parted by commas, at most so many; blanks do not count.
func readPlaces(text string, most int) (out [][2]float64, err error) {
	for rest := strings.ReplaceAll(text, " ", ""); rest != ""; {
		if len(out) == most {
			return nil, fmt.Errorf("%w: more than %d", polyline.ErrLong, most)
		}
		if len(out) > 0 {
			var parted bool
			if rest, parted = strings.CutPrefix(rest, ","); !parted {
				return nil, errPlaces
			}
		}
		inside, behind, closed := strings.Cut(rest, ")")
		inside, opened := strings.CutPrefix(inside, "(")
		if !closed || !opened {
			return nil, errPlaces
		}
		lat, lon, two := strings.Cut(inside, ",")
		if !two || !decimal(lat) || !decimal(lon) {
			return nil, errPlaces
		}
		place := [2]float64{degrees(lat), degrees(lon)}
		if !(math.Abs(place[0]) <= 90 && math.Abs(place[1]) <= 180) {
			return nil, errGlobe
		}
		out, rest = append(out, place), behind
	}
	return out, nil
}

// decimal tells whether a text is a number without an exponent, of at most three digits before the point and 20 after it.
func decimal(s string) bool {
	before, after, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	isDigits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	return len(before) >= 1 && len(before) <= 3 && len(after) <= 20 && isDigits(before) && isDigits(after) && (!point || after != "")
}

// degrees reads what is a decimal.
func degrees(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// readBox reads two corners that are opposite to each other, whichever. It does not cross the antimeridian: the lesser longitude is its west.
func readBox(text string) (find.Box, error) {
	corners, err := readPlaces(text, 2)
	switch {
	case errors.Is(err, errGlobe):
		return find.Box{}, err
	case err != nil || len(corners) != 2:
		return find.Box{}, errors.New("must be two corners, as in (48.8,2.2),(48.9,2.5)")
	}
	a, b := corners[0], corners[1]
	return find.Box{South: min(a[0], b[0]), North: max(a[0], b[0]), West: min(a[1], b[1]), East: max(a[1], b[1])}, nil
}

// plug reads what is asked of a connection.
func (r *reader) plug() {
	r.MinPowerW = uint32(math.Ceil(max(0, r.number("minpowerkw")*wattsPerKW-rounding)))
	if r.has("maxpowerkw") {
		r.MaxPowerW = max(1, uint32(math.Floor(r.number("maxpowerkw")*wattsPerKW+rounding)))
	}
	if r.MaxPowerW > 0 && r.MinPowerW > r.MaxPowerW {
		r.wrong("maxpowerkw", "order", "must not be less than minpowerkw")
	}
	if r.types = r.table("connectiontypeid"); r.types != nil {
		standards, exact := openchargemap.StandardsOf(r.types)
		if r.judged = r.judged || !exact; !slices.Contains(r.types, 0) {
			r.Standards, r.nothing = standards, r.nothing || len(standards) == 0
		}
	}
	if r.levels = r.table("levelid"); r.levels != nil {
		least, most, exact := openchargemap.PowerOf(r.levels)
		r.MinPowerW = max(r.MinPowerW, uint32(least))                     //nolint:gosec // where a level begins
		if most > 0 && (r.MaxPowerW == 0 || uint32(most) < r.MaxPowerW) { //nolint:gosec // where a level ends
			r.MaxPowerW = uint32(most) //nolint:gosec // where a level ends
		}
		r.judged = r.judged || !exact
		r.nothing = r.nothing || r.MaxPowerW > 0 && r.MinPowerW > r.MaxPowerW || !slices.ContainsFunc(r.levels, func(l int) bool { return l >= 1 && l <= 3 })
	}
}

// site reads what is asked of a point.
func (r *reader) site() {
	r.countries()
	r.operators = r.ids("operatorid")
	r.numbers = append(r.ids("chargepointid"), r.ids("id")...)
	r.NumberAbove = int64(r.whole("greaterthanid", 0))
	if r.statuses = r.table("statustypeid"); r.statuses != nil {
		r.judged = true
	}
	if r.usages = r.table("usagetypeid"); r.usages != nil {
		for usage, access := range map[int]station.Access{
			openchargemap.Public: station.Public, openchargemap.PayAtLocation: station.Public,
			openchargemap.NoticeRequired: station.Restricted, openchargemap.PrivateRestricted: station.Private,
		} {
			if slices.Contains(r.usages, usage) && !slices.Contains(r.Access, string(access)) {
				r.Access = append(r.Access, string(access))
			}
		}
		slices.Sort(r.Access)
		r.nothing = r.nothing || len(r.Access) == 0
		r.judged = r.judged || slices.Contains(r.usages, openchargemap.Public) != slices.Contains(r.usages, openchargemap.PayAtLocation)
	}
	if providers := r.table("dataproviderid"); providers != nil && !slices.Contains(providers, provider) {
		r.nothing = true
	}
	if r.has("modifiedsince") {
		at, ok := moment(r.values.Get("modifiedsince"))
		if !ok {
			r.wrong("modifiedsince", "format", "must be a date, or a date and a time, as in 2026-11-28 or 2026-11-28T12:00:00Z")
		}
		r.UpdatedSince = at.Truncate(time.Microsecond)
	}
}

// countries reads the two parameters of countries, which hold both when both are given.
func (r *reader) countries() {
	var codes []string
	for _, value := range r.values["countrycode"] {
		for code := range strings.SplitSeq(strings.ToUpper(value), ",") {
			if code = strings.TrimSpace(code); !reference.Country(code) {
				r.wrong("countrycode", "enum", strconv.Quote(code)+" is not the ISO 3166-1 alpha-2 code of a country")
			}
			codes = append(codes, code)
		}
	}
	ids := r.table("countryid")
	for _, id := range ids {
		if country, known := openchargemap.CountryOf(id); known && (codes == nil || slices.Contains(codes, country.ISOCode)) {
			r.Countries = append(r.Countries, country.ISOCode)
		}
	}
	if ids == nil {
		r.Countries = codes
	}
	r.nothing = r.nothing || ids != nil && len(r.Countries) == 0
}

// moment reads a time; one without a zone is of UTC.
func moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// order reads the order. Open Charge Map's own is by distance from a point, none in a box, and by the highest id first elsewhere. In a box
// of more points than are asked for, each part of it has its share.
func (r *reader) order() {
	switch sort := r.values.Get("sortby"); {
	case sort == "id_asc":
		r.Sort = find.ByNumber
	case sort == "modified_asc":
		r.Sort = find.ByOldest
	case r.Place == nil || r.Place.Polygon != nil || r.Place.Route != nil:
		r.Sort = find.ByHighest
	case r.Place.Box != nil:
		r.Spread = !r.judged
	}
}

// keeps judges what the search could not tell exactly.
func (q *query) keeps(p *poi) bool {
	if q.statuses != nil && !slices.Contains(q.statuses, p.status) || q.usages != nil && !slices.Contains(q.usages, p.usage) {
		return false
	}
	if q.types == nil && q.levels == nil && q.MinPowerW == 0 && q.MaxPowerW == 0 {
		return true
	}
	return slices.ContainsFunc(p.connections, func(c connection) bool {
		return (q.types == nil || slices.Contains(q.types, c.kind)) && (q.levels == nil || slices.Contains(q.levels, c.level())) &&
			c.PowerW >= int(q.LeastPowerW()) && (q.MaxPowerW == 0 || c.PowerW <= int(q.MaxPowerW))
	})
}

// judging names what the search could not tell exactly.
func (q *query) judging() (out []fault.Field) {
	for _, asked := range []struct {
		name string
		ids  []int
	}{{"connectiontypeid", q.types}, {"levelid", q.levels}, {"statustypeid", q.statuses}, {"usagetypeid", q.usages}} {
		if asked.ids != nil {
			out = append(out, fault.Field{Parameter: asked.name, Code: "too_many", Detail: "is judged station by station"})
		}
	}
	return out
}

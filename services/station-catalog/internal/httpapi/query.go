package httpapi

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/quote"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

const (
	defaultRadiusM   = 10_000
	defaultCorridorM = 2_000
	defaultCurrency  = "EUR"
	metresPerKM      = 1000
	wattsPerKW       = 1000
	mostCorners      = 1000
	mostRoutePlaces  = 2500
	mostWords        = 10
)

// queryReader reads one parameter after the other. They have been checked against the document; what the document cannot say is
// checked here. now is the time of the request.
type queryReader struct {
	q    find.Query
	now  time.Time
	cars *vehicle.Catalogue

	places    []string // the names of those that were given
	near      find.Circle
	box       find.Box
	line      [][2]float64
	radiusM   float64 // negative: not given
	corridorM float64

	sort     string
	format   string
	fields   []string
	cursor   string
	zoom     int
	same     uint64
	charging chargeReader
	faults   []fault.Field
}

func newQueryReader(now time.Time, cars *vehicle.Catalogue, limit int) queryReader {
	return queryReader{q: find.Query{Now: now, Limit: limit}, now: now, cars: cars, radiusM: -1, corridorM: -1}
}

func (r *queryReader) wrong(parameter, code, detail string) {
	r.faults = append(r.faults, fault.Field{Parameter: parameter, Code: code, Detail: detail})
}

// fault is what is wrong with the query, all of it; nil when nothing is.
func (r *queryReader) fault() error {
	if len(r.faults) == 0 {
		return nil
	}
	return errUnknownValue.Detailf("%s %s", r.faults[0].Parameter, r.faults[0].Detail).At(r.faults...)
}

func (r *queryReader) take(name, value string) {
	q := &r.q
	switch name {
	case "near", "bbox", "polygon", "route", "radius_km", "corridor_km":
		r.takePlace(name, value)
	case "q":
		r.text(value)
	case "connector":
		q.Standards = r.values(name, value, q.Standards, reference.ConnectorStandards)
	case "capability":
		q.Capabilities = r.values(name, value, q.Capabilities, reference.Capabilities)
	case "facility":
		q.Facilities = r.values(name, value, q.Facilities, reference.Facilities)
	case "parking_type":
		q.ParkingTypes = r.values(name, value, q.ParkingTypes, reference.ParkingTypes)
	case "access":
		q.Access = append(q.Access, strings.Split(value, ",")...)
	case "country":
		q.Countries = append(q.Countries, strings.Split(value, ",")...)
	case "min_power_kw":
		q.MinPowerW = uint32(math.Ceil(number(value)*wattsPerKW - rounding))
	case "max_power_kw":
		q.MaxPowerW = max(1, uint32(math.Floor(number(value)*wattsPerKW+rounding)))
	case "min_plots":
		q.MinPlots = whole(value)
	case "available":
		q.Available = value == "true"
	case "reservable":
		q.Reservable = value == "true"
	case "exclude_faults":
		q.NoFaults = value == "true"
	case "free_charging":
		q.Free = value == "true"
	case "open_now", "open_at":
		r.open(name, value)
	case "operator":
		q.Operators = r.ids(name, value, q.Operators)
	case "id":
		q.IDs = r.ids(name, value, q.IDs)
	case "max_price_kwh":
		price := number(value)
		q.MaxPrice = &price
	case "currency":
		q.Currency = value
	case "updated_since":
		q.UpdatedSince = instant(value).Truncate(time.Microsecond)
	default:
		r.takeAnswer(name, value)
	}
}

// takeAnswer reads what says how to answer.
func (r *queryReader) takeAnswer(name, value string) {
	switch name {
	case "sort":
		r.sort = value
	case "spread":
		r.q.Spread = value == "true"
	case "count_only":
		if value == "true" {
			r.q.Limit = 0
		}
	case "limit":
		if r.q.Limit > 0 {
			r.q.Limit = whole(value)
		}
	case "cursor":
		r.cursor = value
	case "format":
		r.format = value
	case "fields":
		r.takeFields(value)
	case "zoom":
		r.zoom = whole(value)
	case "energy_kwh", "vehicle", "soc_from", "soc_to":
		r.charging.take(name, value)
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

// degrees reads decimals that are parted by commas, as many as there is room for: at most three digits before the point, and fifteen
// after it.
func degrees(text string, out []float64) bool {
	for i := range out {
		part, rest, more := strings.Cut(text, ",")
		if more != (i < len(out)-1) || !decimal(part) {
			return false
		}
		out[i], text = number(part), rest
	}
	return true
}

func decimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	before, after, point := strings.Cut(s, ".")
	if len(before) < 1 || len(before) > 3 || len(after) > 15 || point && after == "" {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return false
		}
	}
	return strings.Count(s, ".") <= 1
}

// whole reads what has been checked to be a whole number.
func whole(s string) int {
	v, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return v
}

// instant reads what has been checked to be a time.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (r *queryReader) values(name, value string, all []string, known reference.Enumeration) []string {
	for v := range strings.SplitSeq(value, ",") {
		if !known.Has(v) {
			r.wrong(name, "enum", strconv.Quote(v)+" is not known; GET /v1/reference lists the values")
		}
		all = append(all, v)
	}
	return all
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

func (r *queryReader) text(value string) {
	r.q.Words = strings.Fields(words.Of(value))
	switch n := len(r.q.Words); {
	case n == 0:
		r.wrong("q", "pattern", "must have a letter or a digit")
	case n > mostWords:
		r.wrong("q", "items", "must have at most 10 words")
	}
}

func (r *queryReader) open(name, value string) {
	at := r.now
	switch {
	case name == "open_at":
		at = instant(value)
	case value != "true":
		return
	}
	if !r.q.OpenAt.IsZero() {
		r.wrong("open_at", "contradiction", "must not stand beside open_now")
	}
	r.q.OpenAt = at
}

func (r *queryReader) takePlace(name, value string) {
	switch name {
	case "radius_km":
		r.radiusM = number(value) * metresPerKM
		return
	case "corridor_km":
		r.corridorM = number(value) * metresPerKM
		return
	}
	r.places = append(r.places, name)
	switch name {
	case "near":
		var at [2]float64
		if !degrees(value, at[:]) {
			r.wrong(name, "pattern", "must be a latitude and a longitude in degrees, as in 48.8566,2.3522")
			return
		}
		r.near.Latitude, r.near.Longitude = at[0], at[1]
		if !(math.Abs(r.near.Latitude) <= 90) || !(math.Abs(r.near.Longitude) <= 180) {
			r.wrong(name, "range", "must be a latitude from -90 to 90 and a longitude from -180 to 180")
		}
	case "bbox":
		r.readBox(value)
	case "polygon":
		r.polyline(name, value, 3, mostCorners)
	case "route":
		r.polyline(name, value, 2, mostRoutePlaces)
	}
}

func (r *queryReader) readBox(value string) {
	var corners [4]float64
	if !degrees(value, corners[:]) {
		r.wrong("bbox", "pattern", "must be west, south, east and north in degrees, as in 2.2,48.8,2.5,48.9")
		return
	}
	b := &r.box
	b.West, b.South, b.East, b.North = corners[0], corners[1], corners[2], corners[3]
	if !(math.Abs(b.West) <= 180) || !(math.Abs(b.East) <= 180) || !(math.Abs(b.South) <= 90) || !(math.Abs(b.North) <= 90) {
		r.wrong("bbox", "range", "must be west, south, east, north; longitudes from -180 to 180, latitudes from -90 to 90")
	} else if b.South > b.North {
		r.wrong("bbox", "order", "must have its south below its north")
	}
}

func (r *queryReader) polyline(name, value string, least, most int) {
	line, err := polyline.Decode(value, most)
	switch {
	case errors.Is(err, polyline.ErrLong):
		r.wrong(name, "items", "must have at most "+strconv.Itoa(most)+" places")
	case errors.Is(err, polyline.ErrPlace):
		r.wrong(name, "range", err.Error())
	case err != nil:
		r.wrong(name, "format", err.Error())
	case len(line) < least:
		r.wrong(name, "items", "must have at least "+strconv.Itoa(least)+" places")
	}
	r.line = line
}

// finish looks at what the parameters say together.
func (r *queryReader) finish() {
	r.finishPlace()
	q := &r.q
	if q.MaxPowerW > 0 && q.MinPowerW > q.MaxPowerW {
		r.wrong("max_power_kw", "order", "must not be less than min_power_kw")
	}
	switch {
	case q.Currency == "":
		q.Currency = defaultCurrency
	case q.MaxPrice == nil && r.sort != "price":
		r.wrong("currency", "dependency", "must stand beside max_price_kwh or sort=price")
	}
	switch r.sort {
	case "distance":
		if q.Place == nil || q.Place.Near == nil {
			r.wrong("sort", "dependency", "must stand beside near when it is distance")
		}
	case "power":
		q.Sort = find.ByPower
	case "price":
		q.Sort = find.ByPrice
	case "updated":
		q.Sort = find.ByUpdated
	}
	if q.Spread && (q.Limit == 0 || r.cursor != "") {
		r.wrong("spread", "contradiction", "must not stand beside count_only or cursor")
	}
	if r.charging.given() {
		if r.sort != "price" {
			r.wrong(r.charging.first(), "dependency", "must stand beside sort=price")
		}
		if q.Spread {
			r.wrong("spread", "contradiction", "must not stand beside a charge to price")
		}
		r.charging.finish(r.cars, r.wrong)
	}
}

func (r *queryReader) finishPlace() {
	given := ""
	if len(r.places) > 0 {
		given = r.places[0]
	}
	for _, other := range r.places[min(1, len(r.places)):] {
		r.wrong(other, "contradiction", "must not stand beside "+given+": one place at most")
	}
	if given != "near" && r.radiusM >= 0 {
		r.wrong("radius_km", "dependency", "must stand beside near")
	}
	if given != "route" && r.corridorM >= 0 {
		r.wrong("corridor_km", "dependency", "must stand beside route")
	}
	if given == "" || len(r.faults) > 0 {
		return
	}
	var err error
	switch given {
	case "near":
		if r.near.RadiusM = r.radiusM; r.radiusM < 0 {
			r.near.RadiusM = defaultRadiusM
		}
		r.q.Place, err = find.Near(r.near)
	case "bbox":
		r.q.Place, err = find.Within(r.box)
	case "polygon":
		r.q.Place, err = find.Inside(r.line)
	case "route":
		width := r.corridorM
		if width < 0 {
			width = defaultCorridorM
		}
		r.q.Place, err = find.Along(r.line, width)
	}
	if err != nil {
		r.wrong(given, "range", "cannot be: "+err.Error())
	}
}

// chargeReader reads the charge that is to be priced.
type chargeReader struct {
	energy, vehicle, from, to string
}

func (c *chargeReader) take(name, value string) {
	switch name {
	case "energy_kwh":
		c.energy = value
	case "vehicle":
		c.vehicle = value
	case "soc_from":
		c.from = value
	case "soc_to":
		c.to = value
	}
}

func (c *chargeReader) given() bool { return *c != chargeReader{} }

// first is the name of a parameter that was given.
func (c *chargeReader) first() string {
	switch {
	case c.energy != "":
		return "energy_kwh"
	case c.vehicle != "":
		return "vehicle"
	case c.from != "":
		return "soc_from"
	default:
		return "soc_to"
	}
}

// finish gives the charge, and tells what is wrong with it.
func (c *chargeReader) finish(cars *vehicle.Catalogue, wrong func(parameter, code, detail string)) (ask quote.Ask) {
	if c.vehicle != "" {
		car, err := cars.Get(c.vehicle)
		if err != nil {
			wrong("vehicle", "enum", strconv.Quote(c.vehicle)+" is not known; GET /v1/reference lists the values")
		}
		ask.Vehicle = &car
	}
	if c.energy != "" {
		ask.EnergyKWh, _ = new(big.Rat).SetString(c.energy) // it has been checked
		for name, value := range map[string]string{"soc_from": c.from, "soc_to": c.to} {
			if value != "" {
				wrong(name, "contradiction", "must not stand beside energy_kwh")
			}
		}
		return ask
	}
	ask.From, ask.To = number(c.from), number(c.to)
	switch {
	case c.vehicle == "":
		wrong("vehicle", "required", "is required, with soc_from and soc_to, where energy_kwh is not given")
	case c.from == "":
		wrong("soc_from", "required", "is required beside a vehicle without energy_kwh")
	case c.to == "":
		wrong("soc_to", "required", "is required beside a vehicle without energy_kwh")
	case ask.To < ask.From+1:
		wrong("soc_to", "order", "must be at least one more than soc_from")
	}
	return ask
}

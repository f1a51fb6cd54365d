package httpapi

import (
	"math"
	"strings"
	"sync"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

const (
	defaultCurrency = "EUR"
	wattsPerKW      = 1000
	mostWords       = 10
)

// queryReader reads one parameter after the other. They have been checked against the document; what the document cannot say is
// checked here. now is the time of the request.
type queryReader struct {
	q    find.Query
	now  time.Time
	cars *vehicle.Catalogue

	place     string   // the name of the one that was given
	places    []string // and of more
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

	memory
}

// memory is what a reader keeps for its next query.
type memory struct {
	payload, next, link []byte
}

// begin makes the reader ready for a query.
func (r *queryReader) begin(now time.Time, cars *vehicle.Catalogue, limit int) {
	*r = queryReader{now: now, cars: cars, radiusM: -1, corridorM: -1, memory: r.memory}
	r.q.Now, r.q.Limit = now, limit
}

// readerPool has readers, since one is larger than all else that a search would allocate.
type readerPool struct{ sync.Pool }

var readers readerPool

// Get gives a reader that wants to be begun.
func (p *readerPool) Get() *queryReader {
	if r, ok := p.Pool.Get().(*queryReader); ok {
		return r
	}
	return new(queryReader)
}

// Put takes a reader back, without its query.
func (p *readerPool) Put(r *queryReader) {
	*r = queryReader{memory: r.memory}
	p.Pool.Put(r)
}

func (r *queryReader) wrong(parameter, code, detail string) {
	r.faults = append(r.faults, fault.Field{Parameter: parameter, Code: code, Detail: detail})
}

// fault is what is wrong with the query, all of it; nil when nothing is.
func (r *queryReader) fault() error {
	if len(r.faults) == 0 {
		return nil
	}
	return openapi.ErrInvalid.Detailf("%s %s", r.faults[0].Parameter, r.faults[0].Detail).At(r.faults...)
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
		q.Countries = r.countries(value, q.Countries)
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
	case "min_rating":
		q.MinRating = number(value)
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
	case "rating":
		q.Sort = find.ByRating
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

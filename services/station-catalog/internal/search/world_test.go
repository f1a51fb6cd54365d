package search_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// world makes random stations, statuses and questions. It is deterministic in its seed.
type world struct {
	*rand.Rand
	kind worldKind
}

type worldKind int

const (
	clustered worldKind = iota
	uniform
	polar
	antimeridian
	onePoint
	lattice // positions and distances that repeat
	worldKinds
)

func (k worldKind) String() string {
	return [...]string{"clustered", "uniform", "polar", "antimeridian", "one point", "lattice"}[k]
}

func newWorld(kind worldKind, seed uint64) *world {
	return &world{rand.New(rand.NewPCG(seed, uint64(kind))), kind}
}

var (
	standards  = []string{"IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO", "DOMESTIC_F", "TESLA_S"}
	powers     = []uint32{0, 3700, 7400, 11000, 22000, 22080, 50000, 150000, 350000}
	traits     = []string{"format:CABLE", "RESERVABLE", "CREDIT_CARD_PAYABLE"}
	countries  = []string{"", "FR", "DE", "NO", "FJ"}
	accesses   = []string{"", "public", "restricted", "private"}
	tags       = []string{"facility:HOTEL", "facility:WIFI", "parking:ON_STREET", "parking:UNDERGROUND"}
	vocabulary = []string{"rue", "rueil", "place", "gare", "de", "du", "hotel", "saint", "sainte", "12", "75001", "паркинг"}
	epoch      = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
)

func pick[T any](w *world, from []T) T { return from[w.IntN(len(from))] }

func some[T any](w *world, from []T) []T {
	var out []T
	for _, v := range from {
		if w.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func (w *world) id() (id search.ID) {
	for i := range id {
		id[i] = byte(w.UintN(256))
	}
	return id
}

// operator is one of a few.
func (w *world) operator() search.ID { return search.ID{15: byte(1 + w.IntN(8))} }

func (w *world) position() (lat, lon float64) {
	around := func(lat, lon, spread float64) (float64, float64) {
		return clamp(lat+w.NormFloat64()*spread, 90), wrap(lon + w.NormFloat64()*spread)
	}
	switch w.kind {
	case clustered:
		city := [][2]float64{{48.85, 2.35}, {52.5, 13.4}, {59.9, 10.7}, {-17.7, 178.1}, {0, 0}}[w.IntN(5)]
		return around(city[0], city[1], 0.3)
	case polar:
		lat := 90 - math.Abs(w.NormFloat64())*3
		if w.IntN(10) == 0 {
			lat = 90
		}
		if w.IntN(2) == 0 {
			lat = -lat
		}
		return lat, w.Float64()*360 - 180
	case antimeridian:
		if w.IntN(8) == 0 {
			return clamp(w.NormFloat64()*2, 90), pick(w, []float64{-180, 180})
		}
		return around(-17, 180, 1.5)
	case onePoint:
		if w.IntN(10) == 0 {
			return around(48.85, 2.35, 0.01)
		}
		return 48.85, 2.35
	case lattice:
		return float64(w.IntN(19)-9) * 10, float64(w.IntN(37)-18) * 10
	default:
		return math.Asin(w.Float64()*2-1) * 180 / math.Pi, w.Float64()*360 - 180
	}
}

func clamp(v, most float64) float64 { return max(-most, min(most, v)) }

func wrap(lon float64) float64 {
	switch {
	case lon > 180:
		return lon - 360
	case lon < -180:
		return lon + 360
	default:
		return lon
	}
}

func (w *world) instant() time.Time {
	return epoch.Add(time.Duration(w.IntN(100)) * 250 * time.Millisecond)
}

func (w *world) status() search.Status {
	if w.IntN(2) == 0 {
		return search.StatusAvailable
	}
	return search.Status(w.IntN(9))
}

// plot is one of so few that EVSEs of a station often serve the same.
func (w *world) plot() search.ID { return search.ID{'p', byte(w.IntN(4))} }

func (w *world) document(id search.ID) search.Document {
	d := search.Document{
		ID: id, Version: int64(w.IntN(5)), UpdatedAt: w.instant(),
		Country: pick(w, countries), Access: pick(w, accesses), Tags: some(w, tags),
	}
	d.Latitude, d.Longitude = w.position()
	if w.IntN(9) > 0 {
		d.Operator = w.operator()
	}
	if w.IntN(2) == 0 {
		price := float64(w.IntN(9)) / 8
		d.PriceFrom = &price
	}
	if w.IntN(4) == 0 {
		d.Rating = w.rating()
	}
	d.Number = w.Int64N(1<<40) * w.Int64N(2)
	d.Text = strings.Join(some(w, vocabulary), " ")
	d.Hours = w.hours()
	for range w.IntN(5) {
		e := search.EVSE{ID: w.id(), Traits: some(w, traits)}
		if w.IntN(4) > 0 {
			e.Plot, e.Status, e.StatusAt = w.plot(), w.status(), w.instant()
		}
		for range w.IntN(4) {
			e.Connectors = append(e.Connectors, search.Connector{
				Standard: pick(w, standards), PowerW: pick(w, powers), Traits: some(w, traits),
			})
		}
		d.EVSEs = append(d.EVSEs, e)
	}
	d.Item = fmt.Appendf(nil, `{"id":%q,"version":%d}`, id, d.Version)
	d.Common = pick(w, []string{"", `{"operator":"A","power":22}`, `{"operator":"B"}`})
	return d
}

// rating is often none, and often that of another station.
func (w *world) rating() search.Rating {
	n := w.IntN(4)
	if n == 0 {
		return search.Rating{}
	}
	return search.Rating{Average: float64(100+50*w.IntN(9)) / 100, Count: uint32(n)}
}

func (w *world) documents(n int) []search.Document {
	docs := make([]search.Document, n)
	for i := range docs {
		docs[i] = w.document(w.id())
	}
	return docs
}

// question asks about a world of these documents.
func (w *world) question(docs []search.Document) *question {
	q := &question{where: w.where(docs), sorted: w.sorted()}
	q.Region, q.Order = q.where.region, q.sorted.order
	q.Limit = []int{0, 1, 3, 20, 50, 500}[w.IntN(6)]
	seldom := func() bool { return w.IntN(4) == 0 }
	if seldom() {
		q.Plug.Standards = some(w, append(slices.Clone(standards), "unheard of"))
	}
	if seldom() {
		q.Plug.MinPowerW = pick(w, powers) + w.Uint32N(2)
	}
	if seldom() {
		q.Plug.MaxPowerW = pick(w, powers) + w.Uint32N(2)
	}
	if seldom() {
		q.Plug.Traits = some(w, traits)
	}
	q.Plug.Free = seldom()
	q.Plug.Sound = seldom()
	for range w.IntN(6) / 4 {
		word := pick(w, vocabulary)
		q.Words = append(q.Words, word[:1+w.IntN(len(word))])
	}
	if seldom() {
		q.OpenAt = w.minute()
	}
	if w.IntN(2) == 0 {
		q.At = w.minute()
	}
	if seldom() {
		q.Operators = []search.ID{w.operator(), w.operator(), w.id()}
	}
	if seldom() {
		q.Countries = some(w, append(countries[1:len(countries):len(countries)], "XX"))
	}
	if seldom() {
		q.Access = some(w, accesses[1:])
	}
	for range w.IntN(8) / 6 {
		if group := some(w, tags); len(group) > 0 {
			q.Tags = append(q.Tags, group)
		}
	}
	if w.IntN(6) == 0 {
		q.Ranges = append(q.Ranges, w.valueRange())
	}
	if w.IntN(10) == 0 {
		q.Among = []search.ID{w.id()}
		for range w.IntN(30) {
			q.Among = append(q.Among, pick(w, docs).ID)
		}
	}
	return q
}

func (w *world) valueRange() search.Range {
	switch w.IntN(5) {
	case 4:
		return search.AtLeast(search.ColumnNumber, float64(w.Int64N(1<<40)))
	case 0:
		return search.AtLeast(search.ColumnUpdated, float64(w.instant().UnixMicro()))
	case 1:
		return search.AtMost(search.ColumnPrice, float64(w.IntN(9))/8)
	case 2:
		return search.AtLeast(search.ColumnRating, float64(100+25*w.IntN(17))/100)
	default:
		return search.AtLeast(search.ColumnPlots, float64(w.IntN(5)))
	}
}

// hours are those of a shop that opens every few minutes of the test's time, of no shop, or not known.
func (w *world) hours() *search.Hours {
	n := w.IntN(6)
	if n == 0 {
		return nil
	}
	return search.NewHours(fmt.Sprint(n), func(t time.Time) bool { return t.Second() == 0 && t.Minute()%n > 0 })
}

func (w *world) minute() time.Time {
	return epoch.Add(time.Duration(w.IntN(7200)) * time.Second)
}

func (w *world) line(docs []search.Document, least, most int) [][2]float64 {
	line := make([][2]float64, least+w.IntN(most-least))
	d := pick(w, docs)
	spread := []float64{0.001, 0.1, 1, 20}[w.IntN(4)]
	for i := range line {
		line[i] = [2]float64{clamp(d.Latitude+w.NormFloat64()*spread, 90), wrap(d.Longitude + clamp(w.NormFloat64()*spread, 179))}
	}
	return line
}

func (w *world) where(docs []search.Document) where {
	switch w.IntN(8) {
	case 5:
		line := w.line(docs, 2, 20)
		region, err := search.NewCorridor(line, []float64{0, 10, 1e4, 1e5, 2e6}[w.IntN(5)]*w.Float64())
		if err != nil {
			return where{} // two of it are antipodes
		}
		return where{region: region, route: region}
	case 6, 7:
		region, err := search.NewPolygon(w.line(docs, 3, 12))
		if err != nil {
			return where{} // it is too large
		}
		return where{region: region}
	case 0:
		return where{}
	case 1:
		lat1, lat2 := w.latitudes(docs)
		box := [4]float64{w.longitude(docs), min(lat1, lat2), w.longitude(docs), max(lat1, lat2)}
		region, err := search.NewBox(box[0], box[1], box[2], box[3])
		if err != nil {
			panic(err)
		}
		return where{region: region, box: &box}
	default:
		lat, lon := w.position()
		var radius float64
		if d := pick(w, docs); w.IntN(4) == 0 {
			// Exactly as far as some station.
			radius = search.DistanceM(lat, lon, d.Latitude, d.Longitude)
		} else {
			radius = []float64{0, 10, 1e4, 1e5, 5e5, 5e6, 2.1e7}[w.IntN(7)] * w.Float64()
		}
		region, err := search.NewCircle(lat, lon, radius)
		if err != nil {
			panic(err)
		}
		return where{region: region, near: &[3]float64{lat, lon, radius}}
	}
}

func (w *world) latitudes(docs []search.Document) (float64, float64) {
	if w.IntN(4) == 0 {
		return -90, 90
	}
	return pick(w, docs).Latitude, pick(w, docs).Latitude
}

func (w *world) longitude(docs []search.Document) float64 {
	switch w.IntN(4) {
	case 0:
		return pick(w, []float64{-180, 180, 0, 90})
	case 1:
		return w.Float64()*360 - 180
	default:
		return pick(w, docs).Longitude
	}
}

func (w *world) sorted() sorted {
	switch w.IntN(4) {
	case 0:
		return sorted{column: -1}
	case 1:
		c := search.Column(w.IntN(6))
		if w.IntN(3) == 0 {
			among := some(w, append([]string{"unheard of"}, tags...))
			if among == nil {
				among = []string{}
			}
			return sorted{column: int(c), order: search.Descending(c).Among(among...), descending: true, among: among}
		}
		if w.IntN(2) == 0 {
			return sorted{column: int(c), order: search.Ascending(c)}
		}
		return sorted{column: int(c), order: search.Descending(c), descending: true}
	default:
		return sorted{column: -1, rank: true, order: search.ByRank()}
	}
}

package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/plotstatus"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

// dice makes stations and queries where it is hardest: at poles, on the antimeridian, on top of each other, on borders of cells.
type dice struct{ *rand.Rand }

func (d dice) place() (lat, lon float64) {
	switch d.IntN(8) {
	case 0:
		return 90 - 90*float64(d.IntN(2)*2), float64(d.IntN(361) - 180) // a pole, by any longitude, or the equator
	case 1:
		return d.Float64()*180 - 90, 180 - 360*float64(d.IntN(2)) // the antimeridian, by either name
	case 2:
		return 48.8566, 2.3522 // everybody at once
	case 3:
		return float64(d.IntN(1801)-900) / 10, float64(d.IntN(3601)-1800) / 10 // a corner of a cell
	default:
		return 48.85 + d.NormFloat64()/5, math.Mod(2.35+d.NormFloat64()/5+540, 360) - 180
	}
}

var (
	standards = []string{"IEC_62196_T2_COMBO", "IEC_62196_T2", "CHADEMO", "DOMESTIC_E"}
	powers    = []int{0, 3680, 7400, 22000, 22080, 50000, 150000}
)

func (d dice) station(n int) station.Station {
	s := site(fmt.Sprintf("S%04d", n))
	s.Latitude, s.Longitude = d.place()
	s.Operator.PartyID = []string{"PLM", "TRM", "ABC"}[d.IntN(3)]
	s.Operator.Name = s.Operator.PartyID
	s.Country = []string{"FR", "DE", "BE"}[d.IntN(3)]
	s.Access = []station.Access{station.Public, station.Restricted, station.Private}[d.IntN(3)]
	s.Name = strings.Join(some(d, names), " ") + " " + s.SourceID
	s.Address = strings.Join(some(d, names), ", ")
	s.ParkingType = []string{"", "ON_STREET", "PARKING_LOT"}[d.IntN(3)]
	s.Facilities = some(d, facilities)
	s.TimeZone = []string{"Europe/Paris", "Pacific/Fiji", "America/New_York"}[d.IntN(3)]
	s.Opening = d.opening()
	if d.IntN(3) == 0 {
		s.Payment = &station.Payment{Free: new(bool)}
		*s.Payment.Free = d.IntN(2) == 0
	}
	s.Tariffs = d.tariffs(&s)
	for i := range d.IntN(4) {
		e := station.EVSE{UID: fmt.Sprintf("%s-%d", s.SourceID, i), Capabilities: some(d, capabilities), Reservable: d.IntN(2) == 0}
		for k := range d.IntN(3) {
			e.Connectors = append(e.Connectors, station.Connector{
				ID: fmt.Sprint(k), Standard: standards[d.IntN(len(standards))], Format: "CABLE", PowerType: "DC", PowerW: powers[d.IntN(len(powers))],
			})
			if len(s.Tariffs) > 0 && d.IntN(2) == 0 {
				e.Connectors[k].TariffIDs = []string{s.Tariffs[d.IntN(len(s.Tariffs))].ID}
			}
		}
		s.EVSEs = append(s.EVSEs, e)
	}
	return s
}

var (
	names        = []string{"Élysées", "ELYSEES", "Straße", "Gare de l’Est", "Œuvre", "Øster", "Ελλάδα", "Москва", "P+R 12", "Łódź"}
	facilities   = []string{"HOTEL", "WIFI", "CAFE"}
	capabilities = []string{"RFID_READER", "CREDIT_CARD_PAYABLE", "REMOTE_START_STOP_CAPABLE"}
)

func some(d dice, from []string) []string {
	var out []string
	for _, v := range from {
		if d.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

// summer is the hour in which Paris goes to winter time; the openings of dice lie around it.
var summer = time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)

func (d dice) minute() time.Time {
	return summer.Add(time.Duration(d.IntN(4*24*60)-2*24*60) * time.Minute)
}

func (d dice) opening() *station.OpeningTimes {
	clock := func(hour int) string { return fmt.Sprintf("%02d:%02d", hour, 30*d.IntN(2)*min(1, 24-hour)) }
	periods := func() (out []station.Period) {
		for range d.IntN(3) {
			begin := d.minute()
			out = append(out, station.Period{Begin: begin, End: begin.Add(time.Duration(1+d.IntN(600)) * time.Minute)})
		}
		return out
	}
	switch d.IntN(4) {
	case 0:
		return nil
	case 1:
		return &station.OpeningTimes{TwentyFourSeven: true, Closings: periods()}
	}
	o := &station.OpeningTimes{Openings: periods(), Closings: periods()}
	for day := 1; day <= 7; day++ {
		if d.IntN(4) > 0 {
			from := d.IntN(12)
			o.Regular = append(o.Regular, station.RegularHours{Weekday: day, Begin: clock(from), End: clock(from + 1 + d.IntN(12))})
		}
	}
	return o
}

func (d dice) tariffs(s *station.Station) []tariff.Tariff {
	var out []tariff.Tariff
	for i := range d.IntN(3) {
		t := tariff.Tariff{
			CountryCode: s.Operator.CountryCode, PartyID: s.Operator.PartyID, ID: fmt.Sprintf("%s-%d", s.SourceID, i),
			Currency: []string{"EUR", "CHF"}[d.IntN(2)], TaxIncluded: []tariff.TaxIncluded{"", "YES", "NO", "N/A"}[d.IntN(4)],
			LastUpdated: summer,
		}
		for range 1 + d.IntN(2) {
			c := tariff.PriceComponent{Type: []tariff.Dimension{tariff.Energy, tariff.Time}[d.IntN(2)], Price: tariff.Number(fmt.Sprintf("0.%d", 1+d.IntN(9))), StepSize: 1}
			if d.IntN(2) == 0 {
				vat := tariff.Number([]string{"20", "7.7", "5.5"}[d.IntN(3)])
				c.VAT = &vat
			}
			e := tariff.Element{PriceComponents: []tariff.PriceComponent{c}}
			if d.IntN(4) == 0 {
				e.Restrictions = &tariff.Restrictions{Reservation: tariff.ReservationAny}
			}
			t.Elements = append(t.Elements, e)
		}
		out = append(out, t)
	}
	return out
}

func (d dice) line(n int) [][2]float64 {
	line := make([][2]float64, n)
	lat, lon := d.place()
	spread := []float64{0.01, 0.3, 5}[d.IntN(3)]
	for i := range line {
		line[i] = [2]float64{min(90, max(-90, lat+d.NormFloat64()*spread)), math.Mod(lon+d.NormFloat64()*spread+540, 360) - 180}
	}
	return line
}

// where is a place of each kind, and none.
func (d dice) where() *find.Place {
	var at *find.Place
	var err error
	switch d.IntN(5) {
	case 0:
		lat, lon := d.place()
		at, err = find.Near(find.Circle{Latitude: lat, Longitude: lon, RadiusM: []float64{1, 500, 10_000, 50_000, 500_000}[d.IntN(5)]})
	case 1:
		south, west := d.place()
		north, east := d.place()
		at, err = find.Within(find.Box{West: west, South: min(south, north), East: east, North: max(south, north)})
	case 2:
		at, err = find.Inside(d.line(3 + d.IntN(6)))
	case 3:
		at, err = find.Along(d.line(2+d.IntN(6)), []float64{0, 500, 20_000, 500_000}[d.IntN(4)])
	}
	if err != nil {
		return nil // too large a polygon
	}
	return at
}

// further adds the conditions that have nothing to do with plugs.
func (d dice) further(q *find.Query) {
	seldom := func() bool { return d.IntN(8) == 0 }
	if seldom() {
		q.Words = strings.Fields(words.Of(names[d.IntN(len(names))]))
		q.Words[0] = string([]rune(q.Words[0])[:1+d.IntN(2)%len([]rune(q.Words[0]))])
	}
	if seldom() {
		q.Facilities = facilities[:1+d.IntN(2)]
	}
	if seldom() {
		q.ParkingTypes = []string{"ON_STREET"}
	}
	if d.IntN(5) == 0 {
		q.OpenAt = d.minute()
	}
	q.MinPlots = d.IntN(4) * d.IntN(2)
	q.Free = seldom()
	q.Currency = []string{"EUR", "CHF", "SEK"}[d.IntN(3)]
	if seldom() {
		price := float64(d.IntN(12)) / 10
		q.MaxPrice = &price
	}
	q.Sort = []find.Sort{
		find.ByPlace, find.ByPlace, find.ByPower, find.ByPrice, find.ByUpdated, find.ByOldest, find.ByNumber, find.ByHighest, find.ByRating,
	}[d.IntN(9)]
	if d.IntN(8) == 0 {
		q.NumberAbove = 1 + d.Int64N(300)
	}
	if d.IntN(5) == 0 {
		q.MinRating = float64(100+25*d.IntN(17)) / 100
	}
	q.Now = d.minute()
	q.Spread = d.IntN(6) == 0
}

func (d dice) query(operators, ids []uuid.UUID) find.Query {
	q := find.Query{Limit: 1 + d.IntN(20)}
	q.Place = d.where()
	d.further(&q)
	if d.IntN(8) == 0 {
		q.Capabilities = capabilities[:1+d.IntN(2)]
	}
	q.Reservable, q.NoFaults = d.IntN(8) == 0, d.IntN(5) == 0
	if d.IntN(3) == 0 {
		q.Standards = standards[:1+d.IntN(2)]
	}
	if d.IntN(3) == 0 {
		q.MinPowerW = uint32(powers[d.IntN(len(powers))])
	}
	if d.IntN(4) == 0 {
		q.MaxPowerW = uint32(powers[1+d.IntN(len(powers)-1)])
	}
	q.Available = d.IntN(3) == 0
	if d.IntN(4) == 0 {
		q.Operators = []uuid.UUID{operators[d.IntN(len(operators))], uuid.New()}
	}
	if d.IntN(4) == 0 {
		q.Countries = []string{"FR", "XX"}
	}
	if d.IntN(4) == 0 {
		q.Access = []string{"public"}
	}
	if d.IntN(8) == 0 {
		q.IDs = slices.Clone(ids[:d.IntN(len(ids))])
	}
	return q
}

// TestMemoryAndSQL promises that the index in memory and the tables give the same answer to the same query, to the byte: the same
// stations in the same order, the same total, the same next page; and that they go on to when stations and statuses change.
// BenchmarkMemoryAndSQL asks more.
func TestMemoryAndSQL(t *testing.T) {
	t.Parallel()
	d := dice{rand.New(rand.NewPCG(20261123, 1))}
	w := newTwins(t, d, 300)
	const queries = 150
	before := w.compare(d, queries)
	w.change(d)
	after := w.compare(d, queries)
	if before.found == 0 || after.found == 0 || before.pages < queries || after.pages < queries {
		t.Errorf("%+v and %+v were compared: the queries say nothing", before, after)
	}
}

// BenchmarkMemoryAndSQL counts what TestMemoryAndSQL promises not to happen, in 10,000 queries of four pages each to twenty worlds that
// change half-way. The goal is 0.
func BenchmarkMemoryAndSQL(b *testing.B) {
	const worlds, queries = 20, 500
	var all compared
	for b.Loop() {
		for n := range uint64(worlds) {
			d := dice{rand.New(rand.NewPCG(n, 2))}
			w := newTwins(b, d, 400)
			all.add(w.compare(d, queries/2))
			w.change(d)
			all.add(w.compare(d, queries/2))
			w.stop()
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(all.differences), "differences")
	b.ReportMetric(float64(all.queries), "queries")
	b.ReportMetric(float64(all.pages), "pages")
	b.ReportMetric(float64(all.found), "stations-found")
}

// twins are a world that memory and SQL both answer for.
type twins struct {
	world
	stations    []station.Station
	loaded      *find.Replica
	stop        func()
	memory, sql *find.Finder
}

func newTwins(t testing.TB, d dice, n int) *twins {
	t.Helper()
	w := &twins{world: newWorld(t)}
	for i := range n {
		w.stations = append(w.stations, d.station(i))
	}
	w.put(w.stations...)
	w.setStatuses(d)
	w.setRatings(d)
	log := slog.New(slog.DiscardHandler)
	w.loaded = find.NewReplica(w, w.source(), log)
	w.stop = sync.OnceFunc(running(context.WithoutCancel(t.Context()), t, w.loaded))
	t.Cleanup(w.stop)
	w.inStep(w.loaded) // transactions of other tests may have held back what was told last
	w.memory = find.NewFinder(w.loaded, broken{})
	w.sql = find.NewFinder(find.NewReplica(w, w.source(), log), w)
	return w
}

// change changes some stations, removes some and brings two, and tells of statuses anew.
func (w *twins) change(d dice) {
	w.t.Helper()
	some := len(w.stations) / 3
	for n := range some {
		w.stations[n] = d.station(n)
	}
	w.put(w.stations[:some]...)
	w.put(d.station(len(w.stations)), d.station(len(w.stations)+1))
	for _, s := range w.all() {
		if d.IntN(20) == 0 {
			if err := w.Remove(w.t.Context(), history.Author{Subject: "test"}, s.ID, func(station.Station) error { return nil }); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	w.setStatuses(d)
	w.setRatings(d)
	w.inStep(w.loaded)
}

// compared is how much was held against each other.
type compared struct{ queries, pages, found, differences int }

func (c *compared) add(o compared) {
	c.queries, c.pages, c.found, c.differences = c.queries+o.queries, c.pages+o.pages, c.found+o.found, c.differences+o.differences
}

// compare asks both the same, up to four pages of each query. A difference is an error of the test.
func (w *twins) compare(d dice, queries int) (c compared) {
	w.t.Helper()
	ctx := w.t.Context()
	var operators, ids []uuid.UUID
	for _, s := range w.all() {
		operators, ids = append(operators, s.Operator.ID), append(ids, s.ID)
	}
	slices.SortFunc(operators, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	for c.queries < queries {
		q := d.query(operators, ids)
		c.queries++
		for page := range 4 {
			a, pageA, errA := w.memory.Search(ctx, &q, nil)
			b, pageB, errB := w.sql.Search(ctx, &q, nil)
			if errA != nil || errB != nil {
				w.t.Fatalf("query %d, %+v: memory says %v, SQL %v", c.queries, q, errA, errB)
			}
			c.pages++
			c.found += len(items(w.t, a))
			if diff := cmp.Diff(pageA, pageB); diff != "" || string(a) != string(b) {
				c.differences++
				w.t.Errorf("query %d, page %d of %+v at %+v (-memory +SQL):\n%s\n%s", c.queries, page, q, q.Place, diff, cmp.Diff(items(w.t, a), items(w.t, b)))
				break
			}
			w.finds(&q, a)
			if pageA.Next == nil || q.Spread {
				break
			}
			q.After = pageA.Next
		}
	}
	return c
}

// finds holds the ids that memory and SQL find against the items of a page: the same, in the same order but for a choice, which has none.
func (w *twins) finds(q *find.Query, page []byte) {
	w.t.Helper()
	var want []string
	for _, it := range items(w.t, page) {
		want = append(want, it["id"].(string))
	}
	for name, finder := range map[string]*find.Finder{"memory": w.memory, "SQL": w.sql} {
		ids, _, err := finder.Find(w.t.Context(), q)
		var got []string
		for _, id := range ids {
			got = append(got, id.String())
		}
		if err != nil || !slices.Equal(want, got) {
			w.t.Errorf("%s finds %v (%v) where the page has %v", name, got, err, want)
		}
	}
}

// setStatuses tells of statuses of two thirds of the EVSEs, some of which share a bay with the one before.
func (w world) setStatuses(d dice) {
	w.t.Helper()
	u := plotstatus.Update{AsOf: time.Now().UTC().Truncate(10 * time.Second)}
	all := []station.Status{station.Available, station.Available, station.Charging, station.Unknown, station.OutOfOrder, station.Inoperative}
	for _, s := range w.all() {
		bay, status := uuid.New(), all[d.IntN(len(all))]
		for _, e := range s.EVSEs {
			if d.IntN(3) > 0 {
				bay, status = uuid.New(), all[d.IntN(len(all))]
			}
			if d.IntN(3) > 0 {
				u.Upserts = append(u.Upserts, told(e.ID, bay, status, time.Now().UnixNano()))
			}
		}
	}
	if err := w.ApplyStatuses(w.t.Context(), u); err != nil {
		w.t.Fatal(err)
	}
}

// setRatings has people review two thirds of the stations, and takes some of what they wrote before away.
func (w world) setRatings(d dice) {
	w.t.Helper()
	if _, err := w.DB().ExecContext(w.t.Context(), `DELETE FROM reviews WHERE get_byte(uuid_send(author), 0) % 2 = 0`); err != nil {
		w.t.Fatal(err)
	}
	var stations, authors []uuid.UUID
	var ratings pq.Int64Array
	for _, s := range w.all() {
		for range d.IntN(3) * d.IntN(3) {
			stations, authors, ratings = append(stations, s.ID), append(authors, uuid.New()), append(ratings, int64(1+d.IntN(5)))
		}
	}
	_, err := w.DB().ExecContext(w.t.Context(), `
INSERT INTO reviews (id, station_id, author, rating) SELECT gen_random_uuid(), * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[])`,
		pq.Array(stations), pq.Array(authors), ratings)
	if err != nil {
		w.t.Fatal(err)
	}
}

// running starts a replica and waits until it is in step with what is there.
func running(ctx context.Context, t testing.TB, r *find.Replica) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	eventually(t, "the replica is warm", r.InStep)
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// inStep waits until the replica has every station and status that the tables have.
func (w world) inStep(r *find.Replica) {
	w.t.Helper()
	want := map[string]int64{}
	for _, s := range w.all() {
		want[s.ID.String()] = s.Version
	}
	finder := find.NewFinder(r, broken{})
	cold := find.NewFinder(find.NewReplica(w, w.source(), slog.New(slog.DiscardHandler)), w)
	eventually(w.t, "the replica is in step", func() bool {
		got := map[string]int64{}
		var asOf time.Time
		for q := (find.Query{Limit: 500}); ; {
			body, page, err := finder.Search(w.t.Context(), &q, nil)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, it := range items(w.t, body) {
				got[it["id"].(string)] = int64(it["version"].(float64))
			}
			if asOf = page.StatusesAsOf; page.Next == nil {
				break
			}
			q.After = page.Next
		}
		_, stored, err := cold.Search(w.t.Context(), &find.Query{Limit: 1}, nil)
		return err == nil && cmp.Equal(want, got) && asOf.Equal(stored.StatusesAsOf) && w.toldTo(r) && w.ratedTo(r)
	})
}

// toldTo tells whether the replica has the newest status of every EVSE that there is.
func (w world) toldTo(r *find.Replica) bool {
	w.t.Helper()
	var evses []uuid.UUID
	for _, s := range w.all() {
		for _, id := range live(s) {
			evses = append(evses, id)
		}
	}
	statuses, _, err := w.Statuses(w.t.Context(), evses)
	if err != nil {
		w.t.Fatal(err)
	}
	snapshot := r.Snapshot()
	for id, want := range statuses {
		got, known := snapshot.Status(search.ID(id))
		if !known || got.Status.String() != string(want.Status) || got.Plot != search.ID(want.PlotID) || !got.At.Equal(want.ToldAt) {
			return false
		}
	}
	return true
}

// ratedTo tells whether the replica has the rating of every station that there is.
func (w world) ratedTo(r *find.Replica) bool {
	w.t.Helper()
	var ids []uuid.UUID
	for _, s := range w.all() {
		ids = append(ids, s.ID)
	}
	ratings, err := w.Ratings(w.t.Context(), ids)
	if err != nil {
		w.t.Fatal(err)
	}
	snapshot := r.Snapshot()
	for _, id := range ids {
		got, known := snapshot.Rating(search.ID(id))
		if want := find.RatedBy(ratings)(id); !known || got != want {
			return false
		}
	}
	return true
}

func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen within a minute that %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func items(t testing.TB, body []byte) []map[string]any {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte("["+string(body)+"]"), &all); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return all
}

// broken is SQL that nobody should ask.
type broken struct{}

func (broken) Search(context.Context, *find.Query) (find.Found, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Matches(context.Context, *find.Query) ([]find.Match, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Offers(context.Context, *find.Query) ([]find.Offered, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Stats(context.Context) (search.Stats, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Load(context.Context, []uuid.UUID) (map[uuid.UUID]station.Station, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Ratings(context.Context, []uuid.UUID) (map[uuid.UUID]review.Rating, error) {
	panic("SQL was asked although the index is in step")
}

func (broken) Statuses(context.Context, []uuid.UUID) (map[uuid.UUID]station.PlotStatus, time.Time, error) {
	panic("SQL was asked although the index is in step")
}

package search_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Whatever happens to a small world, in whatever order, the index answers as the oracle does.
// Failing runs shrink to the few steps that matter.
func TestAnyHistoryGivesTheAnswersOfBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind := worldKind(rapid.IntRange(0, int(worldKinds)-1).Draw(t, "kind"))
		w := newWorld(kind, rapid.Uint64().Draw(t, "seed"))
		docs := w.documents(rapid.IntRange(1, 400).Draw(t, "stations"))
		x, o := search.New(), newOracle(docs)
		if err := x.Load(sequence(docs), search.AsOf{}); err != nil {
			t.Fatal(err)
		}
		var r search.Result
		t.Repeat(map[string]func(*rapid.T){
			"change": func(*rapid.T) {
				if len(o) == 0 {
					return
				}
				b := w.batch(o)
				x.Apply(b)
				o.apply(b)
			},
			"ask": func(t *rapid.T) {
				q := w.question(docs)
				if err := o.differs(x.Snapshot(), q, w.IntN(30), &r); err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
			},
			"": func(t *rapid.T) {
				if x.Snapshot().Len() != len(o) {
					t.Fatalf("%d stations, not %d", x.Snapshot().Len(), len(o))
				}
			},
		})
	})
}

func TestPagesGiveEachMatchOnce(t *testing.T) {
	t.Parallel()
	for kind := range worldKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(kind, 3)
			docs := w.documents(1200)
			x, o := load(t, docs), newOracle(docs)
			for range 100 {
				q := w.question(docs)
				q.Limit = 1 + w.IntN(60)
				want := o.search(q)
				var got []found
				ask := q.Query
				for r := (search.Result{More: true}); r.More; {
					x.Snapshot().Search(&ask, &r)
					for i := range r.Hits {
						got = append(got, found{r.Hits[i].ID(), r.Hits[i].Cursor().Key})
					}
					if r.More {
						next := r.Next()
						ask.After = &next
					}
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%+v: %d found, not %d, or in another order", q, len(got), len(want))
				}
			}
		})
	}
}

// While statuses change between pages, a station whose own do not change comes exactly once if it
// matches, and no station comes twice.
func TestPagesStayWholeWhileStatusesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(clustered, 4)
	docs := w.documents(1500)
	x, o := load(t, docs), newOracle(docs)
	for round := range 60 {
		q := w.question(docs)
		q.Plug.Free, q.Limit = true, 1+w.IntN(20)
		restless := map[search.ID]bool{}
		for range 400 {
			restless[pick(w, docs).ID] = true
		}
		want := map[search.ID]int{}
		for _, f := range o.search(q) {
			if !restless[f.id] {
				want[f.id] = 1
			}
		}
		got := map[search.ID]int{}
		ask := q.Query
		for r := (search.Result{More: true}); r.More; {
			x.Snapshot().Search(&ask, &r)
			for i := range r.Hits {
				got[r.Hits[i].ID()]++
			}
			if r.More {
				next := r.Next()
				ask.After = &next
			}
			var b search.Batch
			for id := range restless {
				if w.IntN(3) == 0 {
					changes := w.statuses(o[id])
					for i := range changes { // bays stay as they are: some orders go by their number
						changes[i].Plot = o[id].EVSEs[i].Plot
					}
					b.Statuses = append(b.Statuses, changes...)
				}
			}
			x.Apply(b)
			o.apply(b)
		}
		for id, times := range got {
			if times != 1 {
				t.Fatalf("round %d: %v came %d times", round, id, times)
			}
		}
		maps.DeleteFunc(got, func(id search.ID, _ int) bool { return restless[id] })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("round %d, %+v (-want +got):\n%s", round, q, diff)
		}
	}
}

func TestSnapshotStaysAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(clustered, 5)
	docs := w.documents(800)
	x, o := load(t, docs), newOracle(docs)
	before, beforeOracle := x.Snapshot(), maps.Clone(o)
	for range 50 {
		b := w.batch(o)
		x.Apply(b)
		o.apply(b)
	}
	var r search.Result
	for range 200 {
		q := w.question(docs)
		if err := beforeOracle.differs(before, q, 0, &r); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
	}
}

func TestItemIsRenderedInFull(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 8, 15, 0, 250e6, time.UTC)
	ccs := search.Connector{Standard: "IEC_62196_T2_COMBO", PowerW: 50000}
	type2 := search.Connector{Standard: "IEC_62196_T2", PowerW: 22080}
	unknown := search.Connector{Standard: "CHADEMO"}
	x := load(t, []search.Document{{
		ID: search.ID{1}, Latitude: 48.8, Longitude: 2.3, Item: []byte(`{"id":"a"}`),
		EVSEs: []search.EVSE{
			{ID: search.ID{2}, Status: search.StatusAvailable, StatusAt: at, Connectors: []search.Connector{ccs, type2, type2}},
			{ID: search.ID{3}, Status: search.StatusCharging, StatusAt: at.Add(-time.Hour), Connectors: []search.Connector{type2}},
			{ID: search.ID{4}, Connectors: []search.Connector{unknown}},
			{ID: search.ID{5}, Status: search.StatusAvailable},
		},
	}})
	circle, err := search.NewCircle(48.8, 2.3, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		region search.Region
		want   string
		rated  search.Rating
		rating string
	}{
		"circle":   {circle, `,"distance_m":0.0`, search.Rating{}, `null`},
		"world":    {nil, "", search.Rating{Average: 4.25, Count: 12}, `{"average":4.25,"count":12}`},
		"all well": {nil, "", search.Rating{Average: 5, Count: 1}, `{"average":5,"count":1}`},
	} {
		x.Apply(search.Batch{Ratings: []search.RatingChange{{Station: search.ID{1}, Rating: c.rated}}})
		var r search.Result
		x.Snapshot().Search(&search.Query{Region: c.region, Limit: 1}, &r)
		if len(r.Hits) != 1 {
			t.Fatalf("%s: %d hits", name, len(r.Hits))
		}
		want := `before {"id":"a"` + c.want + `,"rating":` + c.rating + `,"plots":{"total":4,"available":2,"by_connector":{` +
			`"CHADEMO":{"total":1,"available":0},"IEC_62196_T2":{"total":2,"available":1},` +
			`"IEC_62196_T2_COMBO":{"total":1,"available":1}},` +
			`"by_power":{"22.08":{"total":1,"available":0},"50":{"total":1,"available":1}},` +
			`"as_of":"2026-11-23T08:15:00.25Z"}}`
		if got := string(r.Hits[0].AppendItem([]byte("before "))); got != want {
			t.Errorf("%s:\n%s\nnot\n%s", name, got, want)
		}
	}
}

// One car stands at a bay, however many EVSEs serve it.
func TestEVSEsOfOneBayAreOnePlot(t *testing.T) {
	t.Parallel()
	bay, other := search.ID{'p'}, search.ID{'q'}
	x := load(t, []search.Document{{
		ID: search.ID{1}, Item: []byte(`{"id":"a"}`),
		EVSEs: []search.EVSE{
			{ID: search.ID{2}, Plot: bay, Status: search.StatusAvailable, Connectors: []search.Connector{{Standard: "IEC_62196_T2", PowerW: 22000}}},
			{ID: search.ID{3}, Plot: other, Status: search.StatusCharging, Connectors: []search.Connector{{Standard: "IEC_62196_T2", PowerW: 22000}}},
			{ID: search.ID{4}, Plot: bay, Status: search.StatusAvailable, Connectors: []search.Connector{{Standard: "IEC_62196_T2_COMBO", PowerW: 50000}}},
		},
	}})
	told := func(plot search.ID, status search.Status, second int, evses ...byte) (b search.Batch) {
		for _, evse := range evses {
			b.Statuses = append(b.Statuses, search.StatusChange{
				EVSE: search.ID{evse}, Plot: plot, Status: status, At: epoch.Add(time.Duration(second) * time.Second),
			})
		}
		return b
	}
	for i, step := range []struct {
		batch search.Batch
		want  string
		least int // plots that it has by the filter
	}{
		{search.Batch{}, `{"total":2,"available":1,"by_connector":{"IEC_62196_T2":{"total":2,"available":1},"IEC_62196_T2_COMBO":{"total":1,"available":1}},` +
			`"by_power":{"22":{"total":1,"available":0},"50":{"total":1,"available":1}}`, 2},
		{told(bay, search.StatusCharging, 1, 2, 4), `{"total":2,"available":0,"by_connector":{"IEC_62196_T2":{"total":2,"available":0},"IEC_62196_T2_COMBO":{"total":1,"available":0}},` +
			`"by_power":{"22":{"total":1,"available":0},"50":{"total":1,"available":0}}`, 2},
		// The last EVSE gets a bay of its own, and then all three stand at one.
		{told(search.ID{'r'}, search.StatusAvailable, 2, 4), `{"total":3,"available":1,"by_connector":{"IEC_62196_T2":{"total":2,"available":0},"IEC_62196_T2_COMBO":{"total":1,"available":1}},` +
			`"by_power":{"22":{"total":2,"available":0},"50":{"total":1,"available":1}}`, 3},
		{told(other, search.StatusAvailable, 3, 2, 3, 4), `{"total":1,"available":1,"by_connector":{"IEC_62196_T2":{"total":1,"available":1},"IEC_62196_T2_COMBO":{"total":1,"available":1}},` +
			`"by_power":{"50":{"total":1,"available":1}}`, 1},
	} {
		x.Apply(step.batch)
		var r search.Result
		for plots := range 5 {
			q := search.Query{Limit: 1, Ranges: []search.Range{search.AtLeast(search.ColumnPlots, float64(plots))}}
			if x.Snapshot().Search(&q, &r); (r.Total == 1) != (plots <= step.least) {
				t.Errorf("step %d: %d stations have %d plots", i, r.Total, plots)
			}
		}
		x.Snapshot().Search(&search.Query{Limit: 1}, &r)
		if got := string(r.Hits[0].AppendItem(nil)); !strings.Contains(got, step.want) {
			t.Errorf("step %d: %s\nnot %s", i, got, step.want)
		}
		if all := x.Snapshot().Stats(); all.Plots != step.least {
			t.Errorf("step %d: statistics count %d plots", i, all.Plots)
		}
	}
}

// A free slow connector and a busy fast one are not a free fast one.
func TestPlugHoldsOnOneConnector(t *testing.T) {
	t.Parallel()
	x := load(t, []search.Document{{
		ID: search.ID{1}, Item: []byte(`{"id":"a"}`),
		EVSEs: []search.EVSE{
			{ID: search.ID{2}, Status: search.StatusAvailable, Connectors: []search.Connector{
				{Standard: "IEC_62196_T2", PowerW: 22000, Traits: []string{"format:CABLE"}},
			}},
			{ID: search.ID{3}, Status: search.StatusCharging, Traits: []string{"RESERVABLE"}, Connectors: []search.Connector{
				{Standard: "IEC_62196_T2_COMBO", PowerW: 150000},
			}},
		},
	}})
	for _, c := range []struct {
		plug search.Plug
		want int
	}{
		{search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 100_000}, 1},
		{search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 150_000, MaxPowerW: 150_000}, 1},
		{search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 150_001}, 0},
		{search.Plug{Standards: []string{"IEC_62196_T2_COMBO"}, MinPowerW: 100_000, Free: true}, 0},
		{search.Plug{MinPowerW: 50_000, Free: true}, 0},
		{search.Plug{Free: true}, 1},
		{search.Plug{Standards: []string{"IEC_62196_T2"}, MinPowerW: 50_000}, 0},
		{search.Plug{Standards: []string{"IEC_62196_T2"}, Traits: []string{"format:CABLE"}}, 1},
		{search.Plug{Standards: []string{"IEC_62196_T2"}, Traits: []string{"RESERVABLE"}}, 0},
		{search.Plug{Traits: []string{"format:CABLE", "RESERVABLE"}}, 0},
		{search.Plug{Traits: []string{"unheard of"}}, 0},
		{search.Plug{Standards: []string{"unheard of"}}, 0},
		{search.Plug{Standards: []string{"unheard of", "IEC_62196_T2"}}, 1},
	} {
		var r search.Result
		if x.Snapshot().Search(&search.Query{Plug: c.plug}, &r); r.Total != c.want {
			t.Errorf("%+v matches %d, not %d", c.plug, r.Total, c.want)
		}
	}
}

func TestStatusesOfOneTimeAndOlderOnes(t *testing.T) {
	t.Parallel()
	at := func(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }
	evse := search.EVSE{ID: search.ID{9}, Connectors: []search.Connector{{Standard: "CHADEMO"}}}
	doc := func(version int64, status search.Status, second int) search.Document {
		e := evse
		e.Status, e.StatusAt = status, at(second)
		return search.Document{ID: search.ID{1}, Version: version, Item: []byte(`{"id":"a"}`), EVSEs: []search.EVSE{e}}
	}
	change := func(status search.Status, second int) search.Batch {
		return search.Batch{Statuses: []search.StatusChange{{EVSE: evse.ID, Status: status, At: at(second)}}}
	}
	x := load(t, []search.Document{doc(1, search.StatusAvailable, 10)})
	free := func() int {
		var r search.Result
		x.Snapshot().Search(&search.Query{Plug: search.Plug{Free: true}}, &r)
		return r.Total
	}
	for i, step := range []struct {
		batch search.Batch
		want  search.Applied
		free  int
	}{
		{change(search.StatusCharging, 9), search.Applied{Stale: 1}, 1},
		{change(search.StatusCharging, 10), search.Applied{Statuses: 1}, 0},
		{change(search.StatusAvailable, 20), search.Applied{Statuses: 1}, 1},
		// A document that knows an older status does not bring it back, one that knows a newer does.
		{search.Batch{Upserts: []search.Document{doc(2, search.StatusCharging, 15)}}, search.Applied{Upserted: 1}, 1},
		{search.Batch{Upserts: []search.Document{doc(1, search.StatusCharging, 25)}}, search.Applied{Stale: 1}, 1},
		{search.Batch{Upserts: []search.Document{doc(2, search.StatusCharging, 25)}}, search.Applied{Upserted: 1}, 0},
		{search.Batch{Deletes: []search.ID{{1}, {7}}}, search.Applied{Deleted: 1}, 0},
		{change(search.StatusAvailable, 30), search.Applied{Unknown: []search.ID{evse.ID}}, 0},
	} {
		if diff := cmp.Diff(step.want, x.Apply(step.batch)); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
		if got := free(); got != step.free {
			t.Errorf("step %d: %d free, not %d", i, got, step.free)
		}
	}
}

// Two stations may list one EVSE, while it moves from one to the other.
func TestEVSEOfTwoStations(t *testing.T) {
	t.Parallel()
	doc := func(station byte, lat float64) search.Document {
		return search.Document{ID: search.ID{station}, Latitude: lat, Item: []byte(`{"id":"a"}`), EVSEs: []search.EVSE{
			{ID: search.ID{9}, Connectors: []search.Connector{{Standard: "CHADEMO"}}},
		}}
	}
	x := load(t, []search.Document{doc(1, 0), doc(2, 0), doc(3, 50)})
	x.Apply(search.Batch{Deletes: []search.ID{{1}}, Statuses: []search.StatusChange{
		{EVSE: search.ID{9}, Plot: search.ID{'p'}, Status: search.StatusAvailable, At: epoch},
	}})
	var r search.Result
	if x.Snapshot().Search(&search.Query{Plug: search.Plug{Free: true}}, &r); r.Total != 2 {
		t.Errorf("%d free, not 2", r.Total)
	}
	if last, known := x.Snapshot().Status(search.ID{9}); last.Status != search.StatusAvailable || last.Plot != (search.ID{'p'}) || !last.At.Equal(epoch) || !known {
		t.Errorf("%v, %t", last, known)
	}
	if last, known := x.Snapshot().Status(search.ID{8}); last != (search.StatusChange{}) || known {
		t.Errorf("an EVSE of no station is %v, %t", last, known)
	}
}

func TestAsOfFollowsBothFeeds(t *testing.T) {
	t.Parallel()
	x := search.New()
	stations := search.Mark{Position: "s1", Time: epoch}
	statuses := search.Mark{Position: "p7", Time: epoch.Add(time.Second)}
	x.Apply(search.Batch{AsOf: search.AsOf{Stations: stations}})
	x.Apply(search.Batch{AsOf: search.AsOf{Statuses: statuses}})
	if got, want := x.Snapshot().AsOf(), (search.AsOf{Stations: stations, Statuses: statuses}); got != want {
		t.Errorf("%+v, not %+v", got, want)
	}
}

func TestDocumentsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	good := func() search.Document { return search.Document{ID: search.ID{1}, Item: []byte(`{"id":"a"}`)} }
	infinite := 1 / zero
	for name, c := range map[string]struct {
		spoil func(*search.Document)
		want  error
	}{
		"latitude":       {func(d *search.Document) { d.Latitude = 90.5 }, search.ErrPosition},
		"longitude":      {func(d *search.Document) { d.Longitude = -181 }, search.ErrPosition},
		"not a number":   {func(d *search.Document) { d.Latitude = zero / zero }, search.ErrPosition},
		"no item":        {func(d *search.Document) { d.Item = nil }, search.ErrItem},
		"empty item":     {func(d *search.Document) { d.Item = []byte(`{}`) }, search.ErrItem},
		"item too large": {func(d *search.Document) { d.Item = fmt.Appendf(nil, `{"a":%q}`, make([]byte, 1<<20)) }, search.ErrItem},
		"no object":      {func(d *search.Document) { d.Common = `"b":1` }, search.ErrItem},
		"price":          {func(d *search.Document) { d.PriceFrom = &infinite }, search.ErrNumber},
		"power": {func(d *search.Document) {
			d.EVSEs = []search.EVSE{{Connectors: []search.Connector{{Standard: "CHADEMO", PowerW: 1 << 24}}}}
		}, search.ErrNumber},
		"plugs": {func(d *search.Document) {
			d.EVSEs = []search.EVSE{{}}
			for i := range 256 {
				c := search.Connector{Standard: "CHADEMO", PowerW: uint32(i)}
				d.EVSEs[0].Connectors = append(d.EVSEs[0].Connectors, c)
			}
		}, search.ErrNames},
		"traits": {func(d *search.Document) {
			c := search.Connector{Standard: "CHADEMO"}
			for i := range 33 {
				c.Traits = append(c.Traits, fmt.Sprint(i))
			}
			d.EVSEs = []search.EVSE{{Connectors: []search.Connector{c}}}
		}, search.ErrNames},
		"standards": {func(d *search.Document) {
			for i := range 257 {
				c := []search.Connector{{Standard: fmt.Sprint(i)}}
				d.EVSEs = append(d.EVSEs, search.EVSE{Connectors: c})
			}
		}, search.ErrNames},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good()
			c.spoil(&bad)
			x := search.New()
			other := good()
			other.ID = search.ID{2}
			done := x.Apply(search.Batch{Upserts: []search.Document{bad, other}})
			if len(done.Refused) != 1 || done.Refused[0].ID != bad.ID || !errors.Is(done.Refused[0].Err, c.want) {
				t.Errorf("refused %v, not for %v", done.Refused, c.want)
			}
			if done.Upserted != 1 || x.Snapshot().Len() != 1 {
				t.Errorf("the other document did not go in: %+v", done)
			}
			if err := x.Load(sequence([]search.Document{bad}), search.AsOf{}); !errors.Is(err, c.want) {
				t.Errorf("loaded with %v, not %v", err, c.want)
			}
			if x.Snapshot().Len() != 1 {
				t.Errorf("a load that failed changed the index")
			}
		})
	}
}

var zero float64

func TestLoadThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(clustered, 6)
	docs := w.documents(300)
	x := load(t, docs[:100])
	if err := x.Load(sequence(append(docs, docs[7])), search.AsOf{}); !errors.Is(err, search.ErrTwice) {
		t.Errorf("%v, not %v", err, search.ErrTwice)
	}
	broken := errors.New("connection lost")
	err := x.Load(func(yield func(search.Document, error) bool) {
		_ = yield(docs[0], nil) && yield(search.Document{}, broken)
	}, search.AsOf{})
	if !errors.Is(err, broken) {
		t.Errorf("%v, not %v", err, broken)
	}
	if n := x.Snapshot().Len(); n != 100 {
		t.Errorf("%d stations, not the 100 of before", n)
	}
}

// More documents than are packed at a time, so that several runs are merged.
func TestLoadMergesRuns(t *testing.T) {
	t.Parallel()
	n := newNetwork(50_000)
	x := search.New()
	if err := x.Load(n.documents(), search.AsOf{}); err != nil {
		t.Fatal(err)
	}
	var r search.Result
	q := search.Query{Limit: 500}
	seen := 0
	for more := true; more; more = r.More {
		x.Snapshot().Search(&q, &r)
		seen += len(r.Hits)
		next := r.Next()
		if q.After != nil && next.ID.Compare(q.After.ID) <= 0 {
			t.Fatalf("%v is not behind %v", next.ID, q.After.ID)
		}
		q.After = &next
	}
	if seen != n.size || r.Total != n.size {
		t.Errorf("%d stations and a total of %d, not %d", seen, r.Total, n.size)
	}
}

func TestRegionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]float64{{91, 0, 1}, {0, 181, 1}, {0, 0, -1}, {zero / zero, 0, 1}, {0, 0, zero / zero}} {
		if _, err := search.NewCircle(c[0], c[1], c[2]); !errors.Is(err, search.ErrRegion) {
			t.Errorf("circle %v: %v", c, err)
		}
	}
	for _, b := range [][4]float64{{0, 1, 0, 0}, {-181, 0, 0, 0}, {0, 0, 0, 91}, {0, zero / zero, 0, 0}} {
		if _, err := search.NewBox(b[0], b[1], b[2], b[3]); !errors.Is(err, search.ErrRegion) {
			t.Errorf("box %v: %v", b, err)
		}
	}
}

func TestStatusNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN"} {
		if s, known := search.ParseStatus(name); !known || s.String() != name {
			t.Errorf("%s is %v, %t", name, s, known)
		}
	}
	if s, known := search.ParseStatus("free"); known || s != search.StatusUnknown {
		t.Errorf("free is %v, %t", s, known)
	}
}

package httpapi

import (
	"encoding/json"
	"log/slog"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

func fuzzedAPI() *API {
	return New(Config{Cursors: page.NewCodec([]byte("key")), Log: slog.New(slog.DiscardHandler)})
}

// FuzzBox promises of any box a place on the globe or a fault that names it.
func FuzzBox(f *testing.F) {
	for _, box := range []string{"170,-10,-170,10", "-180,-90,180,90", "0,0,0,0", "1,2,3", "NaN,0,1,1", "1e400,0,1,1", "-0,-0,0,0", ",,,", "181,0,1,1", "0,5,1,4"} {
		f.Add(box)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r queryReader
		r.begin(time.Unix(0, 0), nil, 50)
		r.take("bbox", text)
		r.finish()
		if err := r.fault(); err != nil {
			if r.faults[0].Parameter != "bbox" {
				t.Fatalf("%q is blamed on %q", text, r.faults[0].Parameter)
			}
			return
		}
		b := r.q.Place.Box
		if !(math.Abs(b.West) <= 180 && math.Abs(b.East) <= 180 && b.South >= -90 && b.North <= 90 && b.South <= b.North) {
			t.Fatalf("%q became %+v", text, b)
		}
	})
}

// FuzzCursor promises that no text but one that we gave, for the same query, is taken for a cursor.
func FuzzCursor(f *testing.F) {
	a := fuzzedAPI()
	query := func(cursor string) (*queryReader, error) {
		var r queryReader
		return &r, a.readSearch([]byte("country=FR&cursor="+url.QueryEscape(cursor)), &r)
	}
	var first queryReader
	if err := a.readSearch([]byte("country=FR"), &first); err != nil {
		f.Fatal(err)
	}
	good := string(a.nextCursor(&first, search.Cursor{Key: 1, ID: search.ID{1}}))
	if r, err := query(good); err != nil || r.q.After == nil || r.q.After.Key != 1 {
		f.Fatalf("our own cursor is refused: %v", err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(a.operators.Encode(searchCursor{Query: first.same}))
	f.Add(a.searches.Encode(searchCursor{Query: first.same + 1}))
	f.Add(strings.ToUpper(good))
	f.Fuzz(func(t *testing.T, cursor string) {
		r, err := query(cursor)
		if err == nil && cursor != "" && cursor != good {
			t.Fatalf("%q was taken for the cursor %+v", cursor, r.q.After)
		}
	})
}

// FuzzQuery promises that no query string panics, whatever the document has let through.
func FuzzQuery(f *testing.F) {
	a := fuzzedAPI()
	for _, query := range []string{
		"near=1,2&radius_km=3&connector=IEC_62196_T2,CHADEMO&available=true", "route=_p~iF~ps|U_ulLnnqC&corridor_km=1", "polygon=??_ibE??_ibE~hbE?",
		"sort=price&energy_kwh=1&currency=EUR", "q=%C3%89&open_at=2026-01-01T00:00:00Z&fields=id,name", "&&=&a=b&%zz",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var r queryReader
		if err := a.readSearch([]byte(query), &r); err == nil && len(r.faults) > 0 {
			t.Fatal("a query with faults was taken")
		}
	})
}

// TestCursorsAreReadAsTheyWereWritten says the same of the JSON that is written without encoding/json.
func TestCursorsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := searchCursor{Query: rapid.Uint64().Draw(t, "query"), After: search.Cursor{
			Key: rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "key"), ID: search.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
		}}
		var got searchCursor
		if err := json.Unmarshal(want.appendJSON(nil), &got); err != nil || got != want {
			t.Fatalf("%+v became %+v by way of %s: %v", want, got, want.appendJSON(nil), err)
		}
	})
}

// FuzzMembers promises that items are taken apart and put together again without loss.
func FuzzMembers(f *testing.F) {
	f.Add("a\"b", "}{][,:", 1.5)
	f.Fuzz(func(t *testing.T, name, city string, number float64) {
		items := itemsOf(t, name, city, number)
		body := append([]byte(`{"items":[`), items...)
		if got := pickFields(body, len(`{"items":[`), []string{"name", "plots", "city", "version"}); string(got) != string(body) {
			t.Fatalf("%s became %s", body, got)
		}
	})
}

// itemsOf are two items as the index renders them.
func itemsOf(t *testing.T, name, city string, number float64) []byte {
	t.Helper()
	if math.IsNaN(number) || math.IsInf(number, 0) {
		number = 0
	}
	item, err := json.Marshal(map[string]any{"name": name, "plots": map[string]any{"city": city, "list": []any{name, number, nil}}, "version": number})
	if err != nil {
		t.Fatal(err)
	}
	return append(append(append([]byte{}, item...), ','), item...)
}

package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFormats promises that a search has the same rows in every format, whether it is asked for by the parameter or by Accept, and
// that no text of a table is a formula.
func TestFormats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	body := input("=HYPERLINK(\"http://x\")", "formula-1")
	want[map[string]any](operator, http.StatusCreated, http.MethodPost, "/v1/stations", body, "Idempotency-Key", "formula")
	anyone := w.anonymous()
	const query = "/v1/stations?near=48.8566,2.3522&radius_km=500"
	w.eventually("the search has the formula", func() bool {
		got, _ := want[page](anyone, http.StatusOK, http.MethodGet, query+"&q=hyperlink", nil)
		return got.Total == 1
	})
	all, _ := want[page](anyone, http.StatusOK, http.MethodGet, query, nil)
	var ids, names []string
	for _, it := range all.Items {
		ids, names = append(ids, it.ID), append(names, it.Name)
	}
	if len(ids) < 4 {
		t.Fatalf("there are only %d rows to compare", len(ids))
	}
	same := func(format string, want, got []string) {
		t.Helper()
		if !slices.Equal(want, got) {
			t.Errorf("as %s the rows are %q, want %q", format, got, want)
		}
	}

	t.Run("geojson", func(t *testing.T) {
		var got struct {
			Total    int
			Features []struct {
				ID         string
				Geometry   struct{ Coordinates [2]float64 }
				Properties map[string]any
			}
		}
		a := anyone.do(http.MethodGet, query+"&format=geojson", nil)
		if err := json.Unmarshal(a.body, &got); err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range got.Features {
			found = append(found, f.ID)
		}
		same("GeoJSON", ids, found)
		if first := got.Features[0]; got.Total != all.Total || first.Geometry.Coordinates != [2]float64{2.3522, 48.8566} || first.Properties["name"] != "Place du Marché" {
			t.Errorf("the first of %d features is %+v", got.Total, first)
		}
		byAccept := anyone.do(http.MethodGet, query, nil, "Accept", "text/html, application/geo+json;q=0.9")
		if string(byAccept.body) != string(a.body) || !strings.Contains(byAccept.header.Get("Vary"), "Accept") {
			t.Error("Accept chooses another answer than format")
		}
	})

	t.Run("csv", func(t *testing.T) {
		a := anyone.do(http.MethodGet, query+"&format=csv", nil)
		table, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, line := range table[1:] {
			found = append(found, line[0])
			for _, cell := range line {
				if strings.HasPrefix(cell, "=") {
					t.Errorf("a formula: %q", cell)
				}
			}
		}
		same("CSV", ids, found)
		if table[0][0] != "id" || a.header.Get("X-Total-Count") != strconv.Itoa(all.Total) {
			t.Errorf("the head is %q, the total %q", table[0], a.header.Get("X-Total-Count"))
		}
		picked := anyone.do(http.MethodGet, query+"&format=csv&fields=name,plots&limit=1", nil)
		if text := string(picked.body); !strings.HasPrefix(text, "name,plots_total,plots_available,plots_as_of\nPlace du Marché,2,") || picked.header.Get("Link") == "" {
			t.Errorf("the picked columns are %q, the next page %q", text, picked.header.Get("Link"))
		}
	})

	t.Run("kml", func(t *testing.T) {
		var got struct {
			Places []struct {
				ID   string `xml:"id,attr"`
				Name string `xml:"name"`
				At   string `xml:"Point>coordinates"`
			} `xml:"Document>Placemark"`
		}
		a := anyone.do(http.MethodGet, query+"&format=kml", nil)
		if err := xml.Unmarshal(a.body, &got); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		var found []string
		for _, p := range got.Places {
			found = append(found, strings.TrimPrefix(p.ID, "station-"))
		}
		same("KML", ids, found)
		if got.Places[0].At != "2.3522,48.8566" {
			t.Errorf("the first place is at %s", got.Places[0].At)
		}
	})

	t.Run("gpx", func(t *testing.T) {
		var got struct {
			Points []struct {
				Lat  float64 `xml:"lat,attr"`
				Name string  `xml:"name"`
				ID   string  `xml:"src"`
			} `xml:"wpt"`
		}
		a := anyone.do(http.MethodGet, query+"&format=gpx", nil)
		if err := xml.Unmarshal(a.body, &got); err != nil {
			t.Fatalf("%v in %s", err, a.body)
		}
		var found, called []string
		for _, p := range got.Points {
			found, called = append(found, p.ID), append(called, p.Name)
		}
		same("GPX", ids, found)
		same("GPX, by name", names, called)
	})

	t.Run("fields", func(t *testing.T) {
		got, _ := want[struct {
			Items []map[string]any `json:"items"`
		}](anyone, http.StatusOK, http.MethodGet, query+"&fields=id&fields=plots,distance_m", nil)
		if len(got.Items) != len(ids) || len(got.Items[0]) != 3 || got.Items[0]["id"] != ids[0] || got.Items[0]["plots"] == nil {
			t.Errorf("the items have %v", got.Items)
		}
	})
}

package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// TestExports promises the same stations as lines, as a map and as a table, compressed as the caller likes, and nothing but headers
// for HEAD; and that no text of the table is a formula.
func TestExports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	want[map[string]any](operator, http.StatusCreated, http.MethodPost, "/v1/stations", input("=1+1", "formula"))
	anyone := w.anonymous()
	plain := anyone.do(http.MethodGet, "/v1/exports/stations.ndjson", nil, "Accept-Encoding", "identity")
	var names []string
	for line := range bytes.Lines(plain.body) {
		var s struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatal(err)
		}
		names = append(names, s.Name)
	}
	if len(names) != 8 || !slices.Contains(names, "=1+1") {
		t.Fatalf("the lines are of %q", names)
	}

	var collection struct {
		Type     string `json:"type"`
		Features []struct {
			Geometry struct {
				Coordinates [2]float64 `json:"coordinates"`
			} `json:"geometry"`
			Properties map[string]any `json:"properties"`
		} `json:"features"`
	}
	geo := anyone.do(http.MethodGet, "/v1/exports/stations.geojson", nil, "Accept-Encoding", "identity")
	if err := json.Unmarshal(geo.body, &collection); err != nil || collection.Type != "FeatureCollection" || geo.header.Get("Content-Type") != "application/geo+json" {
		t.Fatalf("the map is %s %s: %v", geo.header.Get("Content-Type"), geo.body, err)
	}
	var mapped []string
	for _, f := range collection.Features {
		mapped = append(mapped, f.Properties["name"].(string))
		if f.Geometry.Coordinates[0] == 0 {
			t.Errorf("a feature is at %v", f.Geometry.Coordinates)
		}
	}
	if !slices.Equal(mapped, names) {
		t.Errorf("the map has %q, the lines %q", mapped, names)
	}

	table := anyone.do(http.MethodGet, "/v1/exports/stations.csv", nil, "Accept-Encoding", "identity")
	rows, err := csv.NewReader(bytes.NewReader(table.body)).ReadAll()
	if err != nil || len(rows) != 9 || rows[0][1] != "name" {
		t.Fatalf("the table is %q, %v", rows, err)
	}
	for i, row := range rows[1:] {
		if want := strings.TrimPrefix(row[1], "'"); want != names[i] || strings.HasPrefix(row[1], "=") {
			t.Errorf("row %d is of %q, the lines have %q", i, row[1], names[i])
		}
	}

	for encoding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		packed := w.raw(http.MethodGet, "/v1/exports/stations.ndjson", encoding)
		unpacked, err := open(bytes.NewReader(packed.body))
		if err != nil || packed.header.Get("Content-Encoding") != encoding {
			t.Fatalf("%s was answered by %q: %v", encoding, packed.header.Get("Content-Encoding"), err)
		}
		text, err := io.ReadAll(unpacked)
		if err != nil || !bytes.Equal(text, plain.body) || len(packed.body) >= len(plain.body) {
			t.Errorf("%s holds %d bytes of %d, %v", encoding, len(text), len(plain.body), err)
		}
	}
	if head := w.raw(http.MethodHead, "/v1/exports/stations.csv", "identity"); head.status != http.StatusOK || len(head.body) > 0 || !strings.HasPrefix(head.header.Get("Content-Type"), "text/csv") {
		t.Errorf("HEAD is answered by %d, %d bytes of %s", head.status, len(head.body), head.header.Get("Content-Type"))
	}
	refused(anyone, http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/exports/stations.csv?x=1", nil)
}

// raw asks without what a client does by itself to encodings.
func (w *world) raw(method, path, encoding string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", encoding)
	response, err := w.plain.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, body}
}

// TestImportEvents promises the progress of an import up to its end, to those who may read it.
func TestImportEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	text, err := os.ReadFile(excerpt)
	if err != nil {
		t.Fatal(err)
	}
	admin := w.admin()
	started, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve&source=watched&removal=mark&max_removed_share=0.25", bytes.NewReader(text))
	if started.Removal != transfer.Mark || started.MaxRemovedShare != 0.25 {
		t.Errorf("started %+v", started)
	}
	at := "/v1/imports/" + started.ID.String() + "/events"
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+at, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+admin.token)
	response, err := w.plain.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("watching is answered by %d %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	last, name := transfer.Import{}, ""
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = event
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if name != "end" || last.State != transfer.Succeeded || last.Created != 7 || lines.Err() != nil {
		t.Errorf("the last event is %s of %+v, %v", name, last, lines.Err())
	}
	_, other := w.own("TRM")
	refused(other, http.StatusNotFound, "import_not_found", http.MethodGet, at, nil)
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodGet, at, nil)
	refused(admin, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports?format=irve&removal=all&max_removed_share=2", bytes.NewReader(text))
}

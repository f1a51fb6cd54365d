package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// bin is a store that takes rows and forgets them.
type bin struct {
	transfer.Store
	rows int
}

func (b *bin) Stage(_ context.Context, _ transfer.Import, rows []transfer.StagedRow, _ []transfer.Finding, _ transfer.Counts) error {
	b.rows += len(rows)
	return nil
}

func packed(t testing.TB, file io.Reader) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.Copy(z, file); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// size is that of endless pieces: far beyond what may be held, which is bounded by most.
const (
	size = 96 << 20
	most = 72 << 20
)

// repeated is a text over and over, up to a size.
type repeated struct {
	text string
	left int64
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.text[r.at:])
		n += c
		r.at = (r.at + c) % len(r.text)
	}
	n = int(min(int64(n), r.left))
	r.left -= int64(n)
	return n, nil
}

// TestHostileFiles promises that no format takes a file that is not what it reads, is damaged, or is made to exhaust a machine: the
// answer says what is the matter, nothing is staged, and memory stays bounded.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	text := `{"country_code":"FR","party_id":"ABC","id":"1"}`
	whole := packed(t, strings.NewReader(strings.Repeat(text+"\n", 1000)))
	blast := bomb(t)
	files := map[string]func() io.Reader{
		"cut off": func() io.Reader { return bytes.NewReader(whole[:len(whole)/2]) },
		"a wrong checksum": func() io.Reader {
			return bytes.NewReader(append(whole[:len(whole)-8:len(whole)-8], make([]byte, 8)...))
		},
		"UTF-16":        func() io.Reader { return strings.NewReader("\xff\xfeI\x00D\x00") },
		"a spreadsheet": func() io.Reader { return strings.NewReader("PK\x03\x04 and so on") },
		"zstd":          func() io.Reader { return strings.NewReader("\x28\xb5\x2f\xfd and so on") },
		"bzip2":         func() io.Reader { return strings.NewReader("BZh91AY and so on") },
		"packed twice":  func() io.Reader { return bytes.NewReader(packed(t, bytes.NewReader(whole))) },
		"a bomb":        func() io.Reader { return bytes.NewReader(blast) },
	}
	perFormat := map[string]map[string]func() io.Reader{
		importer.OCPI: {
			"an endless text": func() io.Reader {
				return io.MultiReader(strings.NewReader(`[{"id":"`), &repeated{text: "a", left: size})
			},
			"endless brackets": func() io.Reader { return &repeated{text: "[", left: size} },
			"nested envelopes": func() io.Reader { return &repeated{text: `{"data":`, left: size} },
			"half an array":    func() io.Reader { return strings.NewReader("[" + text + ",") },
			"no JSON":          func() io.Reader { return strings.NewReader("<html>") },
			"a failed answer":  func() io.Reader { return strings.NewReader(`{"status_code":2001,"data":[]}`) },
			"two arrays":       func() io.Reader { return strings.NewReader("[][]") },
		},
		importer.OCM: {
			"an endless text": func() io.Reader {
				return io.MultiReader(strings.NewReader(`[{"ID":"`), &repeated{text: "a", left: size})
			},
		},
		importer.AFDC: {
			"an endless quote": func() io.Reader {
				return io.MultiReader(strings.NewReader("ID,Station Name,Latitude,Longitude\n\""), &repeated{text: "a\n", left: size})
			},
			"other columns": func() io.Reader { return strings.NewReader("a,b\n1,2\n") },
		},
		importer.BNetzA: {
			"an endless quote": func() io.Reader {
				return io.MultiReader(strings.NewReader("\"Betreiber"), &repeated{text: "a\n", left: size})
			},
			"no header": func() io.Reader { return &repeated{text: "a;b\n", left: 1 << 20} },
		},
		importer.IRVE: {
			"an endless quote": func() io.Reader {
				return io.MultiReader(strings.NewReader("id_pdc_itinerance,id_station_itinerance,coordonneesXY,puissance_nominale\n\""), &repeated{text: "a", left: size})
			},
		},
	}
	for format := range importer.Formats() {
		all := map[string]func() io.Reader{}
		for name, file := range files {
			all[name] = file
		}
		for name, file := range perFormat[format] {
			all[name] = file
		}
		for name, file := range all {
			store := &bin{}
			peak, err := receive(t, store, format, file())
			if !errors.Is(err, transfer.ErrFile) {
				t.Errorf("%s: a file that is %s was answered by %v", format, name, err)
			}
			if peak > most {
				t.Errorf("%s: a file that is %s took %d MiB", format, name, peak>>20)
			}
		}
	}
}

// TestEndlessLines promises that a line of a gigabyte costs no memory, and the rows around it go in.
func TestEndlessLines(t *testing.T) {
	t.Parallel()
	station := `{"source":"demo","source_id":"1","operator":{"country_code":"FR","party_id":"PLM"},"name":"One","country":"FR","latitude":1,"longitude":1,"evses":[]}`
	store := &bin{}
	peak, err := receive(t, store, importer.NDJSON, io.MultiReader(
		strings.NewReader(station+"\n{\"name\":\""), &repeated{text: strings.Repeat("a", 64<<10), left: 1 << 30}, strings.NewReader("\n"+strings.Replace(station, `"source_id":"1"`, `"source_id":"2"`, 1)),
	))
	if err != nil || store.rows != 2 {
		t.Errorf("%d rows went in around the line: %v", store.rows, err)
	}
	if peak > most {
		t.Errorf("the line took %d MiB", peak>>20)
	}
}

// receive gives the growth of the heap that was seen, and how it ended.
func receive(t testing.TB, store transfer.Store, format string, file io.Reader) (uint64, error) {
	t.Helper()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak uint64
	watched := &sampled{r: file, look: func() {
		runtime.ReadMemStats(&now)
		if now.HeapInuse > before.HeapInuse {
			peak = max(peak, now.HeapInuse-before.HeapInuse)
		}
	}}
	err := transfer.Receive(t.Context(), store, importer.Formats()[format], transfer.Import{ID: uuid.New(), Source: "test"}, watched, nil)
	watched.look()
	return peak, err
}

// sampled looks around every sixteen MiB.
type sampled struct {
	r    io.Reader
	n    int
	look func()
}

func (s *sampled) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.n += n; s.n > 16<<20 {
		s.n = 0
		s.look()
	}
	return n, err
}

// bomb is a small file that grows to a single line of 80 MiB.
func bomb(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(z, io.MultiReader(strings.NewReader(`{"id":"`), &repeated{text: "0", left: 80 << 20})); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

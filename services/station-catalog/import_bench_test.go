package stationcatalog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// generated writes a file of stations in the form of the export: a grid around the globe, each with two EVSEs.
func generated(b *testing.B, n int) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "stations.ndjson")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	for i := range n {
		fmt.Fprintf(w, `{"operator":{"name":"Operator %[2]d","country_code":"FR","party_id":"G%02[2]d"},"source":"generated","source_id":"S%[1]d","name":"Station %[1]d","address":"%[1]d Street","city":"Town","postal_code":"75000","country":"FR","latitude":%.5[3]f,"longitude":%.5[4]f,"time_zone":"Europe/Paris","access":"public","evses":[`,
			i, i%100, -60+float64(i%1200)*0.1, -180+float64(i/1200)*0.43)
		for e := range 2 {
			if e > 0 {
				_ = w.WriteByte(',')
			}
			fmt.Fprintf(w, `{"uid":"E%d-%d","reservable":false,"connectors":[{"id":"1","standard":"IEC_62196_T2_COMBO","format":"CABLE","power_type":"DC","max_electric_power":150000}]}`, i, e)
		}
		_, _ = w.WriteString("]}\n")
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// peakMiB is the greatest resident memory of this process since it was last reset.
func peakMiB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("resident memory is not known here: %v", err)
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	return 0
}

func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
		b.Logf("the peak of memory cannot be reset here: %v", err)
	}
}

// BenchmarkImportGenerated measures the import of generated stations (STATION_CATALOG_BENCH_STATIONS of them) against psql's \copy
// of the raw text, the memory that it takes, and a second import of the same file. The goal is 5 times, and 0 written.
func BenchmarkImportGenerated(b *testing.B) {
	n := 20_000
	if text := os.Getenv("STATION_CATALOG_BENCH_STATIONS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	path := generated(b, n)
	db := pgtest.New(b, stationcatalog.Migrations())
	cfg := configFor(b, db)
	raw := copyRaw(b, db, path)
	var seconds [2]float64
	var written int64
	resetPeak(b)
	for i := range seconds {
		file, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		report, err := stationcatalog.Import(b.Context(), cfg, "ndjson", file, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
		seconds[i], written = report.Duration.Seconds(), report.Import.Created+report.Import.Updated+report.Import.Removed
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(seconds[0], "s/import")
	b.ReportMetric(seconds[1], "s/again")
	b.ReportMetric(raw, "s/copy")
	b.ReportMetric(seconds[0]/raw, "x-copy")
	b.ReportMetric(float64(n), "stations")
	b.ReportMetric(float64(written), "written-again")
	b.ReportMetric(peakMiB(b), "MiB-peak")
}

// BenchmarkExportRegister measures the exports of the register over HTTP, and holds the replay of the whole feed against the export
// byte for byte, after the second generation has removed and changed most of the first.
func BenchmarkExportRegister(b *testing.B) {
	db := pgtest.New(b, stationcatalog.Migrations())
	cfg := configFor(b, db)
	if _, err := stationcatalog.Import(b.Context(), cfg, "irve", bytes.NewReader(registerText(b)), nil); err != nil {
		b.Fatal(err)
	}
	second := 0.0
	if packed, err := os.Open("../../../shared/data/fr_irve_static_2026-04-13.jsonl.gz"); err == nil {
		start := time.Now()
		report, err := stationcatalog.Import(b.Context(), cfg, "irve", packed, nil, stationcatalog.ImportOptions{RemoveUnlisted: true, MaxRemovedShare: 1})
		if err != nil {
			b.Fatal(err)
		}
		second = time.Since(start).Seconds()
		b.Logf("the second generation: %+v", report.Import.Counts)
		_ = packed.Close()
	}
	store := postgres.New(db)
	source := feed.NewSource(db, feed.SourceOptions[station.Station]{Table: postgres.ChangeLog, Load: store.Load})
	held := map[string][]byte{}
	start := time.Now()
	for cursor := ""; ; {
		page, err := source.After(b.Context(), cursor, 1000, time.Second)
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range page.Items {
			if delete(held, e.ID); e.Op == feed.Upsert {
				if held[e.ID], err = json.Marshal(e.Data); err != nil {
					b.Fatal(err)
				}
			}
		}
		if cursor = page.NextCursor; len(page.Items) == 0 {
			break
		}
	}
	replayed := time.Since(start).Seconds()
	settings := []string{
		"DATABASE_URL=" + db.Config().URL, "AUTH_ISSUER=http://127.0.0.1:1", "AUTH_JWKS_URL=http://127.0.0.1:1/jwks",
		"RATE_ANONYMOUS=1000000000", "MIGRATIONS=off",
	}
	catalogue := startServer(b, "catalogue", settings, nil)
	for b.Loop() {
		for _, format := range []string{"ndjson", "geojson", "csv"} {
			start := time.Now()
			text := fetchExport(b, "http://"+catalogue.address+"/v1/exports/stations."+format)
			b.ReportMetric(time.Since(start).Seconds(), "s/"+format)
			if format == "ndjson" {
				differ := 0
				lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
				for _, line := range lines {
					var s struct{ ID string }
					if err := json.Unmarshal(line, &s); err != nil {
						b.Fatal(err)
					}
					if !bytes.Equal(held[s.ID], line) {
						differ++
					}
				}
				if differ > 0 || len(lines) != len(held) {
					b.Errorf("of %d exported stations %d differ from the replay of %d", len(lines), differ, len(held))
				}
				b.ReportMetric(float64(len(lines)), "stations")
				b.ReportMetric(float64(differ), "differences")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(second, "s/second-generation")
	b.ReportMetric(replayed, "s/replay")
}

// fetchExport fetches an export as gzip.
func fetchExport(b *testing.B, url string) []byte {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		b.Fatal(err)
	}
	defer response.Body.Close()
	plain, err := gzip.NewReader(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		b.Fatalf("%s was answered by %d: %v", url, response.StatusCode, err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

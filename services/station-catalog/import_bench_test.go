package stationcatalog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/proctest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// generated writes a file of n stations, a grid around the globe, as line gives them: either in the form of the export, with as little
// as a station can have, or as rows of the French register with all that these have.
func generated(b *testing.B, n int, line func(w io.Writer, i int, lat, lon float64)) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "stations")
	file, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(file, 1<<20)
	for i := range n {
		line(w, i, -60+float64(i%1200)*0.1, -180+float64(i/1200)*0.43)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// exportLine is a station with two EVSEs, 0.6 KB.
func exportLine(w io.Writer, i int, lat, lon float64) {
	fmt.Fprintf(w, `{"operator":{"name":"Operator %[2]d","country_code":"FR","party_id":"G%02[2]d"},"source":"generated","source_id":"S%[1]d","name":"Station %[1]d","address":"%[1]d Street","city":"Town","postal_code":"75000","country":"FR","latitude":%.5[3]f,"longitude":%.5[4]f,"time_zone":"Europe/Paris","access":"public","evses":[`,
		i, i%100, lat, lon)
	for e := range 2 {
		if e > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"uid":"E%d-%d","reservable":false,"connectors":[{"id":"1","standard":"IEC_62196_T2_COMBO","format":"CABLE","power_type":"DC","max_electric_power":150000}]}`, i, e)
	}
	fmt.Fprint(w, "]}\n")
}

// registerRows are the rows of a station's EVSEs, 2.25 of 1.26 KB each as in the register of 2024.
func registerRows(w io.Writer, i int, lat, lon float64) {
	evses := 2
	if i%4 == 0 {
		evses = 3
	}
	for e := range evses {
		fmt.Fprintf(w, `{"nom_amenageur":"Société d'aménagement %[2]d","siren_amenageur":"301192%03[2]d","contact_amenageur":"contact@amenageur-%[2]d.example","nom_operateur":"Opérateur de recharge %[2]d","contact_operateur":"assistance@operateur-%[2]d.example","telephone_operateur":"tel:+33-1-23-45-67-%02[2]d","nom_enseigne":"Enseigne %[2]d","id_station_itinerance":"FRG%02[2]dP%[1]d","id_station_local":"%[1]d","nom_station":"Parking de la station %[1]d","implantation_station":"Parking privé à usage public","adresse_station":"%[1]d avenue de la République, 77700 Bailly-Romainvilliers","code_insee_commune":"77018","coordonneesXY":"[%.5[4]f, %.5[3]f]","nbre_pdc":%[6]d,"id_pdc_itinerance":"FRG%02[2]dE%[1]d%[5]d","id_pdc_local":"FRG%02[2]dE%[1]d%[5]d","puissance_nominale":150.0,"prise_type_ef":false,"prise_type_2":true,"prise_type_combo_ccs":true,"prise_type_chademo":false,"prise_type_autre":false,"gratuit":false,"paiement_acte":true,"paiement_cb":true,"paiement_autre":true,"tarification":"0.27€/kWh+0.10€/min pour les non abonnés","condition_acces":"Accès libre","reservation":false,"horaires":"Mo-Fr 08:00-19:00","accessibilite_pmr":"Accessible mais non réservé PMR","restriction_gabarit":"Hauteur maximale 2 m","station_deux_roues":false,"raccordement":"Indirect","num_pdl":"50088800000000","date_mise_en_service":"2022-04-30","observations":"Recharge pendant les heures d'ouverture. Recharge par QR code ou RFID.","date_maj":"2022-07-21","cable_t2_attache":false}`+"\n",
			i, i%100, lat, lon, e, evses)
	}
}

// resetPeak makes this process' peak of memory what it holds now.
func resetPeak(b *testing.B) {
	b.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o600); err != nil {
		b.Fatal("the peak of memory cannot be reset: ", err)
	}
}

// stations is how many the benchmarks generate: STATION_CATALOG_BENCH_STATIONS.
func stations(b *testing.B, otherwise int) int {
	b.Helper()
	text := os.Getenv("STATION_CATALOG_BENCH_STATIONS")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// settling is how many rounds of searches a replica settles in.
const settling = 2 * searchRounds

// restart measures the start of the service on one core until it is ready (SQL answers) and until its index is warm, against psql's COPY TO
// of the rows that it reads, and what it holds: when it has settled, and at most. It has settled when searches that allocate much, those of
// some fields, have made it collect garbage more than once since it was warm: right when it is warm it holds what loading took as well,
// and right after that was given back it holds less than it ever will again.
func restart(b *testing.B, db *libpostgres.DB) {
	b.Helper()
	psql := func(command string) {
		b.Helper()
		if out, err := exec.CommandContext(b.Context(), "psql", "-q", "-v", "ON_ERROR_STOP=1", db.Config().URL, "-c", command).CombinedOutput(); err != nil {
			b.Fatalf("psql: %v: %s", err, out)
		}
	}
	psql(`ANALYZE`)
	start := time.Now()
	for _, table := range []string{"stations", "evses", "connectors"} {
		psql(`\copy ` + table + ` to /dev/null`)
	}
	copied := time.Since(start).Seconds()
	start = time.Now()
	catalogue := launchServer(b, "catalogue", []string{
		"DATABASE_URL=" + db.Config().URL, "AUTH_ISSUER=http://127.0.0.1:1", "AUTH_JWKS_URL=http://127.0.0.1:1/jwks", "MIGRATIONS=off",
		"RATE_ANONYMOUS=1000000000",
	}, nil)
	answered := 0.0
	for warm := false; !warm; <-time.After(20 * time.Millisecond) {
		var ready bool
		if ready, warm, _ = catalogue.ready(); ready && answered == 0 {
			answered = time.Since(start).Seconds()
			catalogue.get(b, "/v1/stations?near=48.8566,2.3522&limit=1")
		}
		if b.Context().Err() != nil || time.Since(start) > 10*time.Minute {
			b.Fatal("the index is not warm after ten minutes")
		}
	}
	warm := time.Since(start).Seconds()
	catalogue.get(b, "/v1/stations?near=48.8566,2.3522&limit=1")
	b.ReportMetric(answered, "s/ready")
	b.ReportMetric(answered/copied, "x-copy-to-ready")
	b.ReportMetric(warm, "s/warm")
	b.ReportMetric(warm/copied, "x-copy-to")
	b.ReportMetric(copied, "s/copy-to")
	b.ReportMetric(proctest.CPU(b, catalogue.pid).Seconds(), "cpu-s/warm")
	b.ReportMetric(proctest.Memory(b, catalogue.pid)/(1<<20), "MiB-replica-warm")
	for range settling {
		catalogue.load(b, func(r *rand.Rand) string {
			return fmt.Sprintf("/v1/stations?near=%.3f,%.3f&radius_km=50&limit=20&fields=id,name,plots", r.Float64()*100-50, r.Float64()*300-150)
		})
	}
	b.ReportMetric(proctest.Memory(b, catalogue.pid)/(1<<20), "MiB-replica")
	b.ReportMetric(proctest.PeakMemory(b, catalogue.pid)/(1<<20), "MiB-replica-peak")
}

// BenchmarkImportGenerated measures the import of generated stations against psql's \copy of the raw text, the memory that it takes,
// a second import of the same file, and the start of the service on them. The goal is 5 times for rows as a register has them, 0
// written, and 3 times COPY TO for the start, until it is ready and until its index is warm. A line of the export that
// says as little as it can is a fifth as much text for the same rows in the tables, so that its ratio is as much greater.
func BenchmarkImportGenerated(b *testing.B) {
	n := stations(b, 20_000)
	for _, kind := range []struct {
		format string
		line   func(io.Writer, int, float64, float64)
	}{{"irve", registerRows}, {"ndjson", exportLine}} {
		b.Run(kind.format, func(b *testing.B) {
			path := generated(b, n, kind.line)
			db := pgtest.New(b, stationcatalog.Migrations())
			cfg := configFor(b, db)
			raw := copyRaw(b, db, path)
			var seconds [2]float64
			var report stationcatalog.Report
			resetPeak(b)
			for b.Loop() {
				for i := range seconds {
					file, err := os.Open(path)
					if err != nil {
						b.Fatal(err)
					}
					if report, err = stationcatalog.Import(b.Context(), cfg, kind.format, file, nil); err != nil {
						b.Fatal(err)
					}
					if err := file.Close(); err != nil {
						b.Fatal(err)
					}
					seconds[i] = report.Duration.Seconds()
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(seconds[0], "s/import")
			b.ReportMetric(seconds[1], "s/again")
			b.ReportMetric(raw, "s/copy")
			b.ReportMetric(seconds[0]/raw, "x-copy")
			b.ReportMetric(float64(report.Import.Stations), "stations")
			b.ReportMetric(float64(report.Import.Rejected), "rejected")
			b.ReportMetric(float64(report.Import.Created+report.Import.Updated+report.Import.Removed), "written-again")
			b.ReportMetric(proctest.PeakMemory(b, os.Getpid())/(1<<20), "MiB-peak")
			restart(b, db)
		})
	}
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

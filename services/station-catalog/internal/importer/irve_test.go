package importer_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const (
	excerptJSON = "testdata/irve_excerpt.jsonl"
	excerptCSV  = "testdata/irve_excerpt.csv"
)

// read gives the stations of a file, by source id, and what was found.
func read(t *testing.T, format, text string) (map[string]transfer.Entry, []transfer.Finding) {
	t.Helper()
	f := importer.Formats()[format]
	staged := map[string][]transfer.StagedRow{}
	seen := map[string]bool{}
	var keys []string
	var findings []transfer.Finding
	for row, err := range f.Rows(strings.NewReader(text), "irve") {
		if err != nil {
			t.Fatal(err)
		}
		findings = append(findings, row.Findings...)
		if row.Data == "" || format == importer.IRVE && seen[row.UIDs[0]] {
			continue // what was told before is dropped by whoever receives a file
		}
		if format == importer.IRVE {
			seen[row.UIDs[0]] = true
		}
		if strings.Contains(row.Data, "\n") {
			t.Errorf("a staged row contains a line break: %q", row.Data)
		}
		keys = append(keys, row.Key)
		staged[row.Key] = append(staged[row.Key], transfer.StagedRow{Key: row.Key, Line: row.Line, Data: row.Data})
	}
	entries := map[string]transfer.Entry{}
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		entry, more, ok := f.Assemble(staged[key], "irve")
		findings = append(findings, more...)
		if ok {
			entries[entry.Station.SourceID] = entry
		}
	}
	return entries, findings
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestBothGenerations promises that typed JSON lines and the same rows as text in CSV give the same stations.
func TestBothGenerations(t *testing.T) {
	t.Parallel()
	fromJSON, _ := read(t, importer.IRVE, file(t, excerptJSON))
	fromCSV, _ := read(t, importer.IRVE, file(t, excerptCSV))
	ignoreLine := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Line" }, cmp.Ignore())
	if diff := cmp.Diff(fromJSON, fromCSV, ignoreLine); diff != "" {
		t.Errorf("JSON and CSV differ (-json +csv):\n%s", diff)
	}
	if len(fromJSON) < 7 {
		t.Errorf("the excerpt has %d stations", len(fromJSON))
	}
}

// TestExcerpt promises each mapping of the scheme, row by row.
func TestExcerpt(t *testing.T) {
	t.Parallel()
	entries, findings := read(t, importer.IRVE, file(t, excerptJSON))

	paris := entries["FRPLMP0001"]
	if !paris.Complete || paris.Line != 1 {
		t.Errorf("the station of %d points in lines 1 and 3 is complete=%v from line %d", 2, paris.Complete, paris.Line)
	}
	want := station.Station{
		Operator: station.Operator{Name: "Plume Mobilité", CountryCode: "FR", PartyID: "PLM"},
		Source:   "irve", SourceID: "FRPLMP0001", Name: "Place du Marché", Address: "1 place du Marché", PostalCode: "75004", City: "Paris",
		Country: "FR", Latitude: 48.8566, Longitude: 2.3522, TimeZone: "Europe/Paris", Access: station.Public, ParkingType: "ON_STREET",
		Opening: &station.OpeningTimes{TwentyFourSeven: true},
	}
	got := paris.Station
	got.EVSEs, got.Tariffs, got.Payment = nil, nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("station (-want +got):\n%s", diff)
	}

	for uid, connectors := range map[string]string{
		"FRPLME00011": "IEC_62196_T2_COMBO CABLE DC 1000V 150A 150000W",
		"FRPLME00012": "IEC_62196_T2_COMBO CABLE DC 1000V 150A 150000W, CHADEMO CABLE DC 500V 125A 62500W",
		"FRPLME00021": "IEC_62196_T2 SOCKET AC_3_PHASE 230V 32A 22000W, DOMESTIC_E SOCKET AC_1_PHASE 230V 16A 3680W",
		"FRPLME00031": "IEC_62196_T2 CABLE AC_1_PHASE 230V 32A 7400W",
		"FRPLME00041": "IEC_62196_T2 SOCKET AC_3_PHASE 230V 32A 22000W",
		"FRPLME00051": "IEC_62196_T2_COMBO CABLE DC 0V 0A 0W",
		"FRTRME00011": "IEC_62196_T2_COMBO CABLE DC 500V 100A 50000W, CHADEMO CABLE DC 500V 100A 50000W, IEC_62196_T2 SOCKET AC_3_PHASE 230V 32A 22080W",
		"FRTRME00012": "DOMESTIC_E SOCKET AC_1_PHASE 230V 16A 3680W",
		"FRTRME00021": "",
	} {
		if got := spellConnectors(entries, uid); got != connectors {
			t.Errorf("connectors of %s:\n got %s\nwant %s", uid, got, connectors)
		}
	}

	lyon := entries["FRPLMP0002"].Station
	if lyon.Address != "2 rue de la Gare" || lyon.PostalCode != "69002" || lyon.City != "Lyon" || lyon.ParkingType != "PARKING_LOT" {
		t.Errorf("the address in brackets is %q, %q, %q", lyon.Address, lyon.PostalCode, lyon.City)
	}
	if len(lyon.Opening.Regular) != 11 {
		t.Errorf("the hours of Lyon have %d spans", len(lyon.Opening.Regular))
	}
	if e := lyon.EVSEs[0]; !e.Reservable || !slices.Contains(e.ParkingRestrictions, "DISABLED") || !slices.Contains(e.Capabilities, "RESERVABLE") {
		t.Errorf("the reservable point for disabled persons is %+v", e)
	}
	east := entries["FRPLMP0003"].Station
	if east.Access != station.Restricted || east.OpeningText != "sur rendez-vous" || east.Opening != nil {
		t.Errorf("the station that is open by appointment is %+v", east)
	}
	if entries["FRPLMP0004"].Station.TimeZone != "Indian/Reunion" || entries["FRPLMP0004"].Complete {
		t.Error("the station on Réunion, with one of three points, is not in its zone or is called complete")
	}
	if o := entries["FRTRMP0001"].Operator; o.Name != "Tramway Recharge" || o.PartyID != "TRM" {
		t.Errorf("the operator without a name is %+v", o)
	}

	for _, code := range []string{
		"4 hours", "5 power_in_watts", "6 power_missing", "7 coordinates", "8 missing_id", "11 disagreement", "12 no_plug", "13 not_json",
	} {
		if !slices.ContainsFunc(findings, func(f transfer.Finding) bool { return fmt.Sprintf("%d %s", f.Line, f.Code) == code }) {
			t.Errorf("nothing was found like line %s in %+v", code, findings)
		}
	}
	for _, f := range findings {
		if f.Detail == "" || f.Advice == "" {
			t.Errorf("a finding does not say what to do: %+v", f)
		}
	}
}

func spellConnectors(entries map[string]transfer.Entry, uid string) string {
	for _, entry := range entries {
		for _, e := range entry.Station.EVSEs {
			if e.UID != uid {
				continue
			}
			var all []string
			for _, c := range e.Connectors {
				all = append(all, fmt.Sprintf("%s %s %s %dV %dA %dW", c.Standard, c.Format, c.PowerType, c.Voltage, c.Amperage, c.PowerW))
			}
			return strings.Join(all, ", ")
		}
	}
	return "not there"
}

// TestPrices promises a tariff where the text says a price per kWh and nothing else, and none where it would be a guess.
func TestPrices(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0,54 € TTC / kWh":      "0.54 YES",
		"0.69€ / kwh":           "0.69 YES",
		"0,32 €/kWh":            "0.32 YES",
		"0,46€/KWH HT":          "0.46 NO",
		"0,60€/KWH TTC":         "0.60 YES",
		"0.348 € TTC / kWh":     "0.348 YES",
		"0.30":                  "",
		"0.36€":                 "",
		"Payant":                "",
		"0,17€/kWh + 0,125€/mn": "",
		"0,35cts/KWH HT":        "",
		"0.27€/kWh+0.10€/min pour les non abonnés": "",
		"54 €/kWh":            "",
		"0,00€/kWh":           "",
		"https://belib.paris": "",
	} {
		line := strings.Replace(strings.Split(file(t, excerptJSON), "\n")[0], `"0,54 \u20ac TTC / kWh"`, `"`+text+`"`, 1)
		entries, _ := read(t, importer.IRVE, line)
		s := entries["FRPLMP0001"].Station
		got := ""
		if len(s.Tariffs) == 1 {
			c := s.Tariffs[0].Elements[0].PriceComponents[0]
			got = string(c.Price) + " " + string(s.Tariffs[0].TaxIncluded)
			if faults := s.Tariffs[0].Validate(); len(faults) > 0 {
				t.Errorf("the tariff of %q is not valid: %+v", text, faults)
			}
			if ids := s.EVSEs[0].Connectors[0].TariffIDs; len(ids) != 1 || ids[0] != s.Tariffs[0].ID {
				t.Errorf("the connector refers to %v, the tariff is %s", ids, s.Tariffs[0].ID)
			}
		}
		if got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
		if s.Payment == nil || s.Payment.Text != text {
			t.Errorf("the text %q was not kept", text)
		}
	}
}

// TestEveryStationIsValid promises that what comes out of the importer passes the rules of a station, on the real registers where
// they are there.
func TestEveryStationIsValid(t *testing.T) {
	t.Parallel()
	for name, text := range registers(t) {
		entries, _ := read(t, importer.IRVE, text)
		for id, e := range entries {
			e.Station.SettleTariffs()
			if faults := e.Station.Validate(); len(faults) > 0 {
				t.Errorf("%s, station %s: %+v", name, id, faults)
			}
		}
		t.Logf("%s: %d stations", name, len(entries))
	}
}

// registers are the real files beside the repository, or the excerpt when they are not there.
func registers(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"fr_irve_static_2024-07-03.jsonl.gz", "fr_irve_static_2026-04-13.jsonl.gz"} {
		packed, err := os.Open("../../../../../shared/data/" + name)
		if err != nil {
			t.Logf("%s is not there: the hand-written excerpt takes its place", name)
			out["excerpt"] = file(t, excerptJSON)
			continue
		}
		plain, err := gzip.NewReader(packed)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(plain)
		if err != nil {
			t.Fatal(err)
		}
		if err := packed.Close(); err != nil {
			t.Error(err)
		}
		out[name] = string(text)
	}
	return out
}

// TestHostileFiles promises a clear end, in little memory, of files that are not what they should be.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	good := strings.Split(file(t, excerptJSON), "\n")[0]
	t.Run("a long line is skipped", func(t *testing.T) {
		t.Parallel()
		entries, findings := read(t, importer.IRVE, good+"\n{\""+strings.Repeat("a", 3<<20)+"\n"+good+"\n")
		if len(entries) != 1 || len(findings) != 1 || findings[0].Code != "row_too_long" || findings[0].Line != 2 {
			t.Errorf("found %+v in %d stations", findings, len(entries))
		}
	})
	t.Run("a line that is not UTF-8 is skipped", func(t *testing.T) {
		t.Parallel()
		_, findings := read(t, importer.IRVE, good+"\n"+strings.Replace(good, "Plume", "Pl\xe9", 1))
		if len(findings) != 1 || findings[0].Code != "encoding" {
			t.Errorf("found %+v", findings)
		}
	})
	t.Run("a CSV row without end stops", func(t *testing.T) {
		t.Parallel()
		header, _, _ := strings.Cut(file(t, excerptCSV), "\n")
		reader := io.MultiReader(strings.NewReader(header+"\n\""), endless{})
		var last error
		for _, err := range importer.Formats()[importer.IRVE].Rows(reader, "irve") {
			last = err
		}
		if last == nil {
			t.Error("the file had no end")
		}
	})
	t.Run("another CSV is refused by its header", func(t *testing.T) {
		t.Parallel()
		var last error
		for _, err := range importer.Formats()[importer.IRVE].Rows(strings.NewReader("a,b\n1,2\n"), "irve") {
			last = err
		}
		if last == nil || !strings.Contains(last.Error(), "id_pdc_itinerance") {
			t.Errorf("the header was answered by %v", last)
		}
	})
	t.Run("an empty file has no rows", func(t *testing.T) {
		t.Parallel()
		for _, format := range []string{importer.IRVE, importer.NDJSON} {
			for row, err := range importer.Formats()[format].Rows(bytes.NewReader(nil), "irve") {
				t.Errorf("an empty %s has the row %+v, %v", format, row, err)
			}
		}
	})
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// FuzzRows promises that no file makes the reader fail otherwise than by an error, and that what it accepts can be assembled.
func FuzzRows(f *testing.F) {
	for _, name := range []string{excerptJSON, excerptCSV} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, true)
	}
	f.Add([]byte(`{"source":"a","source_id":"1","name":"x","evses":[]}`), false)
	f.Fuzz(func(t *testing.T, text []byte, register bool) {
		format := importer.Formats()[importer.NDJSON]
		if register {
			format = importer.Formats()[importer.IRVE]
		}
		for row, err := range format.Rows(bytes.NewReader(text), "irve") {
			if err != nil {
				return
			}
			if row.Data == "" {
				if len(row.Findings) == 0 {
					t.Fatal("a row vanished without a word")
				}
				continue
			}
			entry, _, ok := format.Assemble([]transfer.StagedRow{{Key: row.Key, Line: row.Line, Data: row.Data}}, "irve")
			if !ok {
				t.Fatalf("a row that was accepted cannot be assembled: %q", row.Data)
			}
			entry.Station.SettleTariffs()
			if faults := entry.Station.Validate(); len(faults) > 0 {
				t.Fatalf("%q made a station that is not valid: %+v", row.Data, faults)
			}
		}
	})
}

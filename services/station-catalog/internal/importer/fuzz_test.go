package importer_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Each fuzzer promises of any file: nothing breaks, what is staged stands on one line under a key, what is put together is valid,
// and each row either goes in or has a finding that says why not.

func FuzzIRVE(f *testing.F)   { fuzzFormat(f, importer.IRVE, "irve_excerpt.jsonl", "irve_excerpt.csv") }
func FuzzOCPI(f *testing.F)   { fuzzFormat(f, importer.OCPI, "ocm_excerpt.json") }
func FuzzOCM(f *testing.F)    { fuzzFormat(f, importer.OCM, "ocm_excerpt.json") }
func FuzzAFDC(f *testing.F)   { fuzzFormat(f, importer.AFDC, "afdc_excerpt.csv") }
func FuzzBNetzA(f *testing.F) { fuzzFormat(f, importer.BNetzA, "bnetza_excerpt.csv") }
func FuzzNDJSON(f *testing.F) { fuzzFormat(f, importer.NDJSON) }

func fuzzFormat(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		text, err := os.ReadFile("testdata/" + seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(document)
	f.Add(`{"data":[{"country_code":"BE","party_id":"BEC","id":"L","country":"BEL","coordinates":{"latitude":"51","longitude":3},"evses":[{"uid":1,"connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"DC","max_voltage":1e300}]}],"opening_times":{"regular_hours":[{"weekday":9}]}}],"status_code":1000}`)
	f.Add("\xef\xbb\xbf[]")
	f.Add("ID,Latitude,Longitude,Station Name\n1,1,1,\"")
	format := importer.Formats()[name]
	f.Fuzz(func(t *testing.T, text string) {
		staged, told := map[string][]transfer.StagedRow{}, map[string]bool{}
		for row, err := range format.Rows(strings.NewReader(text), "fuzz") {
			if err != nil {
				if !errors.Is(err, transfer.ErrFile) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, transfer.ErrLongRow) {
					t.Fatalf("the file was answered by %v", err)
				}
				break
			}
			rejected := false
			for _, uid := range row.UIDs { // whoever receives a file drops what was told before
				rejected = rejected || told[uid]
				told[uid] = true
			}
			for _, f := range row.Findings {
				rejected = rejected || f.Severity == transfer.Rejected
				if f.Advice == "" || f.Detail == "" {
					t.Errorf("a finding says nothing: %+v", f)
				}
			}
			if rejected {
				continue
			}
			if row.Key == "" || row.Data == "" || strings.Contains(row.Data, "\n") {
				t.Errorf("a row is staged as %+v", row)
			}
			staged[row.Key] = append(staged[row.Key], transfer.StagedRow{Key: row.Key, Line: row.Line, Data: row.Data})
		}
		for key, rows := range staged {
			entry, _, ok := format.Assemble(rows, "fuzz")
			if !ok {
				t.Errorf("the rows of %q made no station", key)
				continue
			}
			entry.Station.EVSEs = untold(entry.Station.EVSEs)
			if faults := entry.Station.Validate(); len(faults) > 0 {
				t.Errorf("the station %+v is not valid: %+v", entry.Station, faults)
			}
		}
	})
}

// untold gives EVSEs without the tariffs that are looked for when they are written.
func untold(evses []station.EVSE) []station.EVSE {
	for i := range evses {
		for j := range evses[i].Connectors {
			evses[i].Connectors[j].TariffIDs = nil
		}
	}
	return evses
}

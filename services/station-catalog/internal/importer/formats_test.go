package importer_test

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

func excerpt(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shared reads a file of the data beside the repository; false when it is not there.
func shared(t *testing.T, name string) (string, bool) {
	t.Helper()
	file, err := os.Open(filepath.Join("../../../../../shared/data", name))
	if err != nil {
		t.Logf("%s is not there: only the hand-written excerpt is read", name)
		return "", false
	}
	defer file.Close()
	var plain io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if plain, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), true
}

// codes gives the findings as "line code".
func codes(findings []transfer.Finding) map[int64][]string {
	out := map[int64][]string{}
	for _, f := range findings {
		out[f.Line] = append(out[f.Line], f.Code)
	}
	for line := range out {
		slices.Sort(out[line])
	}
	return out
}

// plugs gives the connectors of a station as "uid standard format kW".
func plugs(s *station.Station) []string {
	var out []string
	for _, e := range s.EVSEs {
		for _, c := range e.Connectors {
			out = append(out, strings.TrimSpace(e.UID+" "+c.Standard+" "+c.Format+" "+c.PowerType))
		}
	}
	return out
}

// TestOpenChargeMap promises stations of points as the API answers them, verbose and compact, and a reason for each that is left out.
func TestOpenChargeMap(t *testing.T) {
	t.Parallel()
	entries, findings := read(t, importer.OCM, excerpt(t, "ocm_excerpt.json"))
	want := map[int64][]string{1: {"unknown_value"}, 3: {"unpublished"}, 4: {"coordinates"}, 5: {"unpublished"}, 6: {"country"}, 7: {"not_json"}}
	if diff := cmp.Diff(want, codes(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	hall := entries["5001"].Station
	if hall.Operator.Name != "Voltway" || hall.Operator.CountryCode != operator.Nowhere || hall.Country != "GB" || hall.TimeZone != "Europe/London" ||
		hall.Address != "1 Market Street, Level 2" || hall.Payment.Text != "0.40 GBP/kWh" || hall.Access != station.Public {
		t.Errorf("the point became %+v", hall)
	}
	if diff := cmp.Diff([]string{
		"5001-11-1 IEC_62196_T2_COMBO CABLE DC", "5001-11-2 IEC_62196_T2_COMBO CABLE DC", "5001-12-1 IEC_62196_T2 SOCKET AC_3_PHASE",
	}, plugs(&hall)); diff != "" || len(hall.EVSEs) != 4 {
		t.Errorf("its connectors (-want +got):\n%s", diff)
	}
	if c := hall.EVSEs[2].Connectors[0]; c.Voltage != 230 || c.PowerW != 22000 || c.Amperage != 32 {
		t.Errorf("three phases became %+v", c)
	}
	if compact := entries["5002"].Station; compact.Country != "DE" || compact.Access != station.Restricted || compact.Operator.Name != "Open Charge Map operator 45" {
		t.Errorf("the compact point became %+v", compact)
	}
	free, _ := read(t, importer.OCM, `{"ID":1,"UsageCost":"free","AddressInfo":{"CountryID":1,"Latitude":1,"Longitude":1}}`)
	if p := free["1"].Station.Payment; p == nil || p.Free == nil || !*p.Free || p.Text != "" {
		t.Errorf("what is free is paid for by %+v", p)
	}
	// An object a line is the same.
	again, _ := read(t, importer.OCM, `{"ID":1,"AddressInfo":{"CountryID":1,"Latitude":1,"Longitude":1}}`+"\n"+`{"ID":2,"AddressInfo":{"CountryID":1,"Latitude":1,"Longitude":1}}`)
	if len(again) != 2 {
		t.Errorf("objects behind each other are %d stations", len(again))
	}
}

// TestOCPILocations promises stations of a location file, of a peer's answer and of single locations, with every field that both have.
func TestOCPILocations(t *testing.T) {
	t.Parallel()
	const location = `{"country_code":"BE","party_id":"BEC","id":"LOC1","publish":true,"name":"Gent Zuid","address":"Rooseveltlaan 3A","city":"Gent","postal_code":"9000","country":"BEL",
"coordinates":{"latitude":"51.047599","longitude":"3.729944"},"parking_type":"PARKING_GARAGE","operator":{"name":"BeCharged"},"facilities":["WIFI","MOON"],"time_zone":"Europe/Brussels",
"opening_times":{"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"20:00"},{"weekday":7,"period_begin":"22:00","period_end":"02:00"}],
"exceptional_closings":[{"period_begin":"2026-12-25T03:00:00Z","period_end":"2026-12-26T05:00:00Z"}]},
"evses":[{"uid":"3256","evse_id":"BE*BEC*E041503001","status":"AVAILABLE","capabilities":["RESERVABLE"],"floor_level":"-1","physical_reference":"1","connectors":[
{"id":"1","standard":"IEC_62196_T2","format":"CABLE","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"tariff_ids":["11"]},
{"id":"2","standard":"WIRELESS","format":"CABLE","power_type":"DC"}]},{"uid":"3257","status":"REMOVED","connectors":[]}]}`
	for name, text := range map[string]string{
		"array":               "[" + location + "]",
		"answer":              `{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z","data":[` + location + `]}`,
		"one":                 location,
		"one told":            `{"data":` + location + `,"status_code":1000}`,
		"answer of two pages": `{"status_code":1000,"data":[` + location + `]}` + "\n" + `{"data":[],"status_code":1000}`,
	} {
		entries, findings := read(t, importer.OCPI, text)
		if diff := cmp.Diff(map[int64][]string{1: {"unknown_value", "unknown_value"}}, codes(findings)); diff != "" && name != "one told" {
			t.Errorf("findings of an %s (-want +got):\n%s", name, diff)
		}
		e := entries["BE*BEC*LOC1"]
		s := e.Station
		if s.Country != "BE" || s.Operator.Name != "BeCharged" || s.Operator.PartyID != "BEC" || s.ParkingType != "PARKING_GARAGE" || len(s.Facilities) != 1 || !e.Complete {
			t.Errorf("an %s became %+v", name, s)
		}
		if len(s.EVSEs) != 1 || s.EVSEs[0].UID != "BE*BEC*3256" || !s.EVSEs[0].Reservable || len(s.EVSEs[0].Connectors) != 1 {
			t.Fatalf("the EVSEs of an %s are %+v", name, s.EVSEs)
		}
		if c := s.EVSEs[0].Connectors[0]; c.PowerW != 3*230*16 || !slices.Equal(c.TariffIDs, []string{"11"}) {
			t.Errorf("the connector of an %s is %+v", name, c)
		}
		if o := s.Opening; o == nil || len(o.Regular) != 3 || len(o.Closings) != 1 || o.Regular[2].Weekday != 1 {
			t.Errorf("the hours of an %s are %+v", name, s.Opening)
		}
	}
	for _, failed := range []string{
		`{"status_code":2001,"status_message":"Invalid token","timestamp":"2026-01-01T00:00:00Z"}`,
		`{"data":null,"status_code":2001,"status_message":"Invalid token"}`,
		`{"timestamp":"2026-01-01T00:00:00Z","status_message":"Invalid token","status_code":2001,"data":[` + location + `]}`,
		`{"status_code":1000,"data":[` + location + `]}` + "\n" + `{"status_code":2001,"status_message":"Invalid token"}`,
	} {
		var err error
		for _, err = range importer.Formats()[importer.OCPI].Rows(strings.NewReader(failed), "ocpi") {
			if err != nil {
				break
			}
		}
		if !errors.Is(err, transfer.ErrFile) || !strings.Contains(fault.Of(err).Detail(), `OCPI status 2001 "Invalid token"`) {
			t.Errorf("%s is told as %v", failed, err)
		}
	}
	entries, findings := read(t, importer.OCPI, strings.Replace(location, `"publish":true`, `"publish":false`, 1))
	if len(entries) != 0 || findings[0].Code != "unpublished" {
		t.Errorf("a location that is not to be published became %+v, %+v", entries, findings)
	}
	published := []string{"location_example.json", "location_example_uc2_destination_charger.json", "location_example_parking_garage_opening_hours.json"}
	for _, name := range published {
		text, ok := shared(t, "ocpi-examples/"+name)
		if !ok {
			break
		}
		entries, findings := read(t, importer.OCPI, text)
		if len(entries) != 1 {
			t.Errorf("%s of OCPI's own examples became %d stations: %+v", name, len(entries), findings)
		}
	}
}

// TestAFDC promises stations of the whole set of columns, and of the five of the file of 2022.
func TestAFDC(t *testing.T) {
	t.Parallel()
	entries, findings := read(t, importer.AFDC, excerpt(t, "afdc_excerpt.csv"))
	want := map[int64][]string{4: {"unpublished"}, 5: {"unpublished"}, 6: {"coordinates"}}
	if diff := cmp.Diff(want, codes(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	garage := entries["101"].Station
	if garage.Operator.Name != "ChargeNet" || garage.TimeZone != "America/New_York" || !garage.Opening.TwentyFourSeven || !*garage.Payment.Free || !*garage.Payment.Card || garage.ParkingType != "PARKING_GARAGE" {
		t.Errorf("the garage became %+v", garage)
	}
	if diff := cmp.Diff([]string{
		"101-L2-1 IEC_62196_T1 CABLE AC_1_PHASE", "101-L2-2 IEC_62196_T1 CABLE AC_1_PHASE", "101-DC-1 IEC_62196_T1_COMBO CABLE DC", "101-DC-1 CHADEMO CABLE DC",
	}, plugs(&garage)); diff != "" {
		t.Errorf("its connectors (-want +got):\n%s", diff)
	}
	if inn := entries["102"].Station; inn.Country != "CA" || inn.Access != station.Private || inn.Name != `=Quoted "Inn"` || inn.TimeZone != "America/Toronto" ||
		inn.Operator.Name != operator.UnknownName || inn.OpeningText != "Guests only" || inn.EVSEs[0].Connectors[0].Standard != "DOMESTIC_B" {
		t.Errorf("the inn became %+v", inn)
	}
	if coil := entries["106"].Station; len(coil.EVSEs) != 12 || coil.EVSEs[0].Connectors[0].Standard != "SAE_J3400" || coil.Access != station.Restricted {
		t.Errorf("the station of one maker became %+v", coil)
	}
	if text, ok := shared(t, "us_afdc_ev_stations_2022-04.csv.gz"); ok {
		entries, findings := read(t, importer.AFDC, text)
		rows := strings.Count(strings.TrimSpace(text), "\n")
		t.Logf("%d rows became %d stations, with %d findings %v", rows, len(entries), len(findings), tally(findings))
		if len(entries)+len(rejectedLines(findings)) != rows || len(entries) < 50_000 {
			t.Errorf("%d rows are %d stations and %d rejected", rows, len(entries), len(rejectedLines(findings)))
		}
	}
}

// TestGermanRegister promises stations of the register's earlier and later columns, in both of its encodings.
func TestGermanRegister(t *testing.T) {
	t.Parallel()
	entries, findings := read(t, importer.BNetzA, excerpt(t, "bnetza_excerpt.csv"))
	want := map[int64][]string{8: {"coordinates"}, 9: {"missing_id"}, 10: {"unknown_value"}}
	if diff := cmp.Diff(want, codes(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if len(entries) != 2 {
		t.Fatalf("there are %d stations", len(entries))
	}
	for key, e := range entries {
		s := e.Station
		if s.Address != "Hafenstraße 3a" {
			continue
		}
		if s.Operator.Name != "Stadtwerke Münster" || s.City != "Münster" || s.PostalCode != "48153" || s.Latitude != 51.95 || s.TimeZone != "Europe/Berlin" || !e.Complete {
			t.Errorf("the station became %+v", s)
		}
		if diff := cmp.Diff([]string{
			key + "-1-1 IEC_62196_T2 SOCKET AC_3_PHASE", key + "-1-1 DOMESTIC_F SOCKET AC_1_PHASE", key + "-1-2 IEC_62196_T2 SOCKET AC_3_PHASE",
			key + "-2-1 IEC_62196_T2_COMBO CABLE DC", key + "-2-1 CHADEMO CABLE DC",
		}, plugs(&s)); diff != "" {
			t.Errorf("its connectors (-want +got):\n%s", diff)
		}
		if faults := s.Validate(); len(faults) > 0 {
			t.Errorf("it is not valid: %+v", faults)
		}
	}
	if text, ok := shared(t, "de_bnetza_2019-07-19.csv.gz"); ok {
		entries, findings := read(t, importer.BNetzA, text)
		evses := 0
		for _, e := range entries {
			evses += len(e.Station.EVSEs)
			if faults := e.Station.Validate(); len(faults) > 0 {
				t.Fatalf("station %+v is not valid: %+v", e.Station, faults)
			}
		}
		t.Logf("%d stations of %d points, with findings %v", len(entries), evses, tally(findings))
		if evses < 19_000 || evses > 19_040 || len(rejectedLines(findings)) > 0 {
			t.Errorf("of 19,029 points %d came in, and %d rows were rejected", evses, len(rejectedLines(findings)))
		}
	}
}

func tally(findings []transfer.Finding) map[string]int {
	out := map[string]int{}
	for _, f := range findings {
		out[f.Code]++
	}
	return out
}

func rejectedLines(findings []transfer.Finding) map[int64]bool {
	out := map[int64]bool{}
	for _, f := range findings {
		if f.Severity == transfer.Rejected {
			out[f.Line] = true
		}
	}
	return out
}

package importer_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const document = `{"id":"01920000-0000-7000-8000-000000000001","operator":{"id":"01920000-0000-7000-8000-000000000002","name":"Plume","country_code":"FR","party_id":"PLM"},` +
	`"source":"demo","source_id":"S1","name":"One","address":"1 Street","city":"Town","postal_code":"1","country":"FR","latitude":48.1,"longitude":2.2,` +
	`"time_zone":"Europe/Paris","access":"public","version":3,"updated_at":"2026-01-01T00:00:00Z","evses":[` +
	`{"id":"01920000-0000-7000-8000-000000000003","uid":"E1","reservable":true,"status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"CABLE","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,"max_electric_power":22000,"tariff_ids":["T"]}]},` +
	`{"id":"01920000-0000-7000-8000-000000000004","uid":"E2","reservable":false,"removed":true,"connectors":[]}],` +
	`"tariffs":[{"country_code":"FR","party_id":"PLM","id":"T","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":20,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}],` +
	`"plots":{"total":1,"available":1,"by_connector":{},"by_power":{},"as_of":null}}`

// TestDocuments promises that an exported document is read as the station it is of, without what is ours and without what is live.
func TestDocuments(t *testing.T) {
	t.Parallel()
	entries, findings := read(t, importer.NDJSON, document+"\n\n"+document+"\n")
	if len(findings) != 1 || findings[0].Code != "duplicate_station" || findings[0].Line != 3 {
		t.Errorf("the same station twice is found to be %+v", findings)
	}
	got := entries["S1"]
	if !got.Complete || got.Operator.PartyID != "PLM" {
		t.Errorf("the entry is %+v", got)
	}
	s := got.Station
	if s.ID != uuid.Nil || s.Version != 0 || s.Plots != nil || s.EVSEs[0].ID != uuid.Nil || s.EVSEs[0].Status != "" || len(s.EVSEs) != 1 {
		t.Errorf("ids, versions, removed EVSEs and live fields were kept: %+v", s)
	}

	// What was imported and is exported again says the same.
	s.SettleTariffs()
	before, err := s.Hash()
	if err != nil {
		t.Fatal(err)
	}
	exported, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, findings := read(t, importer.NDJSON, string(exported))
	if len(findings) > 0 {
		t.Fatalf("the export is faulty: %+v", findings)
	}
	back := again["S1"].Station
	back.SettleTariffs()
	if after, err := back.Hash(); err != nil || after != before {
		t.Errorf("a station says something else after export and import (%v):\n%s", err, cmp.Diff(s, back))
	}
}

// TestFaultyDocuments promises that each fault of a document is named.
func TestFaultyDocuments(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]string{
		`"name":"One"=>"name":""`:                              "invalid_station /name",
		`"latitude":48.1=>"latitude":148.1`:                    "invalid_station /latitude",
		`"access":"public"=>"access":"secret"`:                 "invalid_station /access",
		`"IEC_62196_T2"=>"PLUG"`:                               "invalid_station /evses/0/connectors/0/standard",
		`"tariff_ids":["T"]=>"tariff_ids":["U"]`:               "invalid_station /evses/0/connectors/0/tariff_ids/0",
		`"Europe/Paris"=>"Mars/Olympus"`:                       "invalid_station /time_zone",
		`"party_id":"PLM","id":"T"=>"party_id":"XXX","id":"T"`: "invalid_station /tariffs/0/party_id",
		`"name":"One"=>"nom":"One"`:                            "not_json",
		`"uid":"E1"=>"uid":""`:                                 "invalid_station /evses/0/uid",
	} {
		from, to, _ := strings.Cut(change, "=>")
		entries, findings := read(t, importer.NDJSON, strings.Replace(document, from, to, 1))
		if len(entries) > 0 || len(findings) != 1 || !strings.HasPrefix(findings[0].Code+" "+findings[0].Detail, want) {
			t.Errorf("%s: %d stations, found %+v", change, len(entries), findings)
		}
	}
	var s station.Station
	if err := json.Unmarshal([]byte(document), &s); err != nil {
		t.Fatal(err)
	}
	if faults := s.Validate(); len(faults) > 0 {
		t.Errorf("the document of these tests is not valid itself: %+v", faults)
	}
}

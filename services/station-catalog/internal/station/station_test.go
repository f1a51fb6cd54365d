package station_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

func example() station.Station {
	yes := true
	return station.Station{
		ID: uuid.New(), Operator: station.Operator{ID: uuid.New(), Name: "Plume", CountryCode: "FR", PartyID: "PLM"},
		Source: "demo", SourceID: "S1", Name: "One", Address: "1 Street", City: "Town", Country: "FR", Latitude: 48.1, Longitude: 2.2,
		TimeZone: "Europe/Paris", Access: station.Public, Version: 3, UpdatedAt: time.Now(), Payment: &station.Payment{Free: &yes},
		Opening: &station.OpeningTimes{Regular: []station.RegularHours{{Weekday: 1, Begin: "08:00", End: "24:00"}}},
		EVSEs: []station.EVSE{
			{ID: uuid.New(), UID: "E1", EVSEID: "FRPLME1", Connectors: []station.Connector{
				{ID: "1", Standard: "IEC_62196_T2", Format: "CABLE", PowerType: "AC_3_PHASE", Voltage: 230, Amperage: 32, PowerW: 22000, TariffIDs: []string{"T"}},
				{ID: "2", Standard: "DOMESTIC_E", Format: "SOCKET", PowerType: "AC_1_PHASE"},
			}},
			{ID: uuid.New(), UID: "E2", Connectors: []station.Connector{
				{ID: "1", Standard: "IEC_62196_T2_COMBO", Format: "CABLE", PowerType: "DC", PowerW: 7400},
			}},
		},
		Tariffs: []tariff.Tariff{{
			CountryCode: "FR", PartyID: "PLM", ID: "T", Currency: "EUR",
			Elements: []tariff.Element{{PriceComponents: []tariff.PriceComponent{{Type: tariff.Energy, Price: "0.25", StepSize: 1}}}},
		}},
	}
}

// TestHash promises that only what a source says makes a difference.
func TestHash(t *testing.T) {
	t.Parallel()
	hash := func(change func(*station.Station)) [32]byte {
		s := example()
		s.SettleTariffs()
		change(&s)
		h, err := s.Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	same := hash(func(*station.Station) {})
	for name, change := range map[string]func(*station.Station){
		"ids":             func(s *station.Station) { s.ID, s.EVSEs[0].ID, s.Operator.ID = uuid.New(), uuid.New(), uuid.New() },
		"version, time":   func(s *station.Station) { s.Version, s.UpdatedAt = 9, time.Now().Add(time.Hour) },
		"operator's name": func(s *station.Station) { s.Operator.Name = "PLUME SAS" },
		"live": func(s *station.Station) {
			s.Apply(map[uuid.UUID]station.PlotStatus{s.EVSEs[0].ID: {PlotID: uuid.New(), Status: station.Charging}}, time.Now())
		},
		"rating":  func(s *station.Station) { s.Rating = &review.Rating{Average: 4.5, Count: 2} },
		"reports": func(s *station.Station) { s.OpenReports = map[string]int64{"blocked": 1} },
		"photos":  func(s *station.Station) { s.Photos = []photo.Shown{{ID: uuid.New()}} },
		"removed EVSEs": func(s *station.Station) {
			s.EVSEs = append(s.EVSEs, station.EVSE{UID: "gone", Removed: true})
		},
		"order of EVSEs": func(s *station.Station) { slices.Reverse(s.EVSEs) },
	} {
		if hash(change) != same {
			t.Errorf("%s make a difference", name)
		}
	}
	for name, change := range map[string]func(*station.Station){
		"name":     func(s *station.Station) { s.Name += "!" },
		"place":    func(s *station.Station) { s.Latitude += 1e-6 },
		"operator": func(s *station.Station) { s.Operator.PartyID = "XXX" },
		"power":    func(s *station.Station) { s.EVSEs[1].Connectors[0].PowerW++ },
		"EVSE":     func(s *station.Station) { s.EVSEs = s.EVSEs[:1] },
		"price":    func(s *station.Station) { s.Tariffs[0].Elements[0].PriceComponents[0].Price = "0.26" },
		"hours":    func(s *station.Station) { s.Opening.Regular[0].End = "23:00" },
		"payment":  func(s *station.Station) { s.Payment = nil },
	} {
		if hash(change) == same {
			t.Errorf("the %s makes no difference", name)
		}
	}
}

// TestValidate promises that every fault is named by its place.
func TestValidate(t *testing.T) {
	t.Parallel()
	good := example()
	if faults := good.Validate(); len(faults) > 0 {
		t.Fatalf("the example is not valid: %+v", faults)
	}
	for pointer, change := range map[string]func(*station.Station){
		"/operator/party_id":           func(s *station.Station) { s.Operator.PartyID = "toolong"; s.Tariffs[0].PartyID = "toolong" },
		"/source":                      func(s *station.Station) { s.Source = "De Mo" },
		"/source_id":                   func(s *station.Station) { s.SourceID = "" },
		"/name":                        func(s *station.Station) { s.Name = strings.Repeat("é", 256) },
		"/address":                     func(s *station.Station) { s.Address = "a\x00b" },
		"/country":                     func(s *station.Station) { s.Country = "fr" },
		"/latitude":                    func(s *station.Station) { s.Latitude = 90.1 },
		"/longitude":                   func(s *station.Station) { s.Longitude = -180.1 },
		"/time_zone":                   func(s *station.Station) { s.TimeZone = "Local" },
		"/parking_type":                func(s *station.Station) { s.ParkingType = "ROOF" },
		"/facilities/1":                func(s *station.Station) { s.Facilities = []string{"WIFI", "POOL"} },
		"/opening_times/regular_hours": func(s *station.Station) { s.Opening.TwentyFourSeven = true },
		"/opening_times/regular_hours/0/period_end": func(s *station.Station) { s.Opening.Regular[0].End = "07:00" },
		"/opening_times/regular_hours/0/weekday":    func(s *station.Station) { s.Opening.Regular[0].Weekday = 0 },
		"/opening_times/exceptional_closings/0/period_end": func(s *station.Station) {
			s.Opening.Closings = []station.Period{{Begin: time.Now(), End: time.Now().Add(-time.Hour)}}
		},
		"/evses/1/uid":                       func(s *station.Station) { s.EVSEs[1].UID = "E1" },
		"/evses/0/evse_id":                   func(s *station.Station) { s.EVSEs[0].EVSEID = "FR-PLM-1" },
		"/evses/0/capabilities/0":            func(s *station.Station) { s.EVSEs[0].Capabilities = []string{"TELEPORT"} },
		"/evses/0/connectors/1/id":           func(s *station.Station) { s.EVSEs[0].Connectors[1].ID = "1" },
		"/evses/0/connectors/0/format":       func(s *station.Station) { s.EVSEs[0].Connectors[0].Format = "HOSE" },
		"/evses/0/connectors/0/power_type":   func(s *station.Station) { s.EVSEs[0].Connectors[0].PowerType = "AC" },
		"/evses/0/connectors/0/max_amperage": func(s *station.Station) { s.EVSEs[0].Connectors[0].Amperage = -1 },
		"/evses/0/connectors/0/tariff_ids/0": func(s *station.Station) { s.EVSEs[0].Connectors[0].TariffIDs = []string{"U"} },
		"/tariffs/0/currency":                func(s *station.Station) { s.Tariffs[0].Currency = "euro" },
		"/tariffs/1/id":                      func(s *station.Station) { s.Tariffs = append(s.Tariffs, s.Tariffs[0]) },
		"/evses":                             func(s *station.Station) { s.EVSEs = make([]station.EVSE, station.MaxEVSEs+1) },
	} {
		s := example()
		change(&s)
		faults := s.Validate()
		if !slices.ContainsFunc(faults, func(f fault.Field) bool { return f.Pointer == pointer && f.Detail != "" }) {
			t.Errorf("the fault at %s is told as %+v", pointer, faults)
		}
	}
}

// TestPatched promises JSON Merge Patch, and a refusal of what does not fit.
func TestPatched(t *testing.T) {
	t.Parallel()
	s := example()
	s.SettleTariffs()
	got, err := s.Patched([]byte(`{"name":"Two","opening_times":{"regular_hours":[]},"payment":null,"latitude":1.5}`))
	if err != nil {
		t.Fatal(err)
	}
	want := s
	want.Name, want.Latitude, want.Payment, want.UpdatedAt = "Two", 1.5, nil, time.Time{}
	want.Opening = &station.OpeningTimes{Regular: []station.RegularHours{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("patched (-want +got):\n%s", diff)
	}
	evses, err := s.Patched([]byte(`{"evses":[{"uid":"E9","connectors":[]}]}`))
	if err != nil || len(evses.EVSEs) != 1 || evses.EVSEs[0].UID != "E9" {
		t.Errorf("EVSEs were not replaced as a whole: %+v, %v", evses.EVSEs, err)
	}
	for _, patch := range []string{`{"nom":"x"}`, `{"latitude":"north"}`, `[]`, `{`, `{"source_id":"other"} x`} {
		if out, err := s.Patched([]byte(patch)); err == nil && (out.SourceID != s.SourceID || patch == `[]` || patch == `{`) {
			t.Errorf("the patch %s made %+v", patch, out)
		}
	}
}

// TestApply promises counts by what plots offer, with a plot under each of its standards and its greatest power.
func TestApply(t *testing.T) {
	t.Parallel()
	s := example()
	s.EVSEs = append(s.EVSEs, station.EVSE{ID: uuid.New(), UID: "gone", Removed: true})
	told := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	plot := uuid.New()
	s.Apply(map[uuid.UUID]station.PlotStatus{
		s.EVSEs[0].ID: {PlotID: plot, Status: station.Available, Since: told.Add(-time.Hour), ToldAt: told},
	}, told.Add(time.Minute))
	text, err := json.Marshal(s.Plots)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"total":2,"available":1,"by_connector":{"DOMESTIC_E":{"total":1,"available":1},"IEC_62196_T2":{"total":1,"available":1},` +
		`"IEC_62196_T2_COMBO":{"total":1,"available":0}},"by_power":{"22":{"total":1,"available":1},"7.4":{"total":1,"available":0}},"as_of":"2026-01-01T00:00:00Z"}`
	if string(text) != want {
		t.Errorf("plots are\n%s, want\n%s", text, want)
	}
	if e := s.EVSEs[0]; *e.PlotID != plot || e.Status != station.Available || !e.StatusSince.Equal(told.Add(-time.Hour)) {
		t.Errorf("the first EVSE is %+v", e)
	}
	if s.EVSEs[1].Status != station.Unknown || s.EVSEs[2].Status != station.RemovedPlot {
		t.Errorf("the others are %s and %s", s.EVSEs[1].Status, s.EVSEs[2].Status)
	}
}

// TestBays promises that EVSEs of one bay are one plot, under the standards of all and the greatest power, and free when it is.
func TestBays(t *testing.T) {
	t.Parallel()
	s := example()
	plot, other := uuid.New(), uuid.New()
	s.EVSEs = append(s.EVSEs, station.EVSE{ID: uuid.New(), UID: "third", Connectors: []station.Connector{{Standard: "IEC_62196_T2", PowerW: 11000}}})
	statuses := map[uuid.UUID]station.PlotStatus{
		s.EVSEs[0].ID: {PlotID: plot, Status: station.Available}, s.EVSEs[2].ID: {PlotID: plot, Status: station.Available},
	}
	for _, c := range []struct {
		what string
		last station.PlotStatus
		want station.Plots
	}{
		{"the second EVSE's plot is not known", station.PlotStatus{}, station.Plots{Total: 2, Available: 1}},
		{"the second EVSE has a plot of its own", station.PlotStatus{PlotID: other, Status: station.Available}, station.Plots{Total: 2, Available: 2}},
		{"all stand at one bay", station.PlotStatus{PlotID: plot, Status: station.Available}, station.Plots{Total: 1, Available: 1}},
	} {
		if c.last != (station.PlotStatus{}) {
			statuses[s.EVSEs[1].ID] = c.last
		}
		got := station.Count(s.EVSEs, statuses)
		if got.Total != c.want.Total || got.Available != c.want.Available {
			t.Errorf("%s: plots are %+v", c.what, got)
		}
		if type2 := got.ByConnector["IEC_62196_T2"]; type2 != (station.Tally{Total: 1, Available: 1}) {
			t.Errorf("%s: of Type 2 there are %+v", c.what, type2)
		}
		if fast := got.ByPower["22"]; fast != (station.Tally{Total: 1, Available: 1}) || got.ByPower["11"].Total != 0 {
			t.Errorf("%s: by power there are %+v", c.what, got.ByPower)
		}
	}
}

// TestTariffIDs promises that a tariff keeps its id however often it comes, and that operators do not share them.
func TestTariffIDs(t *testing.T) {
	t.Parallel()
	id := station.TariffID("FR", "PLM", "T")
	if id.Version() != 8 || id != station.TariffID("FR", "PLM", id.String()) || id == station.TariffID("FR", "TRM", "T") {
		t.Errorf("the id is %s", id)
	}
}

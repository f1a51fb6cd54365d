package demo_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/tools/demo"
)

func TestTheSetIsTheSameOnEveryRun(t *testing.T) {
	t.Parallel()
	sum := func() string {
		var out bytes.Buffer
		if err := demo.WriteNDJSON(&out); err != nil {
			t.Fatal(err)
		}
		h := sha256.Sum256(out.Bytes())
		return hex.EncodeToString(h[:])
	}
	if first, second := sum(), sum(); first != second {
		t.Errorf("two runs give %s and %s", first, second)
	}
}

func TestStationsAreWhole(t *testing.T) {
	t.Parallel()
	evseID := regexp.MustCompile(`^[A-Z]{2}\*[A-Z0-9]{3}\*E[A-Z0-9][A-Z0-9*]{0,30}$`)
	sources, evses, tariffs := map[string]bool{}, map[string]bool{}, map[string]string{}
	cities, kinds := map[string]int{}, map[string]int{}
	stations, connected, outlets := 0, 0, 0
	for s := range demo.Stations() {
		stations++
		cities[s.City]++
		if s.Connected() {
			connected++
			if s.Operator.PartyID != demo.Demonstrator.PartyID {
				t.Errorf("%s is connected, but of %s", s.SourceID, s.Operator.Name)
			}
		}
		if sources[s.SourceID] {
			t.Errorf("source id %s stands twice", s.SourceID)
		}
		sources[s.SourceID] = true
		if _, err := time.LoadLocation(s.TimeZone); err != nil {
			t.Errorf("%s: %v", s.SourceID, err)
		}
		if math.Abs(s.Latitude) > 66 || math.Abs(s.Longitude) > 180 || s.Latitude == 0 || s.Address == "" || s.PostalCode == "" || len(s.Evses) == 0 {
			t.Errorf("not whole: %+v", s)
		}
		if !s.OpeningTimes.TwentyFourSeven && len(s.OpeningTimes.RegularHours) == 0 {
			t.Errorf("%s is never open", s.SourceID)
		}
		known := map[string]bool{}
		for _, document := range s.Tariffs {
			raw, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			var got tariff.Tariff
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatalf("%s: %v", raw, err)
			}
			if faults := got.Validate(); len(faults) > 0 {
				t.Errorf("%s: %v", raw, faults)
			}
			if other, ok := tariffs[got.ID]; ok && other != string(raw) {
				t.Errorf("tariff %s has two forms", got.ID)
			}
			tariffs[got.ID] = string(raw)
			known[got.ID] = true
		}
		for _, e := range s.Evses {
			outlets++
			if !evseID.MatchString(e.EvseID) || evses[e.EvseID] {
				t.Errorf("EVSE id %q is malformed or stands twice", e.EvseID)
			}
			evses[e.EvseID] = true
			for _, c := range e.Connectors {
				kinds[c.Standard]++
				if c.MaxElectricPower < 3000 || c.MaxAmperage < 16 || len(c.TariffIDs) != 1 || !known[c.TariffIDs[0]] {
					t.Errorf("%s has an odd connector: %+v", e.EvseID, c)
				}
			}
		}
	}
	t.Logf("%d stations, %d of them connected, %d EVSEs, %d tariffs, connectors %v", stations, connected, outlets, len(tariffs), kinds)
	if stations < 1950 || stations > 2050 || len(cities) != 100 || connected < 55 || connected > 65 || len(kinds) < 5 {
		t.Errorf("%d stations in %d cities, %d connected, %d kinds of connectors", stations, len(cities), connected, len(kinds))
	}
	if texts := strings.Join(slices.Collect(values(tariffs)), ""); !strings.Contains(texts, "PARKING_TIME") || !strings.Contains(texts, `"FLAT"`) ||
		!strings.Contains(texts, `"TIME"`) || !strings.Contains(texts, "start_time") || !strings.Contains(texts, "Free") {
		t.Error("the tariffs do not show all shapes")
	}
}

func values(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

package tariff_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

const valid = `{"country_code":"DE","party_id":"ALL","id":"1","currency":"EUR","last_updated":"2026-01-01T00:00:00Z",
	"elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":10,"step_size":1}],"restrictions":{"start_time":"08:00","end_time":"20:00"}}]}`

func TestValidateNamesEachFault(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, new, pointer string }{
		"a country in three letters":  {`"DE"`, `"DEU"`, "/country_code"},
		"a party in small letters":    {`"ALL"`, `"all"`, "/party_id"},
		"an id that is missing":       {`"id":"1"`, `"id":""`, "/id"},
		"a currency by its sign":      {`"EUR"`, `"€"`, "/currency"},
		"an unknown dimension":        {`"ENERGY"`, `"MILES"`, "/elements/0/price_components/0/type"},
		"a negative step":             {`"step_size":1`, `"step_size":-1`, "/elements/0/price_components/0/step_size"},
		"a negative rate":             {`"vat":10`, `"vat":-10`, "/elements/0/price_components/0/vat"},
		"an hour that does not exist": {`"20:00"`, `"25:00"`, "/elements/0/restrictions/end_time"},
		"an hour without its zero":    {`"08:00"`, `"8:00"`, "/elements/0/restrictions/start_time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(valid, tc.old) {
				t.Fatalf("%s is not in the tariff that is varied", tc.old)
			}
			faults := decode(t, []byte(strings.Replace(valid, tc.old, tc.new, 1))).Validate()
			var pointers []string
			for _, f := range faults {
				pointers = append(pointers, f.Pointer)
			}
			if !slices.Equal(pointers, []string{tc.pointer}) {
				t.Errorf("faults at %v, want one at %s", pointers, tc.pointer)
			}
		})
	}
	if faults := decode(t, []byte(valid)).Validate(); len(faults) > 0 {
		t.Errorf("a valid tariff was refused: %v", faults)
	}
}

func TestNumberRefusesBombs(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"1e999999999", "1E5", "0x10", "1.123456789", "1234567890123", "NaN", `"1"`, "01", "-", ""} {
		if n, err := tariff.ParseNumber(s); err == nil {
			t.Errorf("%q was read as %s", s, n)
		}
	}
	for _, s := range []string{"0", "0.25", "-1", "123456789012.12345678"} {
		if _, err := tariff.ParseNumber(s); err != nil {
			t.Errorf("%q was refused: %v", s, err)
		}
	}
}

// TestTariffKeepsItsDigits promises that a tariff that is read and written again says the same.
func TestTariffKeepsItsDigits(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(decode(t, []byte(valid)))
	if err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(decode(t, first))
	if err != nil {
		t.Fatal(err)
	}
	if string(first) != string(second) || !strings.Contains(string(first), `"price":0.25`) {
		t.Errorf("first %s\nthen %s", first, second)
	}
}

func FuzzPrice(f *testing.F) {
	for _, t := range tariffs {
		f.Add([]byte(t), int64(0), int64(5400), int64(20_000), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, from, seconds, wattHours int64, charging bool) {
		var rates tariff.Tariff
		if json.Unmarshal(data, &rates) != nil || len(rates.Validate()) > 4 { // the seeds have no country, party, id or currency
			return
		}
		start := monday.Add(secs(from % 1e9))
		usage := tariff.Usage{Segments: []tariff.Segment{{
			Start: start, End: start.Add(secs(seconds % (100 * 86400))), Charging: charging, EnergyKWh: rat("0.001").Mul(rat("0.001"), ratInt(wattHours%1e9)),
		}}}
		bill, err := rates.Price(usage)
		if err == nil && bill.BeforeTaxes == nil && bill.AfterTaxes == nil {
			t.Errorf("neither total is known: %+v", bill)
		}
	})
}

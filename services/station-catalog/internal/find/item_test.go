package find_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// FuzzItem promises that what is written by hand is what encoding/json writes, whatever the texts and numbers are.
func FuzzItem(f *testing.F) {
	f.Add("Gare de l’Est", "Rue de la Paix 1", 48.8566, -2e-7, int64(1_700_000_000_000_000))
	f.Add("\"\\<>&\u2028\u2029\x00\x7f", "\xff\xe2\x28", math.MaxFloat64, 1e21, int64(0))
	f.Add("", "Łódź 北京 🚗", 0.0, 180.0, int64(1_600_000_000_000_100))
	f.Fuzz(func(t *testing.T, name, address string, lat, lon float64, micros int64) {
		if math.IsNaN(lat+lon) || math.IsInf(lat+lon, 0) || micros < 0 || micros > 1<<56 {
			t.Skip("no station has these")
		}
		st := station.Station{
			ID: uuid.New(), Operator: station.Operator{ID: uuid.New(), Name: name, CountryCode: "FR", PartyID: address}, Name: name,
			Address: address, City: name, PostalCode: address, Country: "FR", Latitude: lat, Longitude: lon, Access: station.Public,
			Version: micros, UpdatedAt: time.UnixMicro(micros).UTC(),
			EVSEs: []station.EVSE{{Connectors: []station.Connector{{PowerW: 22_080}}}},
		}
		for written, want := range map[string]any{
			string(find.Own(&st)): struct {
				ID         uuid.UUID `json:"id"`
				Name       string    `json:"name"`
				Latitude   float64   `json:"latitude"`
				Longitude  float64   `json:"longitude"`
				Address    string    `json:"address"`
				City       string    `json:"city"`
				PostalCode string    `json:"postal_code"`
				Version    int64     `json:"version"`
				UpdatedAt  time.Time `json:"updated_at"`
			}{st.ID, name, lat, lon, address, name, address, micros, st.UpdatedAt},
			string(find.Common(&st)): struct {
				Country  string           `json:"country"`
				Access   station.Access   `json:"access"`
				Operator station.Operator `json:"operator"`
				PowerKW  float64          `json:"max_power_kw"`
				Price    *struct{}        `json:"price_from"`
				Free     bool             `json:"free_charging"`
			}{"FR", st.Access, st.Operator, 22.08, nil, false},
		} {
			text, err := json.Marshal(want)
			if err != nil {
				t.Skip("encoding/json refuses it: ", err)
			}
			if written != string(text) {
				t.Errorf("%s was written, want %s", written, text)
			}
		}
	})
}

package catalog_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
)

func TestPickTariff(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	tariffs := []json.RawMessage{
		json.RawMessage(`{"id":"old","currency":"EUR","elements":[],"end_date_time":"2026-01-01T00:00:00Z"}`),
		json.RawMessage(`{"id":"profile","type":"PROFILE_GREEN","currency":"EUR","elements":[]}`),
		json.RawMessage(`{"id":"usual","type":"REGULAR","currency":"EUR","elements":[]}`),
		json.RawMessage(`{"id":"other","currency":"EUR","elements":[]}`),
		json.RawMessage(`"nonsense"`),
	}
	for name, c := range map[string]struct {
		ids  [][]string
		want string
	}{
		"the first that is in force and for everybody": {[][]string{{"old", "profile", "usual", "other"}}, "usual"},
		"the order of the connector's list":            {[][]string{{"other", "usual"}}, "other"},
		"another connector's":                          {[][]string{{"old"}, {"other"}}, "other"},
		"none that is known":                           {[][]string{{"missing"}}, ""},
		"none":                                         {nil, ""},
	} {
		var connectors []catalog.Connector
		for _, ids := range c.ids {
			connectors = append(connectors, catalog.Connector{TariffIDs: ids})
		}
		var got struct{ ID string }
		if raw := catalog.PickTariff(connectors, tariffs, now); raw != nil {
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Fatal(err)
			}
		}
		if got.ID != c.want {
			t.Errorf("%s: %q, want %q", name, got.ID, c.want)
		}
	}
}

func TestFullAddress(t *testing.T) {
	t.Parallel()
	for want, st := range map[string]catalog.Station{
		"1 Rue A, 75001 Paris, FR": {Address: "1 Rue A", PostalCode: "75001", City: "Paris", Country: "FR"},
		"Paris, FR":                {City: "Paris", Country: "FR"},
		"1 Rue A":                  {Address: " 1 Rue A "},
		"":                         {},
	} {
		if got := st.FullAddress(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

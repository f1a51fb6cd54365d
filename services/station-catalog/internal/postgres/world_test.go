package postgres_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// world is a catalogue of a test's own.
type world struct {
	*postgres.Store
	t testing.TB
}

func newWorld(t testing.TB) world {
	t.Helper()
	return world{postgres.New(pgtest.New(t, postgres.Migrations())), t}
}

// bring imports a text and gives the report.
func (w world) bring(format, text string, change ...func(*transfer.Import)) (transfer.Report, error) {
	w.t.Helper()
	imp := transfer.Import{ID: uuid.New(), Format: format, Source: "irve", SubmittedBy: "test"}
	for _, c := range change {
		c(&imp)
	}
	return transfer.Run(w.t.Context(), w, importer.Formats()[format], imp, strings.NewReader(text), nil)
}

// must is bring for a text that can be imported.
func (w world) must(format, text string, change ...func(*transfer.Import)) transfer.Report {
	w.t.Helper()
	report, err := w.bring(format, text, change...)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// put imports stations.
func (w world) put(stations ...station.Station) transfer.Report {
	w.t.Helper()
	return w.must(importer.NDJSON, lines(w.t, stations...))
}

func lines(t testing.TB, stations ...station.Station) string {
	t.Helper()
	var out bytes.Buffer
	for _, s := range stations {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(text, '\n'))
	}
	return out.String()
}

// all gives every station by source id.
func (w world) all() map[string]station.Station {
	w.t.Helper()
	out := map[string]station.Station{}
	for s, err := range w.All(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		out[s.SourceID] = s
	}
	return out
}

// rows gives a fingerprint of every row of the catalogue, with the transaction that wrote it.
func (w world) rows() string {
	w.t.Helper()
	var out string
	for _, table := range []string{"operators", "stations", "evses", "connectors", "tariffs", "connector_tariffs", "station_changes"} {
		var text string
		query := fmt.Sprintf(`SELECT coalesce(string_agg(format('%%s %%s', r.xmin, r::text), E'\n' ORDER BY r.ctid), '') FROM %s r`, table)
		if err := w.DB().GetContext(w.t.Context(), &text, query); err != nil {
			w.t.Fatal(err)
		}
		out += table + "\n" + text + "\n"
	}
	return out
}

func (w world) source() *feed.Source[station.Station] {
	return feed.NewSource(w.DB(), feed.SourceOptions[station.Station]{Table: postgres.ChangeLog, Load: w.Load})
}

// site is a station of the source "demo" with EVSEs of these uids.
func site(id string, evses ...string) station.Station {
	s := station.Station{
		Operator: station.Operator{Name: "Plume", CountryCode: "FR", PartyID: "PLM"}, Source: "demo", SourceID: id, Name: "Station " + id,
		Country: "FR", Latitude: 48, Longitude: 2, TimeZone: "Europe/Paris", Access: station.Public,
	}
	for _, uid := range evses {
		s.EVSEs = append(s.EVSEs, station.EVSE{UID: uid, Connectors: []station.Connector{
			{ID: "1", Standard: "IEC_62196_T2_COMBO", Format: "CABLE", PowerType: "DC", Voltage: 500, Amperage: 100, PowerW: 50000},
			{ID: "2", Standard: "CHADEMO", Format: "CABLE", PowerType: "DC"},
		}})
	}
	return s
}

func live(s station.Station) map[string]uuid.UUID {
	out := map[string]uuid.UUID{}
	for _, e := range s.EVSEs {
		if !e.Removed {
			out[e.UID] = e.ID
		}
	}
	return out
}

package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const tariffsOfParties = `
SELECT t.id, t.document
FROM tariffs t
WHERE t.id = ANY($1) AND t.deleted_at IS NULL`

// adoptTariffs gives stations the tariffs of their operators that connectors refer to and that did not come with them. A
// reference that leads nowhere, or to another operator's tariff, stays as it is.
func adoptTariffs(ctx context.Context, tx *sqlx.Tx, stations []*station.Station) error {
	var wanted []uuid.UUID
	for _, st := range stations {
		for _, c := range missingTariffs(st) {
			wanted = append(wanted, c.id)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	slices.SortFunc(wanted, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	rows, err := collect(ctx, tx, scanTariff, tariffsOfParties, uuids(slices.Compact(wanted)))
	if err != nil {
		return fmt.Errorf("tariffs that connectors refer to: %w", err)
	}
	found := make(map[uuid.UUID]tariff.Tariff, len(rows))
	for _, r := range rows {
		found[r.id] = r.tariff
	}
	for _, st := range stations {
		for _, ref := range missingTariffs(st) {
			t, ok := found[ref.id]
			if !ok || t.CountryCode != st.Operator.CountryCode || t.PartyID != st.Operator.PartyID {
				continue
			}
			ref.connector.TariffIDs[ref.place] = t.ID
			if !hasTariff(st, t.ID) {
				st.Tariffs = append(st.Tariffs, t)
			}
		}
	}
	return nil
}

// tariffReference is a connector's reference to a tariff.
type tariffReference struct {
	connector *station.Connector
	place     int
	id        uuid.UUID
}

// missingTariffs gives the references to tariffs that the station does not have with it.
func missingTariffs(st *station.Station) []tariffReference {
	var out []tariffReference
	for i := range st.EVSEs {
		for j := range st.EVSEs[i].Connectors {
			c := &st.EVSEs[i].Connectors[j]
			for k, id := range c.TariffIDs {
				if !hasTariff(st, id) {
					out = append(out, tariffReference{c, k, station.TariffID(st.Operator.CountryCode, st.Operator.PartyID, id)})
				}
			}
		}
	}
	return out
}

func hasTariff(st *station.Station, id string) bool {
	return slices.ContainsFunc(st.Tariffs, func(t tariff.Tariff) bool { return t.ID == id })
}

// refer completes the tariffs of imported stations. A reference to a tariff that is not there is dropped, and told.
func refer(ctx context.Context, tx *sqlx.Tx, entries []transfer.Entry) ([]transfer.Finding, error) {
	var open []*transfer.Entry
	var stations []*station.Station
	for i := range entries {
		if len(missingTariffs(&entries[i].Station)) > 0 {
			open, stations = append(open, &entries[i]), append(stations, &entries[i].Station)
		}
	}
	if err := adoptTariffs(ctx, tx, stations); err != nil || len(open) == 0 {
		return nil, err
	}
	var findings []transfer.Finding
	for _, e := range open {
		lost := 0
		for i := range e.Station.EVSEs {
			for j := range e.Station.EVSEs[i].Connectors {
				c := &e.Station.EVSEs[i].Connectors[j]
				before := len(c.TariffIDs)
				c.TariffIDs = slices.DeleteFunc(c.TariffIDs, func(id string) bool { return !hasTariff(&e.Station, id) })
				if lost += before - len(c.TariffIDs); len(c.TariffIDs) == 0 {
					c.TariffIDs = nil
				}
			}
		}
		if lost > 0 {
			findings = append(findings, transfer.Finding{
				Line: e.Line, Subject: e.Station.SourceID, Severity: transfer.Adjusted, Code: "unknown_tariff",
				Detail: fmt.Sprintf("%d connectors refer to tariffs that the operator does not have here; the references were left out", lost),
				Advice: "Create the tariffs first, and import the file again.",
			})
		}
		if err := e.Seal(); err != nil {
			return nil, err
		}
	}
	return findings, nil
}

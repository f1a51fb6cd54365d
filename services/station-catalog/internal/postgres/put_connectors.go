package postgres

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

const deleteConnectors = `
DELETE FROM connectors WHERE evse_id = ANY($1)`

var connectorColumns = []string{
	"evse_id", "id", "position", "standard", "format", "power_type", "max_voltage", "max_amperage", "max_electric_power",
}

// storeConnectors replaces the connectors of the EVSEs.
func (p *putting) storeConnectors(ctx context.Context, units []unit) error {
	var old []uuid.UUID
	linked := false
	for i := range units {
		if !units[i].isNew {
			old = append(old, units[i].id)
		}
		for _, c := range units[i].evse.Connectors {
			linked = linked || len(c.TariffIDs) > 0
		}
	}
	if len(old) > 0 {
		if _, err := p.tx.ExecContext(ctx, deleteConnectors, uuids(old)); err != nil {
			return fmt.Errorf("replace connectors: %w", err)
		}
	}
	if _, err := postgres.CopyFrom(ctx, p.tx, "connectors", connectorColumns, connectorRows(units)); err != nil {
		return err
	}
	if !linked {
		return nil
	}
	_, err := postgres.CopyFrom(ctx, p.tx, "connector_tariffs", []string{"evse_id", "connector_id", "tariff_id", "position"}, linkRows(units))
	return err
}

func connectorRows(units []unit) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		row := make([]any, len(connectorColumns))
		for i := range units {
			evse := units[i].id.String()
			for position, c := range units[i].evse.Connectors {
				for k, v := range [...]any{
					evse, c.ID, position, c.Standard, c.Format, c.PowerType, positive(c.Voltage), positive(c.Amperage), positive(c.PowerW),
				} {
					row[k] = v
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// positive is null for a number that is not known.
func positive(n int) any {
	if n <= 0 {
		return nil
	}
	return n
}

func linkRows(units []unit) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for i := range units {
			for _, c := range units[i].evse.Connectors {
				for position, id := range c.TariffIDs {
					if slices.Contains(c.TariffIDs[:position], id) {
						continue
					}
					if !yield([]any{units[i].id.String(), c.ID, id, position}, nil) {
						return
					}
				}
			}
		}
	}
}

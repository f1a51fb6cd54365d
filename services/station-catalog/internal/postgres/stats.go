package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// Count is how many there are of something.
type Count struct {
	Name  string
	Count int64
}

const countAll = `
SELECT 'operators', count(*) FROM operators
UNION ALL SELECT 'stations', count(*) FROM stations WHERE deleted_at IS NULL
UNION ALL SELECT 'stations removed', count(*) FROM stations WHERE deleted_at IS NOT NULL
UNION ALL SELECT 'EVSEs', count(*) FROM evses e JOIN stations s ON s.id = e.station_id WHERE e.removed_at IS NULL AND s.deleted_at IS NULL
UNION ALL SELECT 'connectors', count(*) FROM connectors c JOIN evses e ON e.id = c.evse_id WHERE e.removed_at IS NULL
UNION ALL SELECT 'tariffs', count(*) FROM tariffs
UNION ALL SELECT 'plots with a status', count(*) FROM evse_status WHERE status <> 'UNKNOWN'
UNION ALL SELECT 'plots free', count(*) FROM evse_status WHERE status = 'AVAILABLE'`

// Counts counts what is in the catalogue.
func (s *Store) Counts(ctx context.Context) ([]Count, error) {
	counts, err := collect(ctx, s.db, func(rows *sql.Rows) (Count, error) {
		var c Count
		err := rows.Scan(&c.Name, &c.Count)
		return c, err
	}, countAll)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("count the catalogue: %w", err), nil)
	}
	return counts, nil
}

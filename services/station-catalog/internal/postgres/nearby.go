package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

// mostNearby is how many stations are told of that stand where a new one is to be.
const mostNearby = 20

// By the squares in which nearPairs looks for neighbours.
const nearPoint = `
SELECT b.id, EXISTS (SELECT FROM evses e WHERE e.station_id = b.id AND e.removed_at IS NULL AND e.evse_id <> ''
                     AND replace(e.evse_id, '*', '') = ANY ($8::text[]))
FROM generate_series(-1, 1) AS row
JOIN (VALUES (0), (-360), (360)) AS turns (turn) ON turn = 0 OR abs($2::double precision) + $3::double precision > 180
CROSS JOIN LATERAL (
    SELECT id, (x - $4) ^ 2 + (y - $5) ^ 2 + (z - $6) ^ 2 AS distance
    FROM stations
    WHERE deleted_at IS NULL AND floor(latitude * 1000)::integer = floor($1::double precision * 1000)::integer + row
      AND floor(longitude * 1000)::integer BETWEEN floor(($2 + turn - $3) * 1000)::integer AND floor(($2 + turn + $3) * 1000)::integer
    OFFSET 0) AS b
WHERE b.distance <= $7
ORDER BY b.distance, b.id
LIMIT $9`

// nearby gives the stations within station.Nearby of where a station is to be, those first that look most like it.
func nearby(ctx context.Context, tx *sqlx.Tx, st *station.Station) ([]suggestion.Near, error) {
	at := search.Unit(st.Latitude, st.Longitude)
	width := min(179.999, nearbyDegrees/max(math.Cos(min(90, math.Abs(st.Latitude)+nearbyDegrees)*math.Pi/180), 1e-9))
	evses := make(pq.StringArray, 0, len(st.EVSEs))
	for i := range st.EVSEs {
		if id := st.EVSEs[i].EVSEID; id != "" {
			evses = append(evses, strings.ReplaceAll(id, "*", ""))
		}
	}
	shared := map[uuid.UUID]bool{}
	ids, err := collect(ctx, tx, func(rows *sql.Rows) (uuid.UUID, error) {
		var id uuid.UUID
		var one bool
		err := rows.Scan(&id, &one)
		shared[id] = one
		return id, err
	}, nearPoint, st.Latitude, st.Longitude, width, at.X, at.Y, at.Z, search.Reach(station.Nearby), evses, mostNearby)
	if err != nil {
		return nil, fmt.Errorf("stations nearby: %w", err)
	}
	there, err := collect(ctx, tx, scanAlike, alikeByID, uuids(ids))
	if err != nil {
		return nil, fmt.Errorf("stations nearby: %w", err)
	}
	out := make([]suggestion.Near, 0, len(there))
	for _, other := range there {
		self := station.Alike{Name: st.Name, Address: st.Address, Operator: st.Operator, Source: other.Source} // it has no source yet
		judged, _ := station.Judge(self, other, search.DistanceM(st.Latitude, st.Longitude, other.Latitude, other.Longitude), shared[other.ID])
		out = append(out, suggestion.Near{Alike: other, DistanceM: judged.DistanceM, Score: judged.Score, Reasons: judged.Reasons})
	}
	slices.SortFunc(out, func(a, b suggestion.Near) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.DistanceM, b.DistanceM), slices.Compare(a.ID[:], b.ID[:]))
	})
	return out, nil
}

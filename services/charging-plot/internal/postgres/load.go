package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/load"
)

type loadRow struct {
	SessionID  uuid.UUID  `db:"session_id"`
	StartedAt  time.Time  `db:"started_at"`
	EndedAt    *time.Time `db:"ended_at"`
	MeterStart *float64   `db:"meter_start_wh"`
	MeterStop  *float64   `db:"meter_stop_wh"`
	At         *time.Time `db:"at"`
	PowerW     *float64   `db:"power_avg_w"`
	RegisterWh *float64   `db:"register_last_wh"`
	RegisterAt *time.Time `db:"register_last_at"`
}

// A range of sessions_station_started_idx, and of the readings' primary key for each session. Readings are read whole: the one before the
// span may be what holds in it.
const (
	loadHead = `SELECT s.id AS session_id, s.started_at, s.ended_at, s.meter_start_wh, s.meter_stop_wh, `
	loadTail = `
WHERE s.station_id = $1 AND s.started_at < $3 AND (s.ended_at IS NULL OR s.ended_at > $2)
ORDER BY s.id, m.at`
	minuteLoadSQL = loadHead + `m.at, m.power_avg_w, m.register_last_wh, m.register_last_at
FROM sessions s LEFT JOIN meter_minutes m ON m.session_id = s.id` + loadTail
	quarterLoadSQL = loadHead + `m.at, m.power_avg_w, m.register_last_wh, least(m.at + interval '15 minutes', s.ended_at, s.read_at) AS register_last_at
FROM sessions s LEFT JOIN meter_quarters m ON m.session_id = s.id` + loadTail
)

// StationLoad adds up what was drawn at a station between two moments, in steps.
func (s *Store) StationLoad(ctx context.Context, station uuid.UUID, from, to time.Time, step time.Duration) (load.Load, error) {
	query := minuteLoadSQL
	if step >= load.Quarter {
		query = quarterLoadSQL
	}
	var rows []loadRow
	if err := s.db.SelectContext(ctx, &rows, query, station, from, to); err != nil {
		return load.Load{}, postgres.Map(fmt.Errorf("read a station's load: %w", err), nil)
	}
	var sessions []load.Session
	var last uuid.UUID
	for _, r := range rows {
		if len(sessions) == 0 || r.SessionID != last {
			last = r.SessionID
			sessions = append(sessions, load.Session{
				Start: r.StartedAt.UTC(), End: timeOrZero(r.EndedAt), MeterStartWh: orNaN(r.MeterStart), MeterStopWh: orNaN(r.MeterStop),
			})
		}
		if r.At == nil {
			continue
		}
		reading := load.Reading{At: r.At.UTC(), PowerW: orNaN(r.PowerW), RegisterWh: math.NaN()}
		if r.RegisterWh != nil && r.RegisterAt != nil {
			reading.RegisterWh, reading.RegisterAt = *r.RegisterWh, r.RegisterAt.UTC()
		}
		of := &sessions[len(sessions)-1]
		of.Readings = append(of.Readings, reading)
	}
	return load.Sum(sessions, from, to, step), nil
}

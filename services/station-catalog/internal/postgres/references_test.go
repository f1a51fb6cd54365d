package postgres_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// TestReferences promises that the database keeps what EVSEs and connectors refer to, and takes none that refer to what is not there or
// not yet committed, by whatever statement they come.
func TestReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db, ctx := w.DB(), t.Context()
	w.put(site("S1", "E1"), site("S2", "E2"))
	refused := func(t *testing.T, err error) {
		t.Helper()
		var fault *pq.Error
		if !errors.As(err, &fault) || fault.Code.Name() != "foreign_key_violation" {
			t.Errorf("it ends with %v, not refused as a violation of a reference", err)
		}
	}
	other, one := uuid.NewString(), ""
	if err := db.GetContext(ctx, &one, `SELECT id FROM evses WHERE uid = 'E1'`); err != nil {
		t.Fatal(err)
	}
	const (
		evse      = `INSERT INTO evses (id, station_id, source, uid, position) SELECT gen_random_uuid(), %s, 'x', gen_random_uuid()::text, 0`
		connector = `INSERT INTO connectors (evse_id, id, position, standard, format, power_type) SELECT %s, gen_random_uuid()::text, 0, 'CHADEMO', 'CABLE', 'DC'`
	)
	for name, statement := range map[string]string{
		"a removed station":               `DELETE FROM stations WHERE source_id = 'S1'`,
		"a removed EVSE":                  `DELETE FROM evses WHERE uid = 'E1'`,
		"no stations at all":              `TRUNCATE stations CASCADE`,
		"no EVSEs at all":                 `TRUNCATE evses CASCADE`,
		"another id of a station":         `UPDATE stations SET id = gen_random_uuid() WHERE source_id = 'S1'`,
		"another id of an EVSE":           `UPDATE evses SET id = gen_random_uuid() WHERE uid = 'E1'`,
		"an EVSE of no station":           fmt.Sprintf(evse, "'"+other+"'::uuid"),
		"one of many EVSEs of no station": fmt.Sprintf(evse, "CASE WHEN n = 700 THEN '"+other+"'::uuid ELSE (SELECT id FROM stations LIMIT 1) END") + ` FROM generate_series(1, 1000) n`,
		"an EVSE that moves to none":      `UPDATE evses SET station_id = '` + other + `' WHERE uid = 'E1'`,
		"a connector of no EVSE":          fmt.Sprintf(connector, "'"+other+"'::uuid"),
		"a connector that moves to none":  `UPDATE connectors SET evse_id = '` + other + `' WHERE evse_id = '` + one + `'`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := db.ExecContext(ctx, statement)
			refused(t, err)
		})
	}
	t.Run("a connector of no EVSE by COPY", func(t *testing.T) {
		tx, err := db.BeginTxx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }() // nothing of it is to stay
		_, err = postgres.CopyFrom(ctx, tx, "connectors", []string{"evse_id", "id", "position", "standard", "format", "power_type"},
			func(yield func([]any, error) bool) {
				_ = yield([]any{one, "copied", 0, "CHADEMO", "CABLE", "DC"}, nil) && yield([]any{other, "copied", 0, "CHADEMO", "CABLE", "DC"}, nil)
			})
		refused(t, err)
	})
	t.Run("an EVSE of a station that is not committed", func(t *testing.T) {
		tx, err := db.BeginTxx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }() // it is over when it is committed
		var id string
		const station = `
INSERT INTO stations (id, operator_id, source, source_id, name, address, city, postal_code, state, country, latitude, longitude, x, y, z,
    time_zone, access, parking_type, content_hash, words)
SELECT gen_random_uuid(), operator_id, source, 'S3', name, address, city, postal_code, state, country, latitude, longitude, x, y, z,
    time_zone, access, parking_type, content_hash, words
FROM stations WHERE source_id = 'S1' RETURNING id`
		if err := tx.GetContext(ctx, &id, station); err != nil {
			t.Fatal(err)
		}
		_, err = db.ExecContext(ctx, fmt.Sprintf(evse, "'"+id+"'::uuid"))
		refused(t, err)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if _, err = db.ExecContext(ctx, fmt.Sprintf(evse, "'"+id+"'::uuid")); err != nil {
			t.Errorf("once it is committed: %v", err)
		}
	})
}

package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

const storeVariablesSQL = `
INSERT INTO charge_point_variables (charge_point_id, component, component_instance, evse, connector, name, instance, attribute, value,
    read_only, reported_at)
SELECT $1, t.component, t.component_instance, t.evse, t.connector, t.name, t.instance, t.attribute, t.value, t.read_only, $11
FROM unnest($2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::text[], $10::boolean[])
     AS t (component, component_instance, evse, connector, name, instance, attribute, value, read_only)
ON CONFLICT ON CONSTRAINT charge_point_variables_pkey
DO UPDATE SET value = excluded.value, read_only = excluded.read_only, reported_at = excluded.reported_at`

// StoreVariables implements central.Upkeep. Values that nobody may read back are not kept.
func (s *Store) StoreVariables(ctx context.Context, id uuid.UUID, variables []chargepoint.Variable, at time.Time) error {
	var components, instances, names, parts, attributes, values []string
	var evses, connectors []int64
	var fixed []bool
	seen := make(map[chargepoint.Variable]bool, len(variables))
	for _, v := range variables {
		if v.Secret() {
			v.Value = ""
		}
		if v.Attribute == "" {
			v.Attribute = "Actual"
		}
		key := v
		key.Value, key.ReadOnly, key.Status, key.At = "", false, "", time.Time{}
		if seen[key] { // one statement may touch a row only once
			continue
		}
		seen[key] = true
		components, instances = append(components, v.Component), append(instances, v.ComponentInstance)
		evses, connectors = append(evses, int64(v.EVSE)), append(connectors, int64(v.Connector))
		names, parts, attributes = append(names, v.Name), append(parts, v.Instance), append(attributes, v.Attribute)
		values, fixed = append(values, v.Value), append(fixed, v.ReadOnly)
	}
	if len(names) == 0 {
		return nil
	}
	_, err := s.db.ExecContext(ctx, storeVariablesSQL, id, pq.Array(components), pq.Array(instances), pq.Array(evses), pq.Array(connectors),
		pq.Array(names), pq.Array(parts), pq.Array(attributes), pq.Array(values), pq.Array(fixed), at.UTC())
	return postgres.Map(err, nil)
}

const listVariablesSQL = `
SELECT component, component_instance, evse, connector, name, instance, attribute, value, read_only, reported_at
FROM charge_point_variables
WHERE charge_point_id = $1
ORDER BY component, component_instance, evse, connector, name, instance, attribute`

// ListVariables gives the settings of a charge point as it last reported them.
func (s *Store) ListVariables(ctx context.Context, id uuid.UUID) ([]chargepoint.Variable, error) {
	var rows []struct {
		Component         string    `db:"component"`
		ComponentInstance string    `db:"component_instance"`
		EVSE              int       `db:"evse"`
		Connector         int       `db:"connector"`
		Name              string    `db:"name"`
		Instance          string    `db:"instance"`
		Attribute         string    `db:"attribute"`
		Value             string    `db:"value"`
		ReadOnly          bool      `db:"read_only"`
		ReportedAt        time.Time `db:"reported_at"`
	}
	if err := s.db.SelectContext(ctx, &rows, listVariablesSQL, id); err != nil {
		return nil, postgres.Map(fmt.Errorf("read settings: %w", err), nil)
	}
	out := make([]chargepoint.Variable, len(rows))
	for i, r := range rows {
		out[i] = chargepoint.Variable{
			Component: r.Component, ComponentInstance: r.ComponentInstance, EVSE: r.EVSE, Connector: r.Connector, Name: r.Name,
			Instance: r.Instance, Attribute: r.Attribute, Value: r.Value, ReadOnly: r.ReadOnly, At: r.ReportedAt.UTC(),
		}
	}
	return out, nil
}

const storeProfilesSQL = `
INSERT INTO charge_point_profiles (charge_point_id, id, profile, reported_at)
SELECT $1, t.id, t.profile, $4 FROM unnest($2::integer[], $3::jsonb[]) AS t (id, profile)
ON CONFLICT ON CONSTRAINT charge_point_profiles_pkey DO UPDATE SET profile = excluded.profile, reported_at = excluded.reported_at`

// StoreProfiles implements central.Upkeep. A profile takes the place of the one with its number.
func (s *Store) StoreProfiles(ctx context.Context, id uuid.UUID, profiles []chargepoint.ChargingProfile, at time.Time) error {
	byID := make(map[int]string, len(profiles))
	var numbers []int64
	var documents []string
	for _, p := range profiles {
		document, err := json.Marshal(p)
		if err != nil {
			return fmt.Errorf("write a charging profile: %w", err)
		}
		byID[p.ID] = string(document)
	}
	for number, document := range byID {
		numbers, documents = append(numbers, int64(number)), append(documents, document)
	}
	if len(numbers) == 0 {
		return nil
	}
	_, err := s.db.ExecContext(ctx, storeProfilesSQL, id, pq.Array(numbers), pq.Array(documents), at.UTC())
	return postgres.Map(err, nil)
}

const listProfilesSQL = `SELECT profile FROM charge_point_profiles WHERE charge_point_id = $1 ORDER BY id`

// ListProfiles gives the charging profiles that a charge point has taken.
func (s *Store) ListProfiles(ctx context.Context, id uuid.UUID) ([]chargepoint.ChargingProfile, error) {
	var documents [][]byte
	if err := s.db.SelectContext(ctx, &documents, listProfilesSQL, id); err != nil {
		return nil, postgres.Map(fmt.Errorf("read charging profiles: %w", err), nil)
	}
	out := make([]chargepoint.ChargingProfile, len(documents))
	for i, document := range documents {
		if err := json.Unmarshal(document, &out[i]); err != nil {
			return nil, fmt.Errorf("read a charging profile: %w", err)
		}
	}
	return out, nil
}

const dropProfilesSQL = `DELETE FROM charge_point_profiles WHERE charge_point_id = $1 AND id = ANY($2)`

// ClearProfiles forgets the profiles that a filter means.
func (s *Store) ClearProfiles(ctx context.Context, id uuid.UUID, filter chargepoint.ProfileFilter) error {
	profiles, err := s.ListProfiles(ctx, id)
	if err != nil {
		return err
	}
	var numbers []int64
	for _, p := range profiles {
		if filter.Matches(p) {
			numbers = append(numbers, int64(p.ID))
		}
	}
	_, err = s.db.ExecContext(ctx, dropProfilesSQL, id, pq.Array(numbers))
	return postgres.Map(err, nil)
}

// The command that the charge point names, or the last of its kind where the protocol has no number for it.
const storeProgressSQL = `
UPDATE charge_point_commands
SET progress = $4, progress_at = $5
WHERE charge_point_id = $1 AND id = (
    SELECT id FROM charge_point_commands
    WHERE charge_point_id = $1 AND kind = $2 AND ($3 = 0 OR request_id = $3)
    ORDER BY id DESC LIMIT 1
)`

// StoreProgress implements central.Upkeep. What a charge point does on its own account changes nothing.
func (s *Store) StoreProgress(ctx context.Context, id uuid.UUID, p chargepoint.Progress, at time.Time) error {
	_, err := s.db.ExecContext(ctx, storeProgressSQL, id, string(p.Kind), p.RequestID, p.Status, at.UTC())
	return postgres.Map(err, nil)
}

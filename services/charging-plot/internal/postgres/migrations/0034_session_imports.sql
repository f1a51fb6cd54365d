-- Sessions that ended elsewhere and came in a file: no charge point of ours had them, and each is known by what it says.

-- +goose Up
ALTER TABLE sessions ALTER COLUMN charge_point_id DROP NOT NULL, ADD COLUMN import_key text;
CREATE UNIQUE INDEX sessions_import_key ON sessions (import_key) WHERE import_key IS NOT NULL;
CREATE INDEX evses_evse_id_idx ON evses (upper(replace(evse_id, '*', ''))) WHERE NOT removed;

-- +goose Down
DROP INDEX evses_evse_id_idx;
DELETE FROM meter_values WHERE session_id IN (SELECT id FROM sessions WHERE charge_point_id IS NULL);
DELETE FROM sessions WHERE charge_point_id IS NULL;
DROP INDEX sessions_import_key;
ALTER TABLE sessions DROP COLUMN import_key, ALTER COLUMN charge_point_id SET NOT NULL;

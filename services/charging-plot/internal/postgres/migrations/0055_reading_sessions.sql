-- What is read of a running session changes its row every few seconds. With room on its page the new version stays there and no index hears
-- of it; and the open session of a connector is found without going through all that the charge point ever did.

-- +goose Up
ALTER TABLE sessions SET (fillfactor = 70);
CREATE INDEX sessions_active_idx ON sessions (charge_point_id, connector) WHERE state = 'ACTIVE';

-- +goose Down
DROP INDEX sessions_active_idx;
ALTER TABLE sessions RESET (fillfactor);

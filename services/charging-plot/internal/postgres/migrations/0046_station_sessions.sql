-- A station's load is read by when its sessions began.

-- +goose Up
CREATE INDEX sessions_station_started_idx ON sessions (station_id, started_at);

-- +goose Down
DROP INDEX sessions_station_started_idx;

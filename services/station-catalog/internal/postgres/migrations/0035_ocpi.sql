-- What roaming partners ask for: the locations and tariffs that were updated since a time.

-- +goose Up
CREATE INDEX stations_updated_idx ON stations (updated_at);
CREATE INDEX evse_status_told_idx ON evse_status (told_at);

-- +goose Down
DROP INDEX evse_status_told_idx;
DROP INDEX stations_updated_idx;

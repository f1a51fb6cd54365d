-- A live stream can watch a box of the map.

-- +goose Up
CREATE INDEX stations_position_idx ON stations (latitude, longitude) WHERE NOT removed;

-- +goose Down
DROP INDEX stations_position_idx;

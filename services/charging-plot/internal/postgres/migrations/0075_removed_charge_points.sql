-- A charge point that was taken away stays as a tombstone, since sessions and messages refer to it; its identity and its EVSEs are free.

-- +goose Up
ALTER TABLE charge_points ADD COLUMN removed_at timestamptz;

-- +goose Down
ALTER TABLE charge_points DROP COLUMN removed_at;

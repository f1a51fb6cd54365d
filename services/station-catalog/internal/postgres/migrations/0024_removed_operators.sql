-- +goose Up

-- Operators and tariffs that were removed stay, since what is removed refers to them; they come back under their ids.
ALTER TABLE operators ADD COLUMN deleted_at timestamptz;
ALTER TABLE tariffs ADD COLUMN deleted_at timestamptz;

-- +goose Down
ALTER TABLE tariffs DROP COLUMN deleted_at;
ALTER TABLE operators DROP COLUMN deleted_at;

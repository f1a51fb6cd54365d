-- +goose Up

-- When the account and all that hangs on it goes, unless its owner logs in before.
ALTER TABLE accounts ADD COLUMN erase_at timestamptz NULL;

CREATE INDEX accounts_erase ON accounts (erase_at) WHERE erase_at IS NOT NULL;

-- +goose Down
DROP INDEX accounts_erase;
ALTER TABLE accounts DROP COLUMN erase_at;

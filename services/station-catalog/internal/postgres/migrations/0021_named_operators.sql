-- +goose Up

-- How sources spell an operator that they know by name alone: what finds it again, whatever it is called here.
ALTER TABLE operators ADD COLUMN told_name text;
CREATE UNIQUE INDEX operators_told_name_key ON operators (told_name) WHERE told_name IS NOT NULL;

-- +goose Down
ALTER TABLE operators DROP COLUMN told_name;

-- +goose Up

-- The station that a duplicate was merged into; the duplicate itself is a tombstone that no import brings back.
ALTER TABLE stations ADD COLUMN merged_into uuid CONSTRAINT stations_merged_into_fkey REFERENCES stations (id);
ALTER TABLE stations ADD CONSTRAINT stations_merged_into_check CHECK (merged_into IS NULL OR deleted_at IS NOT NULL AND merged_into <> id);
CREATE INDEX stations_merged_into_idx ON stations (merged_into) WHERE merged_into IS NOT NULL;

-- Squares of a thousandth of a degree: what stands close to each other is found in a square or in one beside it.
CREATE INDEX stations_square_idx ON stations ((floor(latitude * 1000)::integer), (floor(longitude * 1000)::integer)) WHERE deleted_at IS NULL;

-- +goose Down
DROP INDEX stations_square_idx;
ALTER TABLE stations DROP COLUMN merged_into;

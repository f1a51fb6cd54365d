-- +goose Up

-- The station that a merge took an EVSE from: what the source of its new station lists says nothing of it.
ALTER TABLE evses ADD COLUMN merged_from uuid CONSTRAINT evses_merged_from_fkey REFERENCES stations (id);
CREATE INDEX evses_merged_idx ON evses (station_id) WHERE merged_from IS NOT NULL;

-- +goose Down
ALTER TABLE evses DROP COLUMN merged_from;

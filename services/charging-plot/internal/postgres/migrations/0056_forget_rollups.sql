-- What readings were summed up to is forgotten by its age. Rows come about in the order of their time, so that a few pages of this index say
-- where the old ones are.

-- +goose Up
CREATE INDEX meter_minutes_at_idx ON meter_minutes USING brin (at);
CREATE INDEX meter_quarters_at_idx ON meter_quarters USING brin (at);

-- +goose Down
DROP INDEX meter_quarters_at_idx;
DROP INDEX meter_minutes_at_idx;

-- A bill never changes: a wrong one is credited by another record, and a right one may follow. Both name the record they answer, so
-- that a bill is credited once and followed once.

-- +goose Up
ALTER TABLE cdrs
    ADD COLUMN credits uuid CONSTRAINT cdrs_credits REFERENCES cdrs (id),
    ADD COLUMN follows uuid CONSTRAINT cdrs_follows REFERENCES cdrs (id),
    DROP CONSTRAINT cdrs_one_per_session;
CREATE UNIQUE INDEX cdrs_one_first_per_session ON cdrs (session_id) WHERE credits IS NULL AND follows IS NULL;
CREATE INDEX cdrs_session_idx ON cdrs (session_id, id);
CREATE UNIQUE INDEX cdrs_credited_once ON cdrs (credits) WHERE credits IS NOT NULL;
CREATE UNIQUE INDEX cdrs_followed_once ON cdrs (follows) WHERE follows IS NOT NULL;

-- +goose Down
ALTER TABLE cdrs DISABLE TRIGGER cdrs_immutable;
DELETE FROM cdrs WHERE follows IS NOT NULL;
DELETE FROM cdrs WHERE credits IS NOT NULL;
ALTER TABLE cdrs ENABLE TRIGGER cdrs_immutable;
DROP INDEX cdrs_followed_once;
DROP INDEX cdrs_credited_once;
DROP INDEX cdrs_session_idx;
DROP INDEX cdrs_one_first_per_session;
ALTER TABLE cdrs DROP COLUMN follows, DROP COLUMN credits, ADD CONSTRAINT cdrs_one_per_session UNIQUE (session_id);

-- Charges and bills of partners' contracts.

-- +goose Up
ALTER TABLE sessions ADD COLUMN authorization_reference text NOT NULL DEFAULT ''; -- the partner's name for its order
CREATE INDEX sessions_party_idx ON sessions ((token ->> 'country_code'), (token ->> 'party_id'), updated_at) WHERE token ->> 'party_id' <> '';
CREATE INDEX cdrs_party_idx ON cdrs ((document #>> '{token,country_code}'), (document #>> '{token,party_id}'), created_at)
    WHERE document #>> '{token,party_id}' <> '';

-- +goose Down
DROP INDEX cdrs_party_idx;
DROP INDEX sessions_party_idx;
ALTER TABLE sessions DROP COLUMN authorization_reference;

-- What is read of a running session changes its row every few seconds, and no index may hold a column that changes then: each change would be
-- one of a dozen indexes. So roll_from stays while a charge runs, and rolled_version says what of it is summed up; and the time by which
-- partners ask for sessions is kept apart for those that are theirs.

-- +goose Up
ALTER TABLE sessions ADD COLUMN rolled_version bigint, ADD COLUMN party_updated_at timestamptz; -- updated_at of a partner's session, else null
-- +goose StatementBegin
CREATE FUNCTION sessions_party_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.party_updated_at := NEW.updated_at;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER sessions_party_updated BEFORE INSERT OR UPDATE ON sessions
    FOR EACH ROW WHEN (NEW.token ->> 'party_id' <> '') EXECUTE FUNCTION sessions_party_updated();
UPDATE sessions SET party_updated_at = updated_at WHERE token ->> 'party_id' <> '';
DROP INDEX sessions_party_idx;
CREATE INDEX sessions_party_idx ON sessions ((token ->> 'country_code'), (token ->> 'party_id'), party_updated_at) WHERE token ->> 'party_id' <> '';

-- +goose Down
DROP INDEX sessions_party_idx;
CREATE INDEX sessions_party_idx ON sessions ((token ->> 'country_code'), (token ->> 'party_id'), updated_at) WHERE token ->> 'party_id' <> '';
DROP TRIGGER sessions_party_updated ON sessions;
DROP FUNCTION sessions_party_updated;
ALTER TABLE sessions DROP COLUMN rolled_version, DROP COLUMN party_updated_at;

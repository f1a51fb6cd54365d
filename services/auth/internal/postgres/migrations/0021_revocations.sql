-- +goose Up

-- What ends tokens before their time. It is written by triggers, so that no way of ending a session, of switching an account off
-- or of taking a role can forget it; the service carries it to all verifiers (published_at) through Redis, which may lose it.
CREATE TABLE revocations (
    seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind         text        NOT NULL, -- sid: a login or an API key; sub: an account; client: a service client; kid: a signing key
    subject      text        NOT NULL,
    version      bigint      NOT NULL DEFAULT 0, -- of sub and client: tokens of a lower one are dead
    at           timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL, -- when the last such token would have ended by itself
    published_at timestamptz NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (seq),
    CONSTRAINT revocations_kind_known CHECK (kind IN ('sid', 'sub', 'client', 'kid'))
);

CREATE INDEX revocations_unpublished ON revocations (seq) WHERE published_at IS NULL;
CREATE INDEX revocations_expiry ON revocations (expires_at);

-- Every access token carries the version that it was made in. It goes up when rights are taken, never when they are given.
ALTER TABLE accounts ADD COLUMN rights_version bigint NOT NULL DEFAULT 1;
-- A client that was removed may be made anew, and shall not begin below what was revoked with it.
ALTER TABLE service_clients ADD COLUMN rights_version bigint NOT NULL DEFAULT extract(epoch FROM clock_timestamp())::bigint;

-- +goose StatementBegin
CREATE FUNCTION revoke_tokens(kind text, subject text, version bigint, life interval) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revocations (kind, subject, version, expires_at) VALUES (kind, subject, version, now() + life);
    SELECT pg_notify('revocations', '');
$$;
-- +goose StatementEnd

-- Access tokens live ten minutes at most, and thirty seconds of leeway; the rest is for clocks that are apart.
-- +goose StatementBegin
CREATE FUNCTION revoke_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM revoke_tokens('sid', NEW.id::text, 0, interval '15 minutes');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER sessions_revoke AFTER UPDATE OF ended_at ON sessions
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL) EXECUTE FUNCTION revoke_session();

-- +goose StatementBegin
CREATE FUNCTION accounts_disabled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.rights_version := OLD.rights_version + 1;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_disabled BEFORE UPDATE OF disabled_at ON accounts
    FOR EACH ROW WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION accounts_disabled();

-- +goose StatementBegin
CREATE FUNCTION role_grants_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET rights_version = rights_version + 1 WHERE id = OLD.account_id;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER role_grants_taken AFTER DELETE ON role_grants
    FOR EACH ROW EXECUTE FUNCTION role_grants_taken();

-- +goose StatementBegin
CREATE FUNCTION revoke_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM revoke_tokens('sub', OLD.id::text, 9223372036854775807, interval '15 minutes');
    ELSE
        PERFORM revoke_tokens('sub', NEW.id::text, NEW.rights_version, interval '15 minutes');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER accounts_revoke AFTER UPDATE ON accounts
    FOR EACH ROW WHEN (NEW.rights_version > OLD.rights_version) EXECUTE FUNCTION revoke_account();
CREATE TRIGGER accounts_revoke_removed AFTER DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION revoke_account();

-- +goose StatementBegin
CREATE FUNCTION service_clients_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.rights_version := OLD.rights_version + 1;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER service_clients_changed BEFORE UPDATE ON service_clients
    FOR EACH ROW WHEN ((OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL)
        OR NOT OLD.scopes <@ NEW.scopes OR NOT OLD.audiences <@ NEW.audiences)
    EXECUTE FUNCTION service_clients_changed();

-- +goose StatementBegin
CREATE FUNCTION revoke_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM revoke_tokens('client', OLD.id, GREATEST(OLD.rights_version + 1, extract(epoch FROM clock_timestamp())::bigint), interval '15 minutes');
    ELSE
        PERFORM revoke_tokens('client', NEW.id, NEW.rights_version, interval '15 minutes');
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER service_clients_revoke AFTER UPDATE ON service_clients
    FOR EACH ROW WHEN (NEW.rights_version > OLD.rights_version) EXECUTE FUNCTION revoke_client();
CREATE TRIGGER service_clients_revoke_removed AFTER DELETE ON service_clients
    FOR EACH ROW EXECUTE FUNCTION revoke_client();

-- A key is gone long after its last token, or because it has leaked. Verifiers keep a key set for a day when auth is down.
-- +goose StatementBegin
CREATE FUNCTION revoke_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM revoke_tokens('kid', NEW.kid, 0, interval '25 hours');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER signing_keys_revoke AFTER UPDATE OF state ON signing_keys
    FOR EACH ROW WHEN (OLD.state <> 'gone' AND NEW.state = 'gone') EXECUTE FUNCTION revoke_key();

-- +goose Down
DROP TRIGGER signing_keys_revoke ON signing_keys;
DROP TRIGGER service_clients_revoke_removed ON service_clients;
DROP TRIGGER service_clients_revoke ON service_clients;
DROP TRIGGER service_clients_changed ON service_clients;
DROP TRIGGER accounts_revoke_removed ON accounts;
DROP TRIGGER accounts_revoke ON accounts;
DROP TRIGGER role_grants_taken ON role_grants;
DROP TRIGGER accounts_disabled ON accounts;
DROP TRIGGER sessions_revoke ON sessions;
DROP FUNCTION revoke_key, revoke_client, service_clients_changed, revoke_account, role_grants_taken, accounts_disabled, revoke_session, revoke_tokens;
ALTER TABLE service_clients DROP COLUMN rights_version;
ALTER TABLE accounts DROP COLUMN rights_version;
DROP TABLE revocations;

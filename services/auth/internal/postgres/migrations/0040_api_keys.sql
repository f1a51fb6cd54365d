-- +goose Up

-- Keys by which programs act for an account: what may be done with each, from where and until when.
CREATE TABLE api_keys (
    id           uuid        NOT NULL,
    account_id   uuid        NOT NULL,
    name         text        NOT NULL,
    scopes       text[]      NOT NULL, -- of which those count that the account has at the time
    networks     text[]      NOT NULL, -- in CIDR; none: from everywhere
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NULL,
    last_used_at timestamptz NULL, -- to the minute
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX api_keys_account ON api_keys (account_id);

-- The texts of a key: one, and after a rotation for a while the one before. The id is the sid of the tokens that a text is
-- exchanged for.
CREATE TABLE api_key_secrets (
    id         uuid        NOT NULL,
    key_id     uuid        NOT NULL,
    hash       bytea       NOT NULL, -- HMAC-SHA-256 under the pepper
    created_at timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz NULL, -- set when another has taken its place
    CONSTRAINT api_key_secrets_pkey PRIMARY KEY (id),
    CONSTRAINT api_key_secrets_hash_unique UNIQUE (hash),
    CONSTRAINT api_key_secrets_key_fkey FOREIGN KEY (key_id) REFERENCES api_keys (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX api_key_secrets_current ON api_key_secrets (key_id) WHERE ends_at IS NULL;

-- What the hashes are keyed with, sealed: the hashes alone are of no use to whoever reads or writes this database.
CREATE TABLE api_key_pepper (
    only_one  boolean NOT NULL DEFAULT true,
    sealed    bytea   NOT NULL,
    sealed_by text    NOT NULL,
    CONSTRAINT api_key_pepper_pkey PRIMARY KEY (only_one),
    CONSTRAINT api_key_pepper_only_one CHECK (only_one)
);

-- Whatever removes a text, a rotation, the key's owner or the owner's end, ends its tokens, too.
-- +goose StatementBegin
CREATE FUNCTION revoke_api_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM revoke_tokens('sid', OLD.id::text, 0, interval '15 minutes');
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER api_key_secrets_revoke AFTER DELETE ON api_key_secrets
    FOR EACH ROW EXECUTE FUNCTION revoke_api_key();

-- +goose Down
DROP TABLE api_key_pepper;
DROP TABLE api_key_secrets;
DROP TABLE api_keys;
DROP FUNCTION revoke_api_key;

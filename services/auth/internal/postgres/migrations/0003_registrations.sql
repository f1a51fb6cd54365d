-- +goose Up

-- What somebody asked for who may or may not own the address. Any number may wait for one address; the one whose link is
-- followed becomes the account, and the others are dropped.
CREATE TABLE registrations (
    id            uuid        NOT NULL,
    address       text        NOT NULL,
    address_key   text        NOT NULL,
    username      text        NULL,
    username_key  text        NULL,
    name          text        NOT NULL,
    locale        text        NOT NULL,
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    CONSTRAINT registrations_pkey PRIMARY KEY (id)
);

CREATE INDEX registrations_address ON registrations (address_key, created_at);
CREATE INDEX registrations_expiry ON registrations (expires_at);

-- The tokens of mailed links, by hash. The purpose is in the hash as well, since the token's text names it.
CREATE TABLE one_time_tokens (
    hash             bytea       NOT NULL,
    purpose          text        NOT NULL,
    registration_id  uuid        NULL,
    account_id       uuid        NULL,
    security_version integer     NULL, -- the account's at the time of issue
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    CONSTRAINT one_time_tokens_pkey PRIMARY KEY (hash),
    CONSTRAINT one_time_tokens_purpose_known CHECK (purpose IN ('confirm_email', 'reset_password')),
    CONSTRAINT one_time_tokens_subject CHECK (
        (purpose = 'confirm_email') = (registration_id IS NOT NULL) AND
        (purpose = 'reset_password') = (account_id IS NOT NULL AND security_version IS NOT NULL)),
    CONSTRAINT one_time_tokens_registration_fkey
        FOREIGN KEY (registration_id) REFERENCES registrations (id) ON DELETE CASCADE,
    CONSTRAINT one_time_tokens_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX one_time_tokens_registration ON one_time_tokens (registration_id);
CREATE INDEX one_time_tokens_account ON one_time_tokens (account_id);
CREATE INDEX one_time_tokens_expiry ON one_time_tokens (expires_at);

-- +goose Down
DROP TABLE one_time_tokens;
DROP TABLE registrations;

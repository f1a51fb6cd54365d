-- +goose Up

-- WebAuthn credentials. An authenticator has one owner here, whoever registers it first.
CREATE TABLE passkeys (
    id            uuid        NOT NULL,
    account_id    uuid        NOT NULL,
    credential_id bytea       NOT NULL,
    credential    jsonb       NOT NULL, -- public key, flags, transports; nothing secret
    sign_count    bigint      NOT NULL, -- the authenticator's own count; it only grows, or stays 0
    name          text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz NULL,
    CONSTRAINT passkeys_pkey PRIMARY KEY (id),
    CONSTRAINT passkeys_credential_unique UNIQUE (credential_id),
    CONSTRAINT passkeys_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX passkeys_account ON passkeys (account_id);

-- Challenges that wait for their answer: by the hash of the token that the client was given, for one purpose, for one use. What
-- they are bound to (a session, a login that waits for its second factor) must be the same at the end as at the beginning.
CREATE TABLE passkey_ceremonies (
    hash       bytea       NOT NULL,
    purpose    text        NOT NULL,
    account_id uuid        NULL, -- null: passwordless, whoever answers
    bound_to   bytea       NOT NULL,
    state      jsonb       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT passkey_ceremonies_pkey PRIMARY KEY (hash),
    CONSTRAINT passkey_ceremonies_purpose_known CHECK (purpose IN ('register', 'login', 'second_factor', 'step_up')),
    CONSTRAINT passkey_ceremonies_account CHECK ((purpose = 'login') = (account_id IS NULL)),
    CONSTRAINT passkey_ceremonies_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX passkey_ceremonies_expiry ON passkey_ceremonies (expires_at);

-- +goose Down
DROP TABLE passkey_ceremonies;
DROP TABLE passkeys;

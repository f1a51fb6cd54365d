-- +goose Up

-- Authenticator apps (RFC 6238). The secret lies under the key-encryption key, bound to its row. last_step is what makes a code
-- good for one login: a step that was used, or an earlier one, is refused.
CREATE TABLE totp_factors (
    id           uuid        NOT NULL,
    account_id   uuid        NOT NULL,
    name         text        NOT NULL,
    secret       bytea       NOT NULL, -- AES-256-GCM
    sealed_by    text        NOT NULL, -- which key-encryption key
    last_step    bigint      NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL DEFAULT now(),
    confirmed_at timestamptz NULL, -- not a factor before
    last_used_at timestamptz NULL,
    CONSTRAINT totp_factors_pkey PRIMARY KEY (id),
    CONSTRAINT totp_factors_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX totp_factors_account ON totp_factors (account_id);
CREATE INDEX totp_factors_waiting ON totp_factors (created_at) WHERE confirmed_at IS NULL;

-- Codes for the day on which the phone is lost: 80 random bits each, by hash, good for one use.
CREATE TABLE recovery_codes (
    account_id uuid        NOT NULL,
    hash       bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz NULL,
    CONSTRAINT recovery_codes_pkey PRIMARY KEY (account_id, hash),
    CONSTRAINT recovery_codes_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE recovery_codes;
DROP TABLE totp_factors;

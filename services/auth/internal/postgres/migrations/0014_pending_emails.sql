-- +goose Up

ALTER TABLE emails ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE emails ADD CONSTRAINT emails_id_unique UNIQUE (id);

-- Addresses that were added to accounts and wait to be confirmed. Any number of accounts may wait for one address: who follows
-- the link in time has it.
CREATE TABLE pending_emails (
    id               uuid        NOT NULL,
    account_id       uuid        NOT NULL,
    address          text        NOT NULL,
    address_key      text        NOT NULL,
    token_hash       bytea       NULL, -- of the newest mail
    token_expires_at timestamptz NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    CONSTRAINT pending_emails_pkey PRIMARY KEY (id),
    CONSTRAINT pending_emails_once UNIQUE (account_id, address_key),
    CONSTRAINT pending_emails_token_unique UNIQUE (token_hash),
    CONSTRAINT pending_emails_token_whole CHECK ((token_hash IS NULL) = (token_expires_at IS NULL)),
    CONSTRAINT pending_emails_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX pending_emails_address ON pending_emails (address_key);
CREATE INDEX pending_emails_expiry ON pending_emails (expires_at);

-- +goose Down
DROP TABLE pending_emails;
ALTER TABLE emails DROP COLUMN id;

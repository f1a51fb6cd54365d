-- +goose Up

CREATE TABLE invitations (
    id               uuid        NOT NULL,
    address          text        NOT NULL,
    address_key      text        NOT NULL,
    grants           text[]      NOT NULL, -- as in operator@OPERATOR-ID
    operator_id      uuid        NULL,     -- whose colleague it is for; null: an administrator's invitation to nobody's staff
    locale           text        NOT NULL,
    invited_by       uuid        NOT NULL,
    token_hash       bytea       NULL, -- of the newest mail
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    accepted_at      timestamptz NULL,
    accepted_by      uuid        NULL,
    revoked_at       timestamptz NULL,
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_token_unique UNIQUE (token_hash),
    CONSTRAINT invitations_accepted_whole CHECK (accepted_by IS NULL OR accepted_at IS NOT NULL),
    CONSTRAINT invitations_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CONSTRAINT invitations_inviter_fkey FOREIGN KEY (invited_by) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT invitations_accepter_fkey FOREIGN KEY (accepted_by) REFERENCES accounts (id) ON DELETE SET NULL
);

CREATE INDEX invitations_operator ON invitations (operator_id, id);
CREATE INDEX invitations_address ON invitations (address_key);
CREATE INDEX invitations_inviter ON invitations (invited_by);
CREATE INDEX invitations_accepter ON invitations (accepted_by) WHERE accepted_by IS NOT NULL;
CREATE INDEX invitations_expiry ON invitations (expires_at);

-- +goose Down
DROP TABLE invitations;

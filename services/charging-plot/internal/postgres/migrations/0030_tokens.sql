-- What charges are begun with where no app is at hand: cards and plug-and-charge contracts. And which of them began a session.

-- +goose Up
CREATE TABLE tokens (
    id            uuid        NOT NULL,
    key           text        NOT NULL, -- the uid as charge points are matched: upper case, without separators
    uid           text        NOT NULL,
    type          text        NOT NULL,
    -- Whose it is: a driver's own, one that an operator issued, or one that a partner told over OCPI.
    driver_id     uuid,
    operator_id   uuid,
    country_code  text        NOT NULL DEFAULT '',
    party_id      text        NOT NULL DEFAULT '',
    contract_id   text        NOT NULL,
    issuer        text        NOT NULL,
    visual_number text        NOT NULL DEFAULT '',
    group_id      text        NOT NULL DEFAULT '',
    language      text        NOT NULL DEFAULT '',
    whitelist     text        NOT NULL,
    valid         boolean     NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    version       bigint      NOT NULL,
    CONSTRAINT tokens_pkey PRIMARY KEY (id),
    -- A charge point says the uid and nothing else, so that it must mean one token.
    CONSTRAINT tokens_key UNIQUE (key),
    CONSTRAINT tokens_type CHECK (type IN ('AD_HOC_USER', 'APP_USER', 'EMAID', 'OTHER', 'RFID')),
    CONSTRAINT tokens_whitelist CHECK (whitelist IN ('ALWAYS', 'ALLOWED', 'ALLOWED_OFFLINE', 'NEVER')),
    CONSTRAINT tokens_owner CHECK ((driver_id IS NOT NULL)::int + (operator_id IS NOT NULL)::int + (party_id <> '')::int = 1)
);
CREATE INDEX tokens_driver_idx ON tokens (driver_id, id) WHERE driver_id IS NOT NULL;
CREATE INDEX tokens_operator_idx ON tokens (operator_id, id) WHERE operator_id IS NOT NULL;
CREATE INDEX tokens_party_idx ON tokens (country_code, party_id, id) WHERE party_id <> '';

-- The token as it was when it began the session: what becomes of the token later changes no record.
ALTER TABLE sessions ADD COLUMN token_id uuid, ADD COLUMN token jsonb;
-- A one-time tag is made for one session; tokens come again and again.
CREATE UNIQUE INDEX sessions_one_time_tag ON sessions (charge_point_id, id_tag) WHERE driver_id IS NOT NULL AND token_id IS NULL;
DROP INDEX sessions_id_tag;
CREATE INDEX sessions_token_idx ON sessions (token_id, id) WHERE token_id IS NOT NULL;

-- +goose Down
DROP INDEX sessions_token_idx;
DROP INDEX sessions_one_time_tag;
-- Only of one-time tags, now that sessions may have been begun by tokens.
CREATE UNIQUE INDEX sessions_id_tag ON sessions (charge_point_id, id_tag) WHERE driver_id IS NOT NULL AND token_id IS NULL;
ALTER TABLE sessions DROP COLUMN token, DROP COLUMN token_id;
DROP TABLE tokens;

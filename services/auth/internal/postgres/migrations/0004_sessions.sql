-- +goose Up

-- A login and all refresh tokens that came of it: the family.
CREATE TABLE sessions (
    id           uuid        NOT NULL,
    account_id   uuid        NOT NULL,
    client_id    text        NOT NULL,
    device_name  text        NOT NULL,
    device       bytea       NOT NULL, -- keyed hash of the user agent
    network      bytea       NOT NULL, -- keyed hash of the address the login came from (/64 of an IPv6 address)
    remember     boolean     NOT NULL,
    auth_time    timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz NULL,
    end_reason   text        NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT sessions_ended_for_a_reason CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

-- Serves "end all of them" and "has this account logged in from this network".
CREATE INDEX sessions_account ON sessions (account_id, network);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash        bytea       NOT NULL,
    session_id  uuid        NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz NULL,
    used_device bytea       NULL,
    -- The token that followed, sealed with a key that only the holder of this one can derive.
    successor   bytea       NULL,
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash),
    CONSTRAINT refresh_tokens_session_fkey FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_used_whole CHECK ((used_at IS NULL) = (successor IS NULL))
);

CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);

-- +goose Down
DROP TABLE refresh_tokens;
DROP TABLE sessions;

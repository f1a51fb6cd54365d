-- +goose Up

-- Logins whose password was right and that wait for the second factor: what begins the session then.
CREATE TABLE pending_logins (
    hash             bytea       NOT NULL, -- of the mfa_token
    account_id       uuid        NOT NULL,
    security_version integer     NOT NULL, -- the account's when the password was right
    device_name      text        NOT NULL,
    remember         boolean     NOT NULL,
    known_network    boolean     NOT NULL,
    attempts         integer     NOT NULL DEFAULT 0,
    expires_at       timestamptz NOT NULL,
    CONSTRAINT pending_logins_pkey PRIMARY KEY (hash),
    CONSTRAINT pending_logins_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE INDEX pending_logins_expiry ON pending_logins (expires_at);

-- A password of fewer characters than one that stands alone may have is only good beside a second factor.
ALTER TABLE accounts ADD COLUMN short_password boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE accounts DROP COLUMN short_password;
DROP TABLE pending_logins;

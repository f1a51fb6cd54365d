-- +goose Up

-- An account exists from the moment its address is confirmed.
CREATE TABLE accounts (
    id               uuid        NOT NULL,
    username         text        NULL,
    username_key     text        NULL, -- PRECIS UsernameCaseMapped of username
    name             text        NOT NULL DEFAULT '',
    locale           text        NOT NULL DEFAULT '',
    password_hash    text        NOT NULL, -- PHC string
    disabled_at      timestamptz NULL,
    security_version integer     NOT NULL DEFAULT 1, -- counts what makes mailed tokens worthless: a new password, a new address
    version          bigint      NOT NULL DEFAULT 1, -- the ETag
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT accounts_pkey PRIMARY KEY (id),
    CONSTRAINT accounts_username_unique UNIQUE (username_key),
    CONSTRAINT accounts_username_whole CHECK ((username IS NULL) = (username_key IS NULL))
);

-- The addresses of accounts. That one mailbox has one account is the business of emails_key_unique, not of code.
CREATE TABLE emails (
    account_id   uuid        NOT NULL,
    address      text        NOT NULL, -- as its owner wrote it
    address_key  text        NOT NULL, -- lower case, domain in ASCII
    is_primary   boolean     NOT NULL,
    confirmed_at timestamptz NOT NULL,
    CONSTRAINT emails_pkey PRIMARY KEY (account_id, address_key),
    CONSTRAINT emails_key_unique UNIQUE (address_key),
    CONSTRAINT emails_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX emails_one_primary ON emails (account_id) WHERE is_primary;

-- +goose Down
DROP TABLE emails;
DROP TABLE accounts;

-- +goose Up

-- Mails to be sent, written in the transaction of what they are about. A row names whom and what about; the token of a link is
-- made when the mail is, so that no token stands in the database in clear.
CREATE TABLE outbox (
    id              uuid        NOT NULL,
    kind            text        NOT NULL,
    address_key     text        NULL,
    registration_id uuid        NULL,
    account_id      uuid        NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    due_at          timestamptz NOT NULL DEFAULT now(),
    attempts        integer     NOT NULL DEFAULT 0,
    settled_at      timestamptz NULL,
    outcome         text        NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_settled_whole CHECK ((settled_at IS NULL) = (outcome IS NULL))
);

CREATE INDEX outbox_due ON outbox (due_at) WHERE settled_at IS NULL;
CREATE INDEX outbox_settled ON outbox (settled_at) WHERE settled_at IS NOT NULL;

-- +goose Down
DROP TABLE outbox;

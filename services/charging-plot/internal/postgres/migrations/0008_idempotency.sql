-- Answers kept for repeated requests (libs/idempotency).

-- +goose Up
CREATE TABLE idempotency (
    principal    text        NOT NULL,
    route        text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    response     json        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (principal, route, key)
);
CREATE INDEX idempotency_created_at_idx ON idempotency (created_at);

-- +goose Down
DROP TABLE idempotency;

-- +goose Up

-- Budgets that must be exact across replicas and outlive Redis: guesses at passwords, mails to one address. One row is one
-- leaky bucket (GCRA): when it will be empty again. Losing the table loses no more than the budgets' memory, hence unlogged.
CREATE UNLOGGED TABLE throttles (
    key      bytea       NOT NULL,
    empty_at timestamptz NOT NULL,
    depth    interval    NOT NULL, -- how long the full bucket takes to empty
    CONSTRAINT throttles_pkey PRIMARY KEY (key)
);

CREATE INDEX throttles_empty ON throttles (empty_at);

-- +goose Down
DROP TABLE throttles;

-- +goose Up

CREATE TABLE service_clients (
    id          text        NOT NULL,
    name        text        NOT NULL,
    secret_hash bytea       NOT NULL,
    audiences   text[]      NOT NULL, -- short names of services: charging-plot
    scopes      text[]      NOT NULL,
    disabled_at timestamptz NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT service_clients_pkey PRIMARY KEY (id)
);

-- +goose Down
DROP TABLE service_clients;

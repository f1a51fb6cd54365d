-- Which replicas live, so that the sockets of one that was killed are not believed for long.

-- +goose Up
CREATE TABLE replicas (
    address     text        NOT NULL,
    alive_until timestamptz NOT NULL,
    CONSTRAINT replicas_pkey PRIMARY KEY (address)
);

-- +goose Down
DROP TABLE replicas;

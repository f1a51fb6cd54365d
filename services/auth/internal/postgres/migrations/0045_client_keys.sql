-- +goose Up

-- A client proves itself with a secret or with its keys, a JWK set of public ones.
ALTER TABLE service_clients
    ALTER COLUMN secret_hash DROP NOT NULL,
    ADD COLUMN public_keys jsonb NULL,
    ADD CONSTRAINT service_clients_one_proof CHECK (num_nonnulls(secret_hash, public_keys) = 1);

-- The assertions that clients have used, so that none works twice.
CREATE TABLE client_assertions (
    client_id  text        NOT NULL,
    jti_hash   bytea       NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT client_assertions_pkey PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX client_assertions_expires_at_idx ON client_assertions (expires_at);

-- +goose Down
DROP TABLE client_assertions;
DELETE FROM service_clients WHERE secret_hash IS NULL;
ALTER TABLE service_clients DROP COLUMN public_keys, ALTER COLUMN secret_hash SET NOT NULL;

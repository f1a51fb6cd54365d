-- +goose Up

-- A client of the cluster proves itself as a ServiceAccount, NAMESPACE/NAME, whose tokens Kubernetes signs.
ALTER TABLE service_clients
    ADD COLUMN service_account text NULL,
    ADD CONSTRAINT service_clients_service_account_unique UNIQUE (service_account),
    DROP CONSTRAINT service_clients_one_proof,
    ADD CONSTRAINT service_clients_one_proof CHECK (num_nonnulls(secret_hash, public_keys, service_account) = 1);

-- +goose Down
DELETE FROM service_clients WHERE service_account IS NOT NULL;
ALTER TABLE service_clients
    DROP CONSTRAINT service_clients_one_proof,
    DROP COLUMN service_account,
    ADD CONSTRAINT service_clients_one_proof CHECK (num_nonnulls(secret_hash, public_keys) = 1);

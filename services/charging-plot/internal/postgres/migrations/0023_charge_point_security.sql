-- How a charge point must prove who it is, and a password that it has been given and not used yet.

-- +goose Up
ALTER TABLE charge_points
    ADD COLUMN security_profile   smallint NOT NULL DEFAULT 0, -- the least it must keep to, in OCPP's numbers; 0: any
    ADD COLUMN certificate_sha256 bytea,                       -- of the one client certificate that is its own; NULL: any with its name
    ADD COLUMN next_salt          bytea,
    ADD COLUMN next_hash          bytea,
    ADD CONSTRAINT charge_points_security_profile CHECK (security_profile BETWEEN 0 AND 3);

-- +goose Down
ALTER TABLE charge_points
    DROP COLUMN security_profile, DROP COLUMN certificate_sha256, DROP COLUMN next_salt, DROP COLUMN next_hash;

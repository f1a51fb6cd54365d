-- Readings by the week, so that old ones go by dropping a table. What there is stays where it is, as the partition of whatever has none
-- of its own.

-- +goose Up
ALTER TABLE meter_values RENAME TO meter_values_rest;
ALTER TABLE meter_values_rest RENAME CONSTRAINT meter_values_pkey TO meter_values_rest_pkey;
CREATE TABLE meter_values (
    session_id  uuid        NOT NULL,
    at          timestamptz NOT NULL,
    register_wh double precision,
    power_w     double precision,
    current_a   double precision,
    voltage_v   double precision,
    soc_percent double precision,
    other       jsonb,
    CONSTRAINT meter_values_pkey PRIMARY KEY (session_id, at)
) PARTITION BY RANGE (at);
ALTER TABLE meter_values ATTACH PARTITION meter_values_rest DEFAULT;

-- +goose Down
CREATE TABLE meter_values_all (LIKE meter_values INCLUDING DEFAULTS);
INSERT INTO meter_values_all SELECT * FROM meter_values;
DROP TABLE meter_values;
ALTER TABLE meter_values_all RENAME TO meter_values;
ALTER TABLE meter_values ADD CONSTRAINT meter_values_pkey PRIMARY KEY (session_id, at);

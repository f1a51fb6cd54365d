-- Readings summed up by the minute and by the quarter of an hour. Lowest and highest power keep their moments, so that a curve drawn from
-- minutes loses no peak. They stay when the readings themselves are gone.

-- +goose Up
CREATE TABLE meter_minutes (
    session_id        uuid        NOT NULL,
    at                timestamptz NOT NULL, -- the minute's beginning
    readings          integer     NOT NULL,
    last_at           timestamptz NOT NULL,
    register_first_wh double precision,
    register_last_wh  double precision,
    register_last_at  timestamptz,
    power_avg_w       double precision,
    power_min_w       double precision,
    power_min_at      timestamptz,
    power_max_w       double precision,
    power_max_at      timestamptz,
    current_a         double precision,     -- the mean
    voltage_v         double precision,     -- the mean
    soc_percent       double precision,     -- the last
    CONSTRAINT meter_minutes_pkey PRIMARY KEY (session_id, at)
);
CREATE TABLE meter_quarters (
    session_id        uuid        NOT NULL,
    at                timestamptz NOT NULL,
    readings          integer     NOT NULL,
    register_first_wh double precision,
    register_last_wh  double precision,
    power_avg_w       double precision,
    power_min_w       double precision,
    power_max_w       double precision,
    soc_percent       double precision,
    CONSTRAINT meter_quarters_pkey PRIMARY KEY (session_id, at)
);
-- Readings that came before this migration are summed up too.
UPDATE sessions SET roll_from = coalesce(started_at, requested_at) - interval '7 days' WHERE started_at IS NOT NULL;

-- +goose Down
DROP TABLE meter_quarters;
DROP TABLE meter_minutes;

-- What a driver wants a charge to end at, what it has cost so far, and which readings are still to be summed up.

-- +goose Up
ALTER TABLE sessions
    ADD COLUMN vehicle         text NOT NULL DEFAULT '',
    ADD COLUMN limited         boolean NOT NULL DEFAULT false, -- some limit is set
    ADD COLUMN limit_energy_wh bigint,
    ADD COLUMN limit_s         integer,
    ADD COLUMN limit_cost      text,                           -- a decimal number of the tariff's currency, taxes included
    ADD COLUMN limit_soc       double precision,
    ADD COLUMN limit_reached   text NOT NULL DEFAULT '',
    ADD COLUMN cost            jsonb,                          -- so far; the record's once it has ended
    ADD COLUMN idle_since      timestamptz,
    ADD COLUMN roll_from       timestamptz,                    -- readings from here on are not in the rollups yet; NULL: all are
    ADD COLUMN rolled_at       timestamptz;
CREATE INDEX sessions_limited_idx ON sessions (id) WHERE state = 'ACTIVE' AND limited;
CREATE INDEX sessions_roll_idx ON sessions (id) WHERE roll_from IS NOT NULL;

-- +goose Down
DROP INDEX sessions_roll_idx;
DROP INDEX sessions_limited_idx;
ALTER TABLE sessions
    DROP COLUMN rolled_at, DROP COLUMN roll_from, DROP COLUMN idle_since, DROP COLUMN cost, DROP COLUMN limit_reached,
    DROP COLUMN limit_soc, DROP COLUMN limit_cost, DROP COLUMN limit_s, DROP COLUMN limit_energy_wh, DROP COLUMN limited,
    DROP COLUMN vehicle;

-- Claims on plots. The database itself refuses two that overlap.

-- +goose Up
CREATE EXTENSION IF NOT EXISTS btree_gist; -- lets an exclusion constraint compare plot ids; trusted, so no superuser is needed

CREATE TABLE reservations (
    id           uuid        NOT NULL,
    plot_id      uuid        NOT NULL,
    station_id   uuid        NOT NULL,
    operator_id  uuid        NOT NULL,
    driver_id    uuid        NOT NULL,
    period       tstzrange   NOT NULL, -- [from, until)
    no_show_at   timestamptz NOT NULL,
    state        text        NOT NULL,
    state_since  timestamptz NOT NULL,
    reason       text        NOT NULL DEFAULT '',
    begun        boolean     NOT NULL DEFAULT false, -- its beginning has come and the plot's status knows it
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint      NOT NULL,
    CONSTRAINT reservations_pkey PRIMARY KEY (id),
    CONSTRAINT reservations_plot FOREIGN KEY (plot_id) REFERENCES plots (id),
    CONSTRAINT reservations_state CHECK (state IN
        ('PENDING', 'RESERVED', 'FULFILLED', 'NO_SHOW', 'CANCELED', 'REJECTED', 'FAILED')),
    CONSTRAINT reservations_period CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)
        AND NOT lower_inf(period) AND NOT upper_inf(period)),
    -- A fulfilled claim goes on holding its span while the car is there; the end of the session cuts it short.
    CONSTRAINT reservations_no_overlap EXCLUDE USING gist (plot_id WITH =, period WITH &&)
        WHERE (state IN ('PENDING', 'RESERVED', 'FULFILLED'))
);
CREATE INDEX reservations_driver_idx ON reservations (driver_id, id);
CREATE INDEX reservations_station_idx ON reservations (station_id, id);
CREATE INDEX reservations_plot_idx ON reservations (plot_id, id);
-- How many a driver holds.
CREATE INDEX reservations_open_idx ON reservations (driver_id) WHERE state IN ('PENDING', 'RESERVED');
-- What the scheduler looks for: beginnings that have come, and drivers who have not.
CREATE INDEX reservations_to_begin_idx ON reservations (lower(period)) WHERE state IN ('PENDING', 'RESERVED') AND NOT begun;
CREATE INDEX reservations_no_show_idx ON reservations (no_show_at) WHERE state IN ('PENDING', 'RESERVED');

-- +goose Down
DROP TABLE reservations;
DROP EXTENSION btree_gist;

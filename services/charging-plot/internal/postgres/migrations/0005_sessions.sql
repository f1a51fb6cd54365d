-- Charges, their readings, and the records they end in.

-- +goose Up
CREATE TABLE sessions (
    id                uuid        NOT NULL,
    plot_id           uuid        NOT NULL,
    station_id        uuid        NOT NULL,
    operator_id       uuid        NOT NULL,
    evse_id           uuid        NOT NULL,
    driver_id         uuid,                 -- NULL: begun by a tag that is not ours
    reservation_id    uuid,
    charge_point_id   uuid        NOT NULL,
    connector         integer     NOT NULL,
    id_tag            text        NOT NULL,
    transaction_id    text,
    state             text        NOT NULL,
    state_since       timestamptz NOT NULL,
    reason            text        NOT NULL DEFAULT '',
    requested_at      timestamptz NOT NULL,
    start_by          timestamptz,          -- a PENDING session that has not begun by then is given up
    started_at        timestamptz,
    started_said_at   timestamptz,          -- the start's time as the charge point gave it: a repeat is known by it
    stop_requested_at timestamptz,
    ended_at          timestamptz,
    meter_start_wh    bigint,
    meter_stop_wh     bigint,
    energy_wh         double precision,
    power_w           double precision,
    soc_percent       double precision,
    read_at           timestamptz,
    tariff            jsonb,
    time_zone         text        NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    version           bigint      NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_plot FOREIGN KEY (plot_id) REFERENCES plots (id),
    CONSTRAINT sessions_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id),
    CONSTRAINT sessions_state CHECK (state IN ('PENDING', 'ACTIVE', 'COMPLETED', 'INVALID')),
    CONSTRAINT sessions_transaction UNIQUE (charge_point_id, transaction_id)
);
-- Two cars never charge on one plot.
CREATE UNIQUE INDEX sessions_one_open ON sessions (plot_id) WHERE state IN ('PENDING', 'ACTIVE');
-- A tag is made for one session; those that are not ours come again and again.
CREATE UNIQUE INDEX sessions_id_tag ON sessions (charge_point_id, id_tag) WHERE driver_id IS NOT NULL;
-- A repeated StartTransaction finds its session.
CREATE UNIQUE INDEX sessions_started ON sessions (charge_point_id, connector, started_said_at, id_tag) WHERE started_said_at IS NOT NULL;
CREATE INDEX sessions_driver_idx ON sessions (driver_id, id);
CREATE INDEX sessions_station_idx ON sessions (station_id, id);
CREATE INDEX sessions_plot_idx ON sessions (plot_id, id);
CREATE INDEX sessions_start_by_idx ON sessions (start_by) WHERE state = 'PENDING';

-- Ordered by time within a session, so that a curve is one range of the index, and with the session in the key, so that the table can
-- be distributed by session and partitioned by time.
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
);

CREATE TABLE cdrs (
    id          uuid        NOT NULL,
    session_id  uuid        NOT NULL,
    driver_id   uuid,
    operator_id uuid        NOT NULL,
    document    jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT cdrs_pkey PRIMARY KEY (id),
    CONSTRAINT cdrs_one_per_session UNIQUE (session_id),
    CONSTRAINT cdrs_session FOREIGN KEY (session_id) REFERENCES sessions (id)
);

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% never changes', tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER cdrs_immutable BEFORE UPDATE OR DELETE ON cdrs FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE cdrs;
DROP FUNCTION refuse_change;
DROP TABLE meter_values;
DROP TABLE sessions;

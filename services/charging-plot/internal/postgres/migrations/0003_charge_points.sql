-- The hardware, its credentials, and which replica holds its socket.

-- +goose Up
CREATE TABLE charge_points (
    id              uuid        NOT NULL,
    identity        text        NOT NULL,
    station_id      uuid        NOT NULL,
    operator_id     uuid        NOT NULL,
    secret_salt     bytea       NOT NULL,
    secret_hash     bytea       NOT NULL,
    boot            jsonb,
    booted_at       timestamptz,
    last_seen_at    timestamptz,
    silent          boolean     NOT NULL DEFAULT false, -- not heard for so long that its statuses are no longer believed
    status          text,                               -- of the charge point as a whole: what it said of connector 0
    error_code      text        NOT NULL DEFAULT '',
    status_at       timestamptz,
    connected_to    text        NOT NULL DEFAULT '',    -- internal address of the replica that holds the socket
    connection_id   uuid,
    connected_since timestamptz,
    protocol        text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         bigint      NOT NULL,
    CONSTRAINT charge_points_pkey PRIMARY KEY (id),
    CONSTRAINT charge_points_identity UNIQUE (identity),
    CONSTRAINT charge_points_station FOREIGN KEY (station_id) REFERENCES stations (id)
);
CREATE INDEX charge_points_station_idx ON charge_points (station_id);
CREATE INDEX charge_points_operator_idx ON charge_points (operator_id, id);
CREATE INDEX charge_points_seen_idx ON charge_points (last_seen_at) WHERE NOT silent;

CREATE TABLE charge_point_connectors (
    charge_point_id uuid        NOT NULL,
    number          integer     NOT NULL,
    evse_id         uuid        NOT NULL,
    status          text,
    error_code      text        NOT NULL DEFAULT '',
    info            text        NOT NULL DEFAULT '',
    status_at       timestamptz,
    CONSTRAINT charge_point_connectors_pkey PRIMARY KEY (charge_point_id, number),
    CONSTRAINT charge_point_connectors_one_evse UNIQUE (evse_id),
    CONSTRAINT charge_point_connectors_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id),
    CONSTRAINT charge_point_connectors_evse FOREIGN KEY (evse_id) REFERENCES evses (id),
    CONSTRAINT charge_point_connectors_number CHECK (number > 0)
);

-- +goose Down
DROP TABLE charge_point_connectors;
DROP TABLE charge_points;

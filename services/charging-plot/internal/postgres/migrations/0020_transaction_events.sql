-- What charge points of OCPP 2.0.1 say that 1.6 has no word for: transactions that they name themselves, and plugs of one EVSE.

-- +goose Up
-- Events of transactions that no session was begun by yet: the first one has not come, or nobody has shown a tag. Gone once it has.
CREATE TABLE transaction_events (
    charge_point_id uuid        NOT NULL,
    transaction_id  text        NOT NULL,
    seq             integer     NOT NULL,
    event           jsonb       NOT NULL,
    received_at     timestamptz NOT NULL,
    CONSTRAINT transaction_events_pkey PRIMARY KEY (charge_point_id, transaction_id, seq),
    CONSTRAINT transaction_events_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id)
);
CREATE INDEX transaction_events_received_idx ON transaction_events (received_at);

-- The plugs of an EVSE, from which its own status follows.
CREATE TABLE charge_point_outlets (
    charge_point_id uuid        NOT NULL,
    number          integer     NOT NULL,
    outlet          integer     NOT NULL,
    status          text        NOT NULL,
    status_at       timestamptz NOT NULL,
    CONSTRAINT charge_point_outlets_pkey PRIMARY KEY (charge_point_id, number, outlet),
    CONSTRAINT charge_point_outlets_connector FOREIGN KEY (charge_point_id, number)
        REFERENCES charge_point_connectors (charge_point_id, number) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE charge_point_outlets;
DROP TABLE transaction_events;

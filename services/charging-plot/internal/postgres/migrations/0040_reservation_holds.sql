-- What charge points are told of reservations, and the places of a driver's open claims.

-- +goose Up
ALTER TABLE charge_points
    ADD COLUMN reserves    boolean,     -- whether it takes reservations itself; NULL: nobody has asked it yet
    ADD COLUMN surveyed_at timestamptz; -- when it was asked last, NULL since it has booted

ALTER TABLE reservations
    ADD COLUMN held boolean NOT NULL DEFAULT false, -- a charge point has accepted it
    -- Which of the driver's claims it is, from 1: two made at the same moment never get the same one. NULL: made before there were places.
    ADD COLUMN place integer;
CREATE UNIQUE INDEX reservations_places ON reservations (driver_id, place) WHERE state IN ('PENDING', 'RESERVED');

CREATE TABLE reservation_holds (
    charge_point_id uuid    NOT NULL,
    number          integer NOT NULL, -- OCPP's id of the reservation
    reservation_id  uuid    NOT NULL,
    connector       integer NOT NULL,
    id_tag          text    NOT NULL, -- whoever shows it may charge there
    state           text    NOT NULL, -- WANTED: not told yet; SENT: told, and what came of it is not known; HELD: accepted
    expires_at      timestamptz,      -- as the charge point was told last
    next_at         timestamptz,      -- when there is something to do; NULL: nothing, until the reservation changes
    CONSTRAINT reservation_holds_pkey PRIMARY KEY (charge_point_id, number),
    CONSTRAINT reservation_holds_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id),
    CONSTRAINT reservation_holds_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id),
    CONSTRAINT reservation_holds_state CHECK (state IN ('WANTED', 'SENT', 'HELD'))
);
CREATE INDEX reservation_holds_next_idx ON reservation_holds (next_at);
CREATE INDEX reservation_holds_reservation_idx ON reservation_holds (reservation_id);
CREATE INDEX charge_points_survey_idx ON charge_points (surveyed_at NULLS FIRST) WHERE connected_to <> '';

-- +goose Down
DROP TABLE reservation_holds;
DROP INDEX charge_points_survey_idx;
ALTER TABLE reservations DROP COLUMN place, DROP COLUMN held;
ALTER TABLE charge_points DROP COLUMN surveyed_at, DROP COLUMN reserves;

-- What is kept of the catalogue, by following its station feed. The catalogue owns these facts; nothing here is written by hand.

-- +goose Up
CREATE TABLE stations (
    id            uuid        NOT NULL,
    operator_id   uuid        NOT NULL, -- the zero id when the catalogue does not know the operator
    operator_name text        NOT NULL,
    name          text        NOT NULL,
    address       text        NOT NULL, -- street, postal code, city in one line, as a receipt shows it
    time_zone     text        NOT NULL, -- IANA name, UTC when it is not known
    tariffs       jsonb       NOT NULL, -- the OCPI tariffs its connectors refer to
    version       bigint      NOT NULL,
    removed       boolean     NOT NULL DEFAULT false,
    stale         boolean     NOT NULL DEFAULT false, -- a replay of the feed has begun and has not brought it yet
    updated_at    timestamptz NOT NULL,
    CONSTRAINT stations_pkey PRIMARY KEY (id)
);
CREATE INDEX stations_stale_idx ON stations (id) WHERE stale AND NOT removed;

CREATE TABLE evses (
    id         uuid    NOT NULL,
    station_id uuid    NOT NULL,
    uid        text    NOT NULL,
    evse_id    text    NOT NULL, -- eMI3, may be empty
    label      text    NOT NULL, -- the catalogue's physical reference, may be empty
    reservable boolean NOT NULL,
    connectors jsonb   NOT NULL, -- as the feed gives them
    standards  text[]  NOT NULL, -- of the connectors
    removed    boolean NOT NULL DEFAULT false,
    CONSTRAINT evses_pkey PRIMARY KEY (id),
    CONSTRAINT evses_station FOREIGN KEY (station_id) REFERENCES stations (id)
);
CREATE INDEX evses_station_idx ON evses (station_id);

-- +goose Down
DROP TABLE evses;
DROP TABLE stations;

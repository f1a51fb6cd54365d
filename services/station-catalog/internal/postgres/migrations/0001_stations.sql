-- +goose Up

-- The companies that run stations.
CREATE TABLE operators (
    id           uuid        NOT NULL,
    country_code text        NOT NULL,
    party_id     text        NOT NULL,
    name         text        NOT NULL,
    website      text        NOT NULL DEFAULT '',
    phone        text        NOT NULL DEFAULT '',
    email        text        NOT NULL DEFAULT '',
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT operators_pkey PRIMARY KEY (id),
    CONSTRAINT operators_party_key UNIQUE (country_code, party_id),
    CONSTRAINT operators_country_code_check CHECK (country_code ~ '^[A-Z]{2}$'),
    CONSTRAINT operators_party_id_check CHECK (party_id ~ '^[A-Z0-9]{3}$')
);

-- Sites. A station is known by its source and the source's id for it. A removed one stays as a tombstone.
CREATE TABLE stations (
    id           uuid             NOT NULL,
    operator_id  uuid             NOT NULL,
    source       text             NOT NULL COLLATE "C",
    source_id    text             NOT NULL COLLATE "C",
    name         text             NOT NULL,
    address      text             NOT NULL,
    city         text             NOT NULL,
    postal_code  text             NOT NULL,
    state        text             NOT NULL,
    country      text             NOT NULL,
    latitude     double precision NOT NULL,
    longitude    double precision NOT NULL,
    -- The place on the unit sphere. The service computes the three with the sines of its own processor, so that distances in SQL
    -- and in memory are equal to the last bit.
    x            double precision NOT NULL,
    y            double precision NOT NULL,
    z            double precision NOT NULL,
    -- A tenth of a degree of latitude times a tenth of longitude: rows of cells from south to north, each from west to east.
    cell         integer          NOT NULL GENERATED ALWAYS AS
                 (floor((latitude + 90) * 10)::integer * 3601 + floor((longitude + 180) * 10)::integer) STORED,
    time_zone    text             NOT NULL,
    access       text             NOT NULL,
    parking_type text             NOT NULL,
    facilities   text[]           NOT NULL DEFAULT '{}',
    opening      jsonb,
    opening_text text             NOT NULL DEFAULT '',
    payment      jsonb,
    -- A fingerprint of what the source told: an import that brings the same writes nothing.
    content_hash bytea            NOT NULL,
    version      bigint           NOT NULL DEFAULT 1,
    created_at   timestamptz      NOT NULL DEFAULT now(),
    updated_at   timestamptz      NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    CONSTRAINT stations_pkey PRIMARY KEY (id),
    CONSTRAINT stations_source_key UNIQUE (source, source_id),
    CONSTRAINT stations_operator_fkey FOREIGN KEY (operator_id) REFERENCES operators (id),
    CONSTRAINT stations_latitude_check CHECK (latitude BETWEEN -90 AND 90),
    CONSTRAINT stations_longitude_check CHECK (longitude BETWEEN -180 AND 180),
    CONSTRAINT stations_country_check CHECK (country ~ '^[A-Z]{2}$'),
    CONSTRAINT stations_access_check CHECK (access IN ('public', 'restricted', 'private')),
    CONSTRAINT stations_version_check CHECK (version > 0)
);
CREATE INDEX stations_cell_idx ON stations (cell);
CREATE INDEX stations_operator_idx ON stations (operator_id);

-- What charges one car at a time. An EVSE is known by its uid within the source, and keeps its id when it moves to another station.
CREATE TABLE evses (
    id                   uuid        NOT NULL,
    station_id           uuid        NOT NULL,
    source               text        NOT NULL COLLATE "C",
    uid                  text        NOT NULL COLLATE "C",
    evse_id              text        NOT NULL DEFAULT '',
    physical_reference   text        NOT NULL DEFAULT '',
    floor_level          text        NOT NULL DEFAULT '',
    capabilities         text[]      NOT NULL DEFAULT '{}',
    parking_restrictions text[]      NOT NULL DEFAULT '{}',
    reservable           boolean     NOT NULL DEFAULT false,
    price_text           text        NOT NULL DEFAULT '',
    position             integer     NOT NULL,
    removed_at           timestamptz,
    CONSTRAINT evses_pkey PRIMARY KEY (id),
    CONSTRAINT evses_uid_key UNIQUE (source, uid),
    CONSTRAINT evses_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id)
);
CREATE INDEX evses_station_idx ON evses (station_id);

CREATE TABLE connectors (
    evse_id            uuid    NOT NULL,
    id                 text    NOT NULL COLLATE "C",
    position           integer NOT NULL,
    standard           text    NOT NULL,
    format             text    NOT NULL,
    power_type         text    NOT NULL,
    max_voltage        integer,
    max_amperage       integer,
    max_electric_power integer,
    CONSTRAINT connectors_pkey PRIMARY KEY (evse_id, id),
    CONSTRAINT connectors_evse_fkey FOREIGN KEY (evse_id) REFERENCES evses (id) ON DELETE CASCADE,
    CONSTRAINT connectors_format_check CHECK (format IN ('SOCKET', 'CABLE')),
    CONSTRAINT connectors_max_voltage_check CHECK (max_voltage > 0),
    CONSTRAINT connectors_max_amperage_check CHECK (max_amperage > 0),
    CONSTRAINT connectors_max_electric_power_check CHECK (max_electric_power > 0)
);

-- +goose Down
DROP TABLE connectors;
DROP TABLE evses;
DROP TABLE stations;
DROP TABLE operators;

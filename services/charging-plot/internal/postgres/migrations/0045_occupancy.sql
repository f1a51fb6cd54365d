-- How busy stations and their plots usually are, computed ahead, and when each station is due to be computed again.

-- +goose Up
CREATE TABLE occupancies (
    id          uuid        NOT NULL, -- a station's or a plot's
    station_id  uuid        NOT NULL,
    computed_at timestamptz NOT NULL,
    document    jsonb       NOT NULL, -- see package occupancy
    CONSTRAINT occupancies_pkey PRIMARY KEY (id),
    CONSTRAINT occupancies_station FOREIGN KEY (station_id) REFERENCES stations (id)
);
CREATE INDEX occupancies_station_idx ON occupancies (station_id);

CREATE TABLE occupancy_due (
    station_id uuid        NOT NULL,
    due_at     timestamptz NOT NULL,
    CONSTRAINT occupancy_due_pkey PRIMARY KEY (station_id),
    CONSTRAINT occupancy_due_station FOREIGN KEY (station_id) REFERENCES stations (id)
);
CREATE INDEX occupancy_due_idx ON occupancy_due (due_at);
INSERT INTO occupancy_due (station_id, due_at) SELECT id, now() FROM stations WHERE NOT removed;

-- +goose Down
DROP TABLE occupancy_due;
DROP TABLE occupancies;

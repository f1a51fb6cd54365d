-- What the live streams tell, for an hour. Every replica reads it in commit order (xid, seq), below the oldest transaction that still
-- runs, as change feeds do; so an event's place is also what a client comes back with.

-- +goose Up
CREATE TABLE events (
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    kind        text        NOT NULL,
    plot_id     uuid        NOT NULL,
    station_id  uuid        NOT NULL,
    operator_id uuid        NOT NULL,
    driver_id   uuid,       -- whom it concerns; NULL: everybody
    data        json        NOT NULL, -- as it is sent
    CONSTRAINT events_pkey PRIMARY KEY (xid, seq)
);
CREATE INDEX events_at_idx ON events (at);

-- +goose Down
DROP TABLE events;

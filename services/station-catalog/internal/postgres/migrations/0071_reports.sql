-- +goose Up

-- Faults of stations that people report. Reports of a station that is removed stay; those of one that is merged go to the survivor.
CREATE TABLE reports (
    id           uuid        NOT NULL, -- UUIDv7: newer ones are greater
    station_id   uuid        NOT NULL,
    evse_id      uuid,                 -- none: the whole station
    connector_id text        NOT NULL DEFAULT '',
    reporter     uuid,                 -- the account at auth; none when it was erased, and the comment and the note with it
    kind         text        NOT NULL COLLATE "C",
    comment      text        NOT NULL DEFAULT '',
    seen_at      timestamptz NOT NULL,
    state        text        NOT NULL DEFAULT 'open',
    -- Whose turn it is: that of reports which nobody has looked at, of those which are being dealt with, of none.
    stage        integer     NOT NULL GENERATED ALWAYS AS (CASE state WHEN 'open' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END) STORED,
    note         text        NOT NULL DEFAULT '',
    handled_by   uuid,
    state_since  timestamptz NOT NULL DEFAULT now(),
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reports_pkey PRIMARY KEY (id),
    CONSTRAINT reports_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT reports_evse_fkey FOREIGN KEY (evse_id) REFERENCES evses (id),
    CONSTRAINT reports_connector_check CHECK (connector_id = '' OR evse_id IS NOT NULL),
    CONSTRAINT reports_kind_check CHECK (kind IN ('out_of_order', 'payment_failed', 'blocked', 'not_accessible', 'damaged', 'unsafe',
        'wrong_information', 'does_not_exist', 'other')),
    CONSTRAINT reports_state_check CHECK (state IN ('open', 'acknowledged', 'resolved', 'dismissed', 'withdrawn')),
    CONSTRAINT reports_comment_check CHECK (length(comment) <= 2000),
    CONSTRAINT reports_note_check CHECK (length(note) <= 500)
);
-- Of one person and one thing there is one report of a kind that is not settled.
CREATE UNIQUE INDEX reports_reporter_key ON reports (reporter, coalesce(evse_id, station_id), kind) WHERE stage < 2;
CREATE INDEX reports_reporter_idx ON reports (reporter, id);
CREATE INDEX reports_station_idx ON reports (station_id, stage);
CREATE INDEX reports_evse_idx ON reports (evse_id) WHERE evse_id IS NOT NULL;
CREATE INDEX reports_turn_idx ON reports (stage, id);
CREATE INDEX reports_handled_by_idx ON reports (handled_by) WHERE handled_by IS NOT NULL;

-- +goose Down
DROP TABLE reports;

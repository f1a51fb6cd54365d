-- +goose Up

-- What people suggest of stations: new ones, changes and removals, and what became of it.
CREATE TABLE suggestions (
    id              uuid        NOT NULL, -- UUIDv7: newer ones are greater
    kind            text        NOT NULL,
    state           text        NOT NULL DEFAULT 'PENDING',
    author          uuid        NOT NULL, -- the account at auth
    station_id      uuid,                 -- of a new one the station that came of it
    station_version bigint,               -- that a change was made from
    operator_id     uuid,                 -- whose a new one is to be, where that is said
    name            text        NOT NULL DEFAULT '', -- of a new one
    -- The station, or the patch, as it was sent, and what the members that the patch touches said then. Nothing is read out of them here: what
    -- is JSON to us, such as half a pair of surrogates, need not be text to Postgres.
    content         json,
    said            json,
    comment         text        NOT NULL,
    source_url      text        NOT NULL DEFAULT '',
    -- Of what would come of it: two pending ones of a person do not ask for the same.
    fingerprint     bytea       NOT NULL,
    version         bigint      NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    decided_at      timestamptz,
    decided_by      uuid,
    decided_as      text        NOT NULL DEFAULT '',
    note            text        NOT NULL DEFAULT '',
    CONSTRAINT suggestions_pkey PRIMARY KEY (id),
    CONSTRAINT suggestions_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT suggestions_operator_fkey FOREIGN KEY (operator_id) REFERENCES operators (id),
    CONSTRAINT suggestions_state_check CHECK (state IN ('PENDING', 'ACCEPTED', 'REJECTED', 'WITHDRAWN')),
    CONSTRAINT suggestions_kind_check CHECK (CASE kind
        WHEN 'new' THEN content IS NOT NULL AND (station_id IS NOT NULL) = (state = 'ACCEPTED')
        WHEN 'change' THEN content IS NOT NULL AND said IS NOT NULL AND station_id IS NOT NULL AND station_version IS NOT NULL
        WHEN 'removal' THEN station_id IS NOT NULL
        ELSE false END),
    CONSTRAINT suggestions_decided_check CHECK ((state IN ('ACCEPTED', 'REJECTED')) = (decided_at IS NOT NULL AND decided_by IS NOT NULL AND decided_as <> '')),
    CONSTRAINT suggestions_texts_check CHECK (length(comment) BETWEEN 1 AND 2000 AND length(source_url) <= 500 AND length(note) <= 500)
);
CREATE UNIQUE INDEX suggestions_same_key ON suggestions (author, fingerprint) WHERE state = 'PENDING';
CREATE INDEX suggestions_author_idx ON suggestions (author, id);
CREATE INDEX suggestions_station_idx ON suggestions (station_id, id);
CREATE INDEX suggestions_pending_idx ON suggestions (id) WHERE state = 'PENDING';
CREATE INDEX suggestions_decided_by_idx ON suggestions (decided_by) WHERE decided_by IS NOT NULL;

-- The suggestion that a version came of. It is written for such versions alone, so that imports have nothing more to write.
ALTER TABLE catalog_history ADD COLUMN suggestion_id uuid;

-- +goose Down
ALTER TABLE catalog_history DROP COLUMN suggestion_id;
DROP TABLE suggestions;

-- +goose Up

-- What others may be told, in the order of commits: (xid, seq), read below pg_snapshot_xmin(pg_current_snapshot()). A row is
-- written in the transaction of what it tells of. Ids only, nothing personal.
CREATE TABLE events (
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    id          uuid        NOT NULL,
    kind        text        NOT NULL,
    subject     uuid        NULL, -- the account it is about
    operator_id uuid        NULL, -- the operator within whom it happened
    at          timestamptz NOT NULL DEFAULT now(),
    data        jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT events_pkey PRIMARY KEY (xid, seq),
    CONSTRAINT events_id_unique UNIQUE (id)
);

CREATE INDEX events_at ON events (at);

-- Whose business an event is besides the account's.
ALTER TABLE audit_events ADD COLUMN operator_id uuid NULL;

CREATE INDEX audit_events_operator ON audit_events (operator_id, at) WHERE operator_id IS NOT NULL;

-- +goose Down
DROP INDEX audit_events_operator;
ALTER TABLE audit_events DROP COLUMN operator_id;
DROP TABLE events;

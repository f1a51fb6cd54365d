-- +goose Up

-- Imports, and how far each has come.
CREATE TABLE imports (
    id             uuid        NOT NULL,
    format         text        NOT NULL,
    source         text        NOT NULL,
    dry_run        boolean     NOT NULL,
    -- Only stations of this operator may come in; null for all.
    operator_id    uuid,
    submitted_by   text        NOT NULL,
    state          text        NOT NULL,
    error          text        NOT NULL DEFAULT '',
    rows           bigint      NOT NULL DEFAULT 0,
    rejected_rows  bigint      NOT NULL DEFAULT 0,
    adjusted_rows  bigint      NOT NULL DEFAULT 0,
    stations       bigint      NOT NULL DEFAULT 0,
    stations_total bigint,
    created        bigint      NOT NULL DEFAULT 0,
    updated        bigint      NOT NULL DEFAULT 0,
    unchanged      bigint      NOT NULL DEFAULT 0,
    removed        bigint      NOT NULL DEFAULT 0,
    -- Stations up to this key are done: where whoever takes over goes on.
    done_key       text        NOT NULL DEFAULT '',
    -- Who works on it, until when; after that another may take over.
    worker         text        NOT NULL DEFAULT '',
    leased_until   timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    CONSTRAINT imports_pkey PRIMARY KEY (id),
    CONSTRAINT imports_format_check CHECK (format IN ('irve', 'ndjson')),
    CONSTRAINT imports_state_check CHECK (state IN ('receiving', 'waiting', 'running', 'succeeded', 'failed')),
    CONSTRAINT imports_operator_fkey FOREIGN KEY (operator_id) REFERENCES operators (id)
);
CREATE INDEX imports_open_idx ON imports (created_at) WHERE state IN ('receiving', 'waiting', 'running');

-- The rows of a file between their arrival and their turn, grouped by station by the primary key. Unlogged: they are worth nothing
-- once the import has ended, and one that loses them in a crash of the database fails and is sent again.
CREATE UNLOGGED TABLE import_rows (
    import_id uuid   NOT NULL,
    key       text   NOT NULL COLLATE "C",
    line      bigint NOT NULL,
    data      text   NOT NULL,
    CONSTRAINT import_rows_pkey PRIMARY KEY (import_id, key, line)
);

-- What was wrong with a row.
CREATE TABLE import_findings (
    import_id uuid   NOT NULL,
    line      bigint NOT NULL,
    seq       bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    subject   text   NOT NULL,
    severity  text   NOT NULL,
    code      text   NOT NULL,
    detail    text   NOT NULL,
    advice    text   NOT NULL,
    CONSTRAINT import_findings_pkey PRIMARY KEY (import_id, line, seq),
    CONSTRAINT import_findings_import_fkey FOREIGN KEY (import_id) REFERENCES imports (id) ON DELETE CASCADE,
    CONSTRAINT import_findings_severity_check CHECK (severity IN ('rejected', 'adjusted', 'doubtful'))
);

-- +goose Down
DROP TABLE import_findings;
DROP TABLE import_rows;
DROP TABLE imports;

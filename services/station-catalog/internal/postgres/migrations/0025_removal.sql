-- +goose Up

-- What becomes of stations that an import's source no longer lists, and how many of them may go at most.
ALTER TABLE imports ADD COLUMN removal text NOT NULL DEFAULT 'keep' CONSTRAINT imports_removal_check CHECK (removal IN ('keep', 'mark'));
-- How many stations went so.
ALTER TABLE imports ADD COLUMN unlisted bigint NOT NULL DEFAULT 0;
ALTER TABLE imports ADD COLUMN max_removed_share double precision NOT NULL DEFAULT 0.5
    CONSTRAINT imports_max_removed_share_check CHECK (max_removed_share BETWEEN 0 AND 1);

-- The stations that a file lists, until its import has ended.
CREATE UNLOGGED TABLE import_listed (
    import_id uuid NOT NULL,
    source    text NOT NULL COLLATE "C",
    source_id text NOT NULL COLLATE "C",
    CONSTRAINT import_listed_pkey PRIMARY KEY (import_id, source, source_id)
);

-- +goose Down
DROP TABLE import_listed;
ALTER TABLE imports DROP COLUMN unlisted;
ALTER TABLE imports DROP COLUMN max_removed_share;
ALTER TABLE imports DROP COLUMN removal;

-- +goose Up

-- Files that are to be fetched, and how far each has come: whoever has the lease of the import goes on with it. A row is gone once
-- the import has all of its rows, or has failed.
CREATE TABLE import_fetches (
    import_id  uuid    NOT NULL,
    url        text    NOT NULL,
    -- What a peer knows us by, sealed.
    token      bytea,
    -- The page in hand, the one behind it, and where it begins in what is here.
    page_url   text    NOT NULL,
    page_next  text    NOT NULL DEFAULT '',
    page_tag   text    NOT NULL DEFAULT '',
    page_start bigint  NOT NULL DEFAULT 0,
    pages      integer NOT NULL DEFAULT 0,
    length     bigint  NOT NULL DEFAULT 0,
    complete   boolean NOT NULL DEFAULT false,
    -- How often it was taken up.
    tries      integer NOT NULL DEFAULT 0,
    CONSTRAINT import_fetches_pkey PRIMARY KEY (import_id),
    CONSTRAINT import_fetches_import_fkey FOREIGN KEY (import_id) REFERENCES imports (id) ON DELETE CASCADE
);

CREATE TABLE import_fetch_parts (
    import_id uuid   NOT NULL,
    start     bigint NOT NULL,
    data      bytea  NOT NULL,
    CONSTRAINT import_fetch_parts_pkey PRIMARY KEY (import_id, start),
    CONSTRAINT import_fetch_parts_fetch_fkey FOREIGN KEY (import_id) REFERENCES import_fetches (import_id) ON DELETE CASCADE
);
-- As with uploads: compressing what passes by is not worth the work.
ALTER TABLE import_fetch_parts ALTER COLUMN data SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE import_fetch_parts;
DROP TABLE import_fetches;

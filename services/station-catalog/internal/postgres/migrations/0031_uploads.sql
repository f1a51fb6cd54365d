-- +goose Up

-- Files that arrive in pieces, and how far each has come. What has arrived outlives the process that took it.
CREATE TABLE import_uploads (
    id                uuid             NOT NULL,
    format            text             NOT NULL,
    source            text             NOT NULL,
    dry_run           boolean          NOT NULL,
    operator_id       uuid,
    submitted_by      text             NOT NULL,
    removal           text             NOT NULL,
    max_removed_share double precision NOT NULL,
    length            bigint           NOT NULL DEFAULT 0,
    -- What it has become once all of it was there.
    import_id         uuid,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    updated_at        timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT import_uploads_pkey PRIMARY KEY (id),
    CONSTRAINT import_uploads_operator_fkey FOREIGN KEY (operator_id) REFERENCES operators (id),
    CONSTRAINT import_uploads_length_check CHECK (length >= 0)
);

CREATE TABLE import_upload_parts (
    upload_id uuid   NOT NULL,
    start     bigint NOT NULL,
    data      bytea  NOT NULL,
    CONSTRAINT import_upload_parts_pkey PRIMARY KEY (upload_id, start),
    CONSTRAINT import_upload_parts_upload_fkey FOREIGN KEY (upload_id) REFERENCES import_uploads (id) ON DELETE CASCADE
);
-- Files come compressed, or pass by too quickly for it to be worth the work.
ALTER TABLE import_upload_parts ALTER COLUMN data SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE import_upload_parts;
DROP TABLE import_uploads;

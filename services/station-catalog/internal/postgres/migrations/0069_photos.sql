-- +goose Up

-- Pictures that drivers took of stations. Like reviews, those of a station that is removed stay, and are shown again when it comes back.
CREATE TABLE photos (
    id               uuid        NOT NULL, -- UUIDv7: newer ones are greater
    station_id       uuid        NOT NULL,
    author           uuid        NOT NULL, -- the account at auth
    digest           bytea       NOT NULL, -- SHA-256 of the file that was sent, which is not kept
    caption          text        NOT NULL DEFAULT '',
    width            smallint    NOT NULL,
    height           smallint    NOT NULL,
    thumbnail_width  smallint    NOT NULL,
    thumbnail_height smallint    NOT NULL,
    version          bigint      NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    -- A hidden one is shown to its author and to moderators alone.
    hidden_at        timestamptz,
    hidden_by        uuid,
    hidden_reason    text        NOT NULL DEFAULT '',
    CONSTRAINT photos_pkey PRIMARY KEY (id),
    CONSTRAINT photos_sent_key UNIQUE (station_id, author, digest),
    CONSTRAINT photos_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT photos_digest_check CHECK (octet_length(digest) = 32),
    CONSTRAINT photos_caption_check CHECK (length(caption) <= 500)
);
CREATE INDEX photos_listed_idx ON photos (station_id, id);
CREATE INDEX photos_author_idx ON photos (author, created_at);
CREATE INDEX photos_hidden_by_idx ON photos (hidden_by) WHERE hidden_by IS NOT NULL;

-- The pictures themselves, apart from what is listed of them. JPEG is not compressed again.
CREATE TABLE photo_pictures (
    photo_id uuid  NOT NULL,
    size     text  NOT NULL,
    jpeg     bytea NOT NULL,
    CONSTRAINT photo_pictures_pkey PRIMARY KEY (photo_id, size),
    CONSTRAINT photo_pictures_photo_fkey FOREIGN KEY (photo_id) REFERENCES photos (id) ON DELETE CASCADE,
    CONSTRAINT photo_pictures_size_check CHECK (size IN ('full', 'thumbnail')),
    CONSTRAINT photo_pictures_jpeg_check CHECK (octet_length(jpeg) <= 8388608)
);
ALTER TABLE photo_pictures ALTER COLUMN jpeg SET STORAGE EXTERNAL;

-- +goose Down
DROP TABLE photo_pictures;
DROP TABLE photos;

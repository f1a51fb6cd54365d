-- +goose Up

-- Who came from another program's database, so that importing again changes nothing. A row outlives the account: who was erased
-- does not come back.
CREATE TABLE imported_people (
    source      text        NOT NULL,
    source_id   text        NOT NULL,
    account_id  uuid        NOT NULL, -- or the registration, for an address that waits to be confirmed
    imported_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT imported_people_pkey PRIMARY KEY (source, source_id)
);

-- +goose Down
DROP TABLE imported_people;

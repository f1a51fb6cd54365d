-- +goose Up

-- What became of stations, operators and tariffs: a row for each version, with who made it and what it changed.
CREATE TABLE catalog_history (
    entity     text        NOT NULL,
    entity_id  uuid        NOT NULL,
    version    bigint      NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    action     text        NOT NULL,
    -- The subject of the token, or how an import was submitted.
    actor      text        NOT NULL,
    import_id  uuid,
    changes    jsonb,
    CONSTRAINT catalog_history_pkey PRIMARY KEY (entity, entity_id, version),
    CONSTRAINT catalog_history_entity_check CHECK (entity IN ('station', 'operator', 'tariff'))
);

-- +goose Down
DROP TABLE catalog_history;

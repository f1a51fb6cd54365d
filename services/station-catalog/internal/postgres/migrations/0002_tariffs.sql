-- +goose Up

-- OCPI tariffs. The document is the truth; the columns are what is searched for.
CREATE TABLE tariffs (
    id           uuid        NOT NULL,
    operator_id  uuid        NOT NULL,
    currency     text        NOT NULL,
    document     jsonb       NOT NULL,
    content_hash bytea       NOT NULL,
    version      bigint      NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tariffs_pkey PRIMARY KEY (id),
    CONSTRAINT tariffs_operator_fkey FOREIGN KEY (operator_id) REFERENCES operators (id),
    CONSTRAINT tariffs_currency_check CHECK (currency ~ '^[A-Z]{3}$')
);
CREATE INDEX tariffs_operator_idx ON tariffs (operator_id);

-- Which tariffs hold at a connector.
CREATE TABLE connector_tariffs (
    evse_id      uuid    NOT NULL,
    connector_id text    NOT NULL COLLATE "C",
    tariff_id    uuid    NOT NULL,
    position     integer NOT NULL,
    CONSTRAINT connector_tariffs_pkey PRIMARY KEY (evse_id, connector_id, tariff_id),
    CONSTRAINT connector_tariffs_connector_fkey FOREIGN KEY (evse_id, connector_id)
        REFERENCES connectors (evse_id, id) ON DELETE CASCADE,
    CONSTRAINT connector_tariffs_tariff_fkey FOREIGN KEY (tariff_id) REFERENCES tariffs (id)
);
CREATE INDEX connector_tariffs_tariff_idx ON connector_tariffs (tariff_id);

-- +goose Down
DROP TABLE connector_tariffs;
DROP TABLE tariffs;

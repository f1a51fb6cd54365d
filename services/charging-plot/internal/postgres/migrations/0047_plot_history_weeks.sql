-- Histories by the week, so that old ones go by dropping a table. What there is stays where it is, as the partition of whatever has none of
-- its own.

-- +goose Up
ALTER TABLE plot_history RENAME TO plot_history_rest;
ALTER TABLE plot_history_rest RENAME CONSTRAINT plot_history_pkey TO plot_history_rest_pkey;
CREATE TABLE plot_history (
    plot_id uuid        NOT NULL,
    since   timestamptz NOT NULL,
    version bigint      NOT NULL,
    status  text        NOT NULL,
    source  text        NOT NULL,
    CONSTRAINT plot_history_pkey PRIMARY KEY (plot_id, since, version)
) PARTITION BY RANGE (since);
ALTER TABLE plot_history ATTACH PARTITION plot_history_rest DEFAULT;

-- +goose Down
CREATE TABLE plot_history_all (LIKE plot_history INCLUDING DEFAULTS);
INSERT INTO plot_history_all SELECT * FROM plot_history;
DROP TABLE plot_history;
ALTER TABLE plot_history_all RENAME TO plot_history;
ALTER TABLE plot_history ADD CONSTRAINT plot_history_pkey PRIMARY KEY (plot_id, since, version);

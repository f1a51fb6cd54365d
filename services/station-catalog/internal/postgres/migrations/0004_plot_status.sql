-- +goose Up

-- What charging-plot last said of the plot that serves an EVSE: a copy, kept by following its feed. There is no foreign key, since
-- a plot may be told of before or after its EVSE.
--
-- A row is also its own entry of a change log: (xid, seq) is set anew with each change, and whoever has read up to a place reads on
-- from there, once no transaction below it can still commit.
CREATE SEQUENCE evse_status_seq AS bigint;
CREATE TABLE evse_status (
    evse_id      uuid        NOT NULL,
    plot_id      uuid        NOT NULL,
    status       text        NOT NULL,
    status_since timestamptz NOT NULL,
    reservable   boolean     NOT NULL,
    version      bigint      NOT NULL,
    -- When the row was last set: it grows with every change, whatever the times say that were told.
    told_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq          bigint      NOT NULL DEFAULT nextval('evse_status_seq'),
    CONSTRAINT evse_status_pkey PRIMARY KEY (evse_id),
    CONSTRAINT evse_status_status_check CHECK (status IN
        ('AVAILABLE', 'BLOCKED', 'CHARGING', 'INOPERATIVE', 'OUTOFORDER', 'PLANNED', 'REMOVED', 'RESERVED', 'UNKNOWN'))
);
CREATE INDEX evse_status_log_idx ON evse_status (xid, seq);
CREATE INDEX evse_status_plot_idx ON evse_status (plot_id);

-- When the copy was last known to be true, to ten seconds.
CREATE TABLE evse_status_freshness (
    singleton boolean     NOT NULL DEFAULT true,
    as_of     timestamptz NOT NULL,
    CONSTRAINT evse_status_freshness_pkey PRIMARY KEY (singleton),
    CONSTRAINT evse_status_freshness_singleton_check CHECK (singleton)
);

-- +goose Down
DROP TABLE evse_status_freshness;
DROP TABLE evse_status;
DROP SEQUENCE evse_status_seq;

-- The bays. A row of plots is also the lock of its plot: whatever changes its status, its reservations or its sessions holds it.

-- +goose Up
CREATE TABLE plots (
    id             uuid        NOT NULL,
    station_id     uuid        NOT NULL,
    operator_id    uuid        NOT NULL,
    -- The operator's own words, which outlive every change of the catalogue. NULL: the catalogue's word holds.
    label          text,
    reservable     boolean,
    out_of_service boolean     NOT NULL DEFAULT false,
    -- What the operator's back end said last.
    pushed_status  text,
    pushed_at      timestamptz,
    -- The verdict on everything that is known, see package status.
    status         text        NOT NULL,
    status_source  text        NOT NULL,
    status_since   timestamptz NOT NULL,
    version        bigint      NOT NULL,
    updated_at     timestamptz NOT NULL,
    CONSTRAINT plots_pkey PRIMARY KEY (id),
    CONSTRAINT plots_station FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT plots_status CHECK (status IN
        ('AVAILABLE', 'BLOCKED', 'CHARGING', 'INOPERATIVE', 'OUTOFORDER', 'PLANNED', 'REMOVED', 'RESERVED', 'UNKNOWN')),
    CONSTRAINT plots_pushed CHECK ((pushed_status IS NULL) = (pushed_at IS NULL))
);
CREATE INDEX plots_station_idx ON plots (station_id, id);
CREATE INDEX plots_status_idx ON plots (status, id);
-- The scheduler looks for pushes that have grown old.
CREATE INDEX plots_pushed_idx ON plots (pushed_at) WHERE status_source = 'push';

CREATE TABLE plot_evses (
    plot_id uuid NOT NULL,
    evse_id uuid NOT NULL,
    CONSTRAINT plot_evses_pkey PRIMARY KEY (plot_id, evse_id),
    CONSTRAINT plot_evses_plot FOREIGN KEY (plot_id) REFERENCES plots (id),
    CONSTRAINT plot_evses_evse FOREIGN KEY (evse_id) REFERENCES evses (id),
    CONSTRAINT plot_evses_one_plot UNIQUE (evse_id)
);

-- One row whenever the status or its source changed. The version is the plot's, so that two changes at one instant keep their order.
CREATE TABLE plot_history (
    plot_id uuid        NOT NULL,
    since   timestamptz NOT NULL,
    version bigint      NOT NULL,
    status  text        NOT NULL,
    source  text        NOT NULL,
    CONSTRAINT plot_history_pkey PRIMARY KEY (plot_id, since, version)
);

-- +goose Down
DROP TABLE plot_history;
DROP TABLE plot_evses;
DROP TABLE plots;

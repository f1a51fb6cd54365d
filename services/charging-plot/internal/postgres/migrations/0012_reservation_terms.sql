-- What an operator asks of those who reserve, within what the service allows, and whom it does not let reserve.

-- +goose Up
CREATE TABLE reservation_terms (
    operator_id      uuid        NOT NULL,
    -- NULL: the service's word holds.
    min_duration_min integer,
    max_duration_min integer,
    max_ahead_min    integer,
    no_show_min      integer,
    cancel_until_min integer,
    change_until_min integer,
    per_driver       integer,
    version          bigint      NOT NULL,
    updated_at       timestamptz NOT NULL,
    CONSTRAINT reservation_terms_pkey PRIMARY KEY (operator_id)
);
CREATE TABLE blocked_drivers (
    operator_id uuid        NOT NULL,
    driver_id   uuid        NOT NULL,
    reason      text        NOT NULL,
    created_at  timestamptz NOT NULL,
    CONSTRAINT blocked_drivers_pkey PRIMARY KEY (operator_id, driver_id)
);

-- +goose Down
DROP TABLE blocked_drivers;
DROP TABLE reservation_terms;

-- Postgres reads the conditions of a table's checks from their text and plans them anew each time a statement writes to it: of a claim that
-- was a tenth. The same in fewer words: a list that is one constant, and a span whose ends exist, the first before the last. That it holds its
-- beginning and not its end is how tstzrange makes it.

-- +goose Up
ALTER TABLE reservations
    DROP CONSTRAINT reservations_state,
    DROP CONSTRAINT reservations_period,
    ADD CONSTRAINT reservations_state CHECK (state = ANY ('{PENDING,RESERVED,FULFILLED,NO_SHOW,CANCELED,REJECTED,FAILED}')),
    ADD CONSTRAINT reservations_period CHECK ((lower(period) < upper(period)) IS TRUE);
ALTER TABLE plots
    DROP CONSTRAINT plots_status,
    ADD CONSTRAINT plots_status CHECK (status = ANY
        ('{AVAILABLE,BLOCKED,CHARGING,INOPERATIVE,OUTOFORDER,PLANNED,REMOVED,RESERVED,UNKNOWN}'));

-- +goose Down
ALTER TABLE plots
    DROP CONSTRAINT plots_status,
    ADD CONSTRAINT plots_status CHECK (status IN
        ('AVAILABLE', 'BLOCKED', 'CHARGING', 'INOPERATIVE', 'OUTOFORDER', 'PLANNED', 'REMOVED', 'RESERVED', 'UNKNOWN'));
ALTER TABLE reservations
    DROP CONSTRAINT reservations_period,
    DROP CONSTRAINT reservations_state,
    ADD CONSTRAINT reservations_state CHECK (state IN
        ('PENDING', 'RESERVED', 'FULFILLED', 'NO_SHOW', 'CANCELED', 'REJECTED', 'FAILED')),
    ADD CONSTRAINT reservations_period CHECK (NOT isempty(period) AND lower_inc(period) AND NOT upper_inc(period)
        AND NOT lower_inf(period) AND NOT upper_inf(period));

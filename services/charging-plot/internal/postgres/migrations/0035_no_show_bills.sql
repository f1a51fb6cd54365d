-- A reservation whose driver did not come may cost something: a record without a session.

-- +goose Up
ALTER TABLE cdrs
    ALTER COLUMN session_id DROP NOT NULL,
    ADD COLUMN reservation_id uuid,
    ADD CONSTRAINT cdrs_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id),
    ADD CONSTRAINT cdrs_of_something CHECK (session_id IS NOT NULL OR reservation_id IS NOT NULL);
CREATE UNIQUE INDEX cdrs_one_per_no_show ON cdrs (reservation_id) WHERE session_id IS NULL;

-- +goose Down
ALTER TABLE cdrs DISABLE TRIGGER cdrs_immutable;
DELETE FROM cdrs WHERE session_id IS NULL;
ALTER TABLE cdrs ENABLE TRIGGER cdrs_immutable;
DROP INDEX cdrs_one_per_no_show;
ALTER TABLE cdrs
    DROP CONSTRAINT cdrs_of_something, DROP CONSTRAINT cdrs_reservation, DROP COLUMN reservation_id, ALTER COLUMN session_id SET NOT NULL;

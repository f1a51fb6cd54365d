-- Indexes that cost each claim and each status a write and that another one stands in for: a driver's open claims are found by
-- reservations_places, which begins with the driver and holds the same claims, and an EVSE's own plot among those of its station.

-- +goose Up
DROP INDEX reservations_open_idx;
DROP INDEX plots_made_for_idx;

-- +goose Down
CREATE INDEX plots_made_for_idx ON plots (made_for);
CREATE INDEX reservations_open_idx ON reservations (driver_id) WHERE state IN ('PENDING', 'RESERVED');

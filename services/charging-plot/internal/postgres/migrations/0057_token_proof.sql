-- A card is its driver's when the driver has shown it. Those that were registered before this are taken for shown.

-- +goose Up
ALTER TABLE tokens ADD COLUMN unproven boolean NOT NULL DEFAULT false;

-- +goose Down
DELETE FROM tokens WHERE unproven;
ALTER TABLE tokens DROP COLUMN unproven;

-- What the operator says of the bay itself (OCPI Parking and EVSEParking). It is the operator's word and outlives the catalogue.

-- +goose Up
ALTER TABLE plots ADD COLUMN parking jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT plots_parking CHECK (jsonb_typeof(parking) = 'object');

-- +goose Down
ALTER TABLE plots DROP COLUMN parking;

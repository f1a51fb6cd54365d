-- How long before their reservation drivers may begin at an operator's plots.

-- +goose Up
ALTER TABLE reservation_terms ADD COLUMN early_start_min integer; -- NULL: the service's word holds

-- +goose Down
ALTER TABLE reservation_terms DROP COLUMN early_start_min;

-- Whether an operator has stations here: anybody may ask for its terms.

-- +goose Up
CREATE INDEX stations_operator_idx ON stations (operator_id);

-- +goose Down
DROP INDEX stations_operator_idx;

-- Only the charge points that are still to be asked: it is looked for them every second.

-- +goose Up
DROP INDEX charge_points_survey_idx;
CREATE INDEX charge_points_survey_idx ON charge_points (surveyed_at NULLS FIRST)
    WHERE connected_to <> '' AND (surveyed_at IS NULL OR reserves IS NULL);

-- +goose Down
DROP INDEX charge_points_survey_idx;
CREATE INDEX charge_points_survey_idx ON charge_points (surveyed_at NULLS FIRST) WHERE connected_to <> '';

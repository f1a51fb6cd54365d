-- +goose Up

-- Which formats there are is told by the program that reads them.
ALTER TABLE imports DROP CONSTRAINT imports_format_check;
ALTER TABLE imports ADD CONSTRAINT imports_format_shape_check CHECK (format ~ '^[a-z][a-z0-9_]{0,30}$');

-- +goose Down
ALTER TABLE imports DROP CONSTRAINT imports_format_shape_check;
ALTER TABLE imports ADD CONSTRAINT imports_format_check CHECK (format IN ('irve', 'ndjson')) NOT VALID;

-- +goose Up

-- How the person proved who they are at auth_time, in the words of RFC 8176: pwd, otp, hwk, swk, mfa.
ALTER TABLE sessions ADD COLUMN amr text[] NOT NULL DEFAULT '{pwd}';

-- +goose Down
ALTER TABLE sessions DROP COLUMN amr;

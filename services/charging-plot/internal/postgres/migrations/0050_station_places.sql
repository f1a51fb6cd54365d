-- Where stations are and whose they are in OCPI's words: what the bills that partners get say of the place. The station feed is followed
-- anew from its beginning, so that stations which are known already get theirs.

-- +goose Up
ALTER TABLE stations
    ADD COLUMN country_code text             NOT NULL DEFAULT '', -- of the operator
    ADD COLUMN party_id     text             NOT NULL DEFAULT '',
    ADD COLUMN street       text             NOT NULL DEFAULT '',
    ADD COLUMN city         text             NOT NULL DEFAULT '',
    ADD COLUMN postal_code  text             NOT NULL DEFAULT '',
    ADD COLUMN state        text             NOT NULL DEFAULT '',
    ADD COLUMN country      text             NOT NULL DEFAULT '',
    ADD COLUMN latitude     double precision NOT NULL DEFAULT 0,
    ADD COLUMN longitude    double precision NOT NULL DEFAULT 0;
DELETE FROM feed_cursors WHERE feed = 'stations';

-- +goose Down
ALTER TABLE stations
    DROP COLUMN longitude, DROP COLUMN latitude, DROP COLUMN country, DROP COLUMN state, DROP COLUMN postal_code, DROP COLUMN city,
    DROP COLUMN street, DROP COLUMN party_id, DROP COLUMN country_code;

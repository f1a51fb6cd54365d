-- +goose Up

-- What drivers say of stations: at most one review of a person and a station. Reviews of a station that is removed stay, and are shown
-- again when it comes back.
CREATE TABLE reviews (
    id            uuid        NOT NULL, -- UUIDv7: newer ones are greater
    station_id    uuid        NOT NULL,
    author        uuid        NOT NULL, -- the account at auth
    rating        smallint,
    outcome       text        NOT NULL DEFAULT '',
    comment       text        NOT NULL DEFAULT '',
    connector     text        NOT NULL DEFAULT '',
    vehicle       text        NOT NULL DEFAULT '',
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    -- A hidden one is shown to its author and to moderators alone, and rates nothing.
    hidden_at     timestamptz,
    hidden_by     uuid,
    hidden_reason text        NOT NULL DEFAULT '',
    CONSTRAINT reviews_pkey PRIMARY KEY (id),
    CONSTRAINT reviews_author_key UNIQUE (station_id, author),
    CONSTRAINT reviews_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT reviews_rating_check CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT reviews_outcome_check CHECK (outcome IN ('', 'charged', 'not_operational', 'not_installed', 'equipment_problem',
        'not_compatible', 'card_required', 'no_equipment', 'in_use', 'blocked', 'closed', 'not_found', 'confirmed', 'decommissioned')),
    CONSTRAINT reviews_says_check CHECK (rating IS NOT NULL OR outcome <> ''),
    CONSTRAINT reviews_comment_check CHECK (length(comment) <= 2000)
);
CREATE INDEX reviews_listed_idx ON reviews (station_id, id);
CREATE INDEX reviews_author_idx ON reviews (author);
CREATE INDEX reviews_hidden_by_idx ON reviews (hidden_by) WHERE hidden_by IS NOT NULL;

-- The ratings of each station that ever had a review, added up. The average is rounded to hundredths, half up: what is shown, what
-- searches ask for and what they sort by is this number.
--
-- A row is also its own entry of a change log, as in evse_status: whoever has read up to a place (xid, seq) reads on from there, once no
-- transaction below it can still commit. So it stays when the last review goes.
CREATE SEQUENCE station_ratings_seq AS bigint;
CREATE TABLE station_ratings (
    station_id uuid             NOT NULL,
    total      bigint           NOT NULL DEFAULT 0,
    count      bigint           NOT NULL DEFAULT 0,
    average    double precision GENERATED ALWAYS AS
        (CASE WHEN count > 0 THEN ((200 * total + count) / (2 * count))::double precision / 100 END) STORED,
    xid        xid8             NOT NULL DEFAULT pg_current_xact_id(),
    seq        bigint           NOT NULL DEFAULT nextval('station_ratings_seq'),
    CONSTRAINT station_ratings_pkey PRIMARY KEY (station_id),
    CONSTRAINT station_ratings_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id),
    CONSTRAINT station_ratings_total_check CHECK (count >= 0 AND total BETWEEN count AND 5 * count)
);
CREATE INDEX station_ratings_log_idx ON station_ratings (xid, seq);

-- Whatever changes reviews adds up the ratings of their stations anew. It locks their rows first, in the order of ids, so that of two who
-- change reviews of a station the later one adds up what both have written.
-- +goose StatementBegin
CREATE FUNCTION rate_stations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
    changed bigint;
BEGIN
    CASE TG_OP
        WHEN 'INSERT' THEN touched := ARRAY(SELECT DISTINCT station_id FROM entered);
        WHEN 'DELETE' THEN touched := ARRAY(SELECT DISTINCT station_id FROM gone);
        ELSE touched := ARRAY(SELECT station_id FROM entered UNION SELECT station_id FROM gone);
    END CASE;
    INSERT INTO station_ratings (station_id)
    SELECT id FROM unnest(touched) AS id ORDER BY id
    ON CONFLICT ON CONSTRAINT station_ratings_pkey DO NOTHING;
    PERFORM FROM station_ratings WHERE station_id = ANY (touched) ORDER BY station_id FOR UPDATE;
    UPDATE station_ratings r
    SET total = said.total, count = said.count, xid = pg_current_xact_id(), seq = nextval('station_ratings_seq')
    FROM (SELECT t.station_id, coalesce(sum(v.rating), 0) AS total, count(v.rating) AS count
          FROM unnest(touched) AS t (station_id) LEFT JOIN reviews v ON v.station_id = t.station_id AND v.hidden_at IS NULL
          GROUP BY t.station_id) AS said
    WHERE r.station_id = said.station_id AND (r.total, r.count) <> (said.total, said.count);
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
        PERFORM pg_notify('station_ratings', '');
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER reviews_new_rate AFTER INSERT ON reviews REFERENCING NEW TABLE AS entered EXECUTE FUNCTION rate_stations();
CREATE TRIGGER reviews_changed_rate AFTER UPDATE ON reviews REFERENCING OLD TABLE AS gone NEW TABLE AS entered EXECUTE FUNCTION rate_stations();
CREATE TRIGGER reviews_gone_rate AFTER DELETE ON reviews REFERENCING OLD TABLE AS gone EXECUTE FUNCTION rate_stations();

-- +goose Down
DROP TABLE reviews;
DROP FUNCTION rate_stations();
DROP TABLE station_ratings;
DROP SEQUENCE station_ratings_seq;

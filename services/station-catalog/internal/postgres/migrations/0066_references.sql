-- +goose Up

-- A foreign key is checked row by row, and each check locks the row that is referred to: a third of what a new station costs the
-- database. Stations and EVSEs are never removed and keep their ids (what is removed stays as a tombstone). That is enforced here, so
-- that it is enough to see once for each statement that they are there, and nothing has to be locked.
-- +goose StatementBegin
CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never removed and keep their ids, since others refer to them', TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER stations_stay BEFORE DELETE OR UPDATE OF id OR TRUNCATE ON stations EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER evses_stay BEFORE DELETE OR UPDATE OF id OR TRUNCATE ON evses EXECUTE FUNCTION refuse_removal();

-- Each id is looked up by the primary key, however small the table was when the session planned it.
-- +goose StatementBegin
CREATE FUNCTION check_references() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    missing boolean;
BEGIN
    IF TG_TABLE_NAME = 'evses' THEN
        missing := EXISTS (SELECT FROM told t WHERE (SELECT true FROM stations s WHERE s.id = t.station_id) IS NULL);
    ELSE
        missing := EXISTS (SELECT FROM told t WHERE (SELECT true FROM evses e WHERE e.id = t.evse_id) IS NULL);
    END IF;
    IF missing THEN
        RAISE EXCEPTION 'rows of % refer to what is not there', TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER evses_new_refer AFTER INSERT ON evses REFERENCING NEW TABLE AS told
    EXECUTE FUNCTION check_references('evses_station_fkey');
CREATE TRIGGER evses_changed_refer AFTER UPDATE ON evses REFERENCING NEW TABLE AS told
    EXECUTE FUNCTION check_references('evses_station_fkey');
CREATE TRIGGER connectors_new_refer AFTER INSERT ON connectors REFERENCING NEW TABLE AS told
    EXECUTE FUNCTION check_references('connectors_evse_fkey');
CREATE TRIGGER connectors_changed_refer AFTER UPDATE ON connectors REFERENCING NEW TABLE AS told
    EXECUTE FUNCTION check_references('connectors_evse_fkey');
ALTER TABLE evses DROP CONSTRAINT evses_station_fkey;
ALTER TABLE connectors DROP CONSTRAINT connectors_evse_fkey;

-- +goose Down
ALTER TABLE connectors ADD CONSTRAINT connectors_evse_fkey FOREIGN KEY (evse_id) REFERENCES evses (id) ON DELETE CASCADE;
ALTER TABLE evses ADD CONSTRAINT evses_station_fkey FOREIGN KEY (station_id) REFERENCES stations (id);
DROP TRIGGER connectors_changed_refer ON connectors;
DROP TRIGGER connectors_new_refer ON connectors;
DROP TRIGGER evses_changed_refer ON evses;
DROP TRIGGER evses_new_refer ON evses;
DROP FUNCTION check_references();
DROP TRIGGER evses_stay ON evses;
DROP TRIGGER stations_stay ON stations;
DROP FUNCTION refuse_removal();

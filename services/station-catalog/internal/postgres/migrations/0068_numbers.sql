-- +goose NO TRANSACTION
-- +goose Up

-- Open Charge Map knows sites and companies by whole numbers. A station's is given once and stays with it, on every replica the same.
--
-- A column with a default that differs by row would rewrite the table behind a lock that nobody gets past. So stations get the column
-- empty and the default for new rows at once; those that are there are numbered in short transactions, passing over what others have
-- locked, and the index is built beside the work. Each step may be repeated, where this was broken off.
CREATE SEQUENCE IF NOT EXISTS stations_number_seq;
ALTER TABLE stations ADD COLUMN IF NOT EXISTS number bigint;
ALTER TABLE stations ALTER COLUMN number SET DEFAULT nextval('stations_number_seq');
ALTER SEQUENCE stations_number_seq OWNED BY stations.number;
-- +goose StatementBegin
DO $$
DECLARE
    last    uuid;
    through uuid;
BEGIN
    WHILE EXISTS (SELECT FROM stations WHERE number IS NULL) LOOP
        last := '00000000-0000-0000-0000-000000000000';
        LOOP
            SELECT id INTO through FROM (SELECT id FROM stations WHERE id > last ORDER BY id LIMIT 2000) AS next ORDER BY id DESC LIMIT 1;
            EXIT WHEN through IS NULL;
            WITH free AS (
                SELECT id FROM stations WHERE id > last AND id <= through AND number IS NULL ORDER BY id FOR UPDATE SKIP LOCKED)
            UPDATE stations s SET number = nextval('stations_number_seq') FROM free WHERE s.id = free.id;
            COMMIT;
            last := through;
        END LOOP;
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;
-- +goose StatementEnd
-- The index waits for transactions that are older, such as an export, but nobody waits for it.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS stations_number_key;
CREATE UNIQUE INDEX CONCURRENTLY stations_number_key ON stations (number);
SET lock_timeout = '3s';
-- NOT NULL is believed of a column that a constraint has been found to hold for: the table is not read behind the lock.
ALTER TABLE stations DROP CONSTRAINT IF EXISTS stations_number_check;
ALTER TABLE stations ADD CONSTRAINT stations_number_check CHECK (number IS NOT NULL) NOT VALID;
ALTER TABLE stations VALIDATE CONSTRAINT stations_number_check;
ALTER TABLE stations ALTER COLUMN number SET NOT NULL;
ALTER TABLE stations DROP CONSTRAINT stations_number_check;

-- Operators are few.
CREATE SEQUENCE IF NOT EXISTS operators_number_seq;
ALTER TABLE operators ADD COLUMN IF NOT EXISTS number bigint NOT NULL DEFAULT nextval('operators_number_seq');
ALTER SEQUENCE operators_number_seq OWNED BY operators.number;
CREATE UNIQUE INDEX IF NOT EXISTS operators_number_key ON operators (number);

-- +goose Down
ALTER TABLE operators DROP COLUMN IF EXISTS number;
ALTER TABLE stations DROP COLUMN IF EXISTS number;

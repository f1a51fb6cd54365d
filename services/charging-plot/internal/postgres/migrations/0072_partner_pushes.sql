-- What partners are still to be told of their contracts' charges and bills, and what they answered last. A trigger puts it there in the
-- transaction that makes it true; of a charge that changes often the latest alone is told.

-- +goose Up
CREATE TABLE partner_pushes (
    partner_id   uuid        NOT NULL,
    kind         text        NOT NULL CONSTRAINT partner_pushes_kind CHECK (kind IN ('SESSION', 'CDR')),
    object_id    uuid        NOT NULL, -- of the session or the CDR
    session_id   uuid,                 -- whose it is; null for a reservation's CDR
    revision     bigint      NOT NULL, -- counts the changes
    sent         bigint      NOT NULL DEFAULT 0, -- the revision that the partner took last
    due_at       timestamptz,          -- null: nothing to tell
    leased_until timestamptz NOT NULL DEFAULT '-infinity', -- a replica is telling it until then
    tries        integer     NOT NULL DEFAULT 0, -- in vain, since it was last taken
    answer       text        NOT NULL DEFAULT '', -- what came of the last try
    changed_at   timestamptz NOT NULL,
    CONSTRAINT partner_pushes_pkey PRIMARY KEY (partner_id, kind, object_id),
    CONSTRAINT partner_pushes_partner FOREIGN KEY (partner_id) REFERENCES partners (id) ON DELETE CASCADE
);
CREATE INDEX partner_pushes_due_idx ON partner_pushes (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX partner_pushes_session_idx ON partner_pushes (session_id, partner_id) WHERE due_at IS NOT NULL;
CREATE INDEX partner_pushes_done_idx ON partner_pushes (changed_at) WHERE due_at IS NULL;

-- +goose StatementBegin
CREATE FUNCTION push_to_partner(what text, object uuid, of_session uuid, country text, party text, at timestamptz, due timestamptz)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO partner_pushes AS p (partner_id, kind, object_id, session_id, revision, due_at, changed_at)
    SELECT partners.id, what, object, of_session, 1, due, at
    FROM partner_parties JOIN partners ON partners.id = partner_parties.partner_id
    WHERE partner_parties.country_code = country AND partner_parties.party_id = party
      AND partners.endpoints @> jsonb_build_array(jsonb_build_object('identifier', lower(what) || 's', 'role', 'RECEIVER'))
    ON CONFLICT ON CONSTRAINT partner_pushes_pkey DO UPDATE SET
        revision = p.revision + 1, changed_at = excluded.changed_at,
        due_at = CASE WHEN p.tries > 0 AND p.due_at IS NOT NULL THEN p.due_at ELSE least(p.due_at, excluded.due_at) END
$$;
CREATE FUNCTION push_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- What a charge has come to so far can wait a little; where it stands cannot.
    PERFORM push_to_partner('SESSION', NEW.id, NEW.id, NEW.token ->> 'country_code', NEW.token ->> 'party_id', NEW.updated_at,
        CASE WHEN TG_OP = 'UPDATE' AND NEW.state = OLD.state AND NEW.ended_at IS NOT DISTINCT FROM OLD.ended_at
             THEN NEW.updated_at + interval '15 seconds' ELSE NEW.updated_at END);
    RETURN NULL;
END $$;
CREATE FUNCTION push_cdr() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM push_to_partner('CDR', NEW.id, NEW.session_id, NEW.document #>> '{token,country_code}', NEW.document #>> '{token,party_id}',
        NEW.created_at, NEW.created_at);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER sessions_push AFTER INSERT OR UPDATE OF updated_at ON sessions
    FOR EACH ROW WHEN (NEW.token ->> 'party_id' <> '') EXECUTE FUNCTION push_session();
CREATE TRIGGER cdrs_push AFTER INSERT ON cdrs
    FOR EACH ROW WHEN (NEW.document #>> '{token,party_id}' <> '') EXECUTE FUNCTION push_cdr();

-- +goose Down
DROP TRIGGER cdrs_push ON cdrs;
DROP TRIGGER sessions_push ON sessions;
DROP FUNCTION push_cdr;
DROP FUNCTION push_session;
DROP FUNCTION push_to_partner;
DROP TABLE partner_pushes;

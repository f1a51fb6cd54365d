-- +goose Up

-- What the owner recognises a login by: the kind of program and system, and the network cut to what names a region.
ALTER TABLE sessions ADD COLUMN agent text NOT NULL DEFAULT '', ADD COLUMN area text NOT NULL DEFAULT '';

-- What a mail is about besides an account: a session, an address, an invitation.
ALTER TABLE outbox ADD COLUMN subject_id uuid NULL;

-- +goose Down
ALTER TABLE outbox DROP COLUMN subject_id;
ALTER TABLE sessions DROP COLUMN agent, DROP COLUMN area;

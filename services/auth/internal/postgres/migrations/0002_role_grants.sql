-- +goose Up

CREATE TABLE role_grants (
    id          bigint      GENERATED ALWAYS AS IDENTITY, -- the order of granting: a token speaks for the operator of the first
    account_id  uuid        NOT NULL,
    role        text        NOT NULL,
    operator_id uuid        NULL, -- station-catalog's id; no foreign key reaches there
    granted_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT role_grants_pkey PRIMARY KEY (id),
    CONSTRAINT role_grants_account_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE,
    CONSTRAINT role_grants_role_known CHECK (role IN ('driver', 'operator', 'operator_admin', 'moderator', 'admin')),
    CONSTRAINT role_grants_within_operator CHECK ((role IN ('operator', 'operator_admin')) = (operator_id IS NOT NULL))
);

CREATE UNIQUE INDEX role_grants_once
    ON role_grants (account_id, role, COALESCE(operator_id, '00000000-0000-0000-0000-000000000000'));

-- +goose Down
DROP TABLE role_grants;

-- What charge points were told to do and what came of it, their settings and their charging profiles.

-- +goose Up
CREATE TABLE charge_point_commands (
    id              uuid        NOT NULL,
    charge_point_id uuid        NOT NULL,
    kind            text        NOT NULL,
    request_id      integer     NOT NULL, -- under which the charge point reports what comes of it later
    arguments       jsonb       NOT NULL, -- without tags and secrets
    asked_by        uuid,                 -- NULL: the service itself
    created_at      timestamptz NOT NULL,
    answered_at     timestamptz,
    outcome         jsonb,                -- the answer, without secrets
    status          text        NOT NULL DEFAULT '', -- the answer's word, empty before it
    fault           text        NOT NULL DEFAULT '', -- why there is no answer
    progress        text        NOT NULL DEFAULT '', -- OCPP's word for how far it is
    progress_at     timestamptz,
    CONSTRAINT charge_point_commands_pkey PRIMARY KEY (charge_point_id, id),
    CONSTRAINT charge_point_commands_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id)
);
CREATE INDEX charge_point_commands_created_idx ON charge_point_commands (created_at);

CREATE TABLE charge_point_variables (
    charge_point_id    uuid        NOT NULL,
    component          text        NOT NULL,
    component_instance text        NOT NULL,
    evse               integer     NOT NULL,
    connector          integer     NOT NULL,
    name               text        NOT NULL,
    instance           text        NOT NULL,
    attribute          text        NOT NULL,
    value              text        NOT NULL,
    read_only          boolean     NOT NULL,
    reported_at        timestamptz NOT NULL,
    CONSTRAINT charge_point_variables_pkey
        PRIMARY KEY (charge_point_id, component, component_instance, evse, connector, name, instance, attribute),
    CONSTRAINT charge_point_variables_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id)
);

CREATE TABLE charge_point_profiles (
    charge_point_id uuid        NOT NULL,
    id              integer     NOT NULL,
    profile         jsonb       NOT NULL,
    reported_at     timestamptz NOT NULL,
    CONSTRAINT charge_point_profiles_pkey PRIMARY KEY (charge_point_id, id),
    CONSTRAINT charge_point_profiles_charge_point FOREIGN KEY (charge_point_id) REFERENCES charge_points (id)
);

-- +goose Down
DROP TABLE charge_point_profiles;
DROP TABLE charge_point_variables;
DROP TABLE charge_point_commands;

-- What charge points and the service say to each other. Partitions of a day each are made ahead and dropped when nobody keeps them any
-- longer; what comes when there is none for it goes to the default one.

-- +goose Up
CREATE TABLE charge_point_messages (
    charge_point_id uuid        NOT NULL,
    id              uuid        NOT NULL,
    at              timestamptz NOT NULL,
    direction       text        NOT NULL,
    kind            text        NOT NULL,
    message_id      text        NOT NULL,
    action          text        NOT NULL,
    payload         text        NOT NULL,
    error_code      text        NOT NULL,
    CONSTRAINT charge_point_messages_pkey PRIMARY KEY (charge_point_id, id, at)
) PARTITION BY RANGE (at);
CREATE TABLE charge_point_messages_default PARTITION OF charge_point_messages DEFAULT;

-- +goose Down
DROP TABLE charge_point_messages;

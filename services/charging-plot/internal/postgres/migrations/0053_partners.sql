-- Partners that speak OCPI: who they are, how we reach them, and what they have reserved under names of their own.

-- +goose Up
CREATE TABLE partners (
    id            uuid        NOT NULL, -- the id of their API key at auth, which stays when the key's secret changes
    url           text        NOT NULL, -- of their versions
    secret        bytea       NOT NULL, -- their token, sealed
    roles         jsonb       NOT NULL,
    endpoints     jsonb       NOT NULL,
    registered_at timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT partners_pkey PRIMARY KEY (id)
);
-- A party is one partner's alone: two that claimed it would see each other's charges.
CREATE TABLE partner_parties (
    country_code text NOT NULL,
    party_id     text NOT NULL,
    partner_id   uuid NOT NULL,
    CONSTRAINT partner_parties_pkey PRIMARY KEY (country_code, party_id),
    CONSTRAINT partner_parties_partner FOREIGN KEY (partner_id) REFERENCES partners (id) ON DELETE CASCADE
);
CREATE INDEX partner_parties_partner_idx ON partner_parties (partner_id);
CREATE TABLE partner_reservations (
    country_code   text NOT NULL,
    party_id       text NOT NULL,
    name           text NOT NULL, -- the partner's id of it
    reservation_id uuid NOT NULL,
    CONSTRAINT partner_reservations_pkey PRIMARY KEY (country_code, party_id, name),
    CONSTRAINT partner_reservations_reservation FOREIGN KEY (reservation_id) REFERENCES reservations (id)
);

-- +goose Down
DROP TABLE partner_reservations;
DROP TABLE partner_parties;
DROP TABLE partners;

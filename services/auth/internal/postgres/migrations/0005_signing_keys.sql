-- +goose Up

CREATE TABLE signing_keys (
    kid          text        NOT NULL,
    algorithm    text        NOT NULL,
    state        text        NOT NULL,
    public_key   bytea       NOT NULL, -- PKIX DER
    private_key  bytea       NULL,     -- PKCS#8 DER, AES-256-GCM; null once the key signs no more and has been wiped
    sealed_by    text        NOT NULL, -- which key-encryption key
    created_at   timestamptz NOT NULL,
    activated_at timestamptz NULL,
    retired_at   timestamptz NULL,
    gone_at      timestamptz NULL,
    CONSTRAINT signing_keys_pkey PRIMARY KEY (kid),
    CONSTRAINT signing_keys_state_known CHECK (state IN ('pending', 'active', 'retiring', 'gone')),
    CONSTRAINT signing_keys_wiped CHECK ((state = 'gone') = (private_key IS NULL))
);

-- At any time one key signs and at most one waits to follow it.
CREATE UNIQUE INDEX signing_keys_one_active ON signing_keys (state) WHERE state = 'active';
CREATE UNIQUE INDEX signing_keys_one_pending ON signing_keys (state) WHERE state = 'pending';

-- +goose Down
DROP TABLE signing_keys;

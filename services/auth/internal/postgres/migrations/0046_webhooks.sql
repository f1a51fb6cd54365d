-- +goose Up

create table webhook_endpoints (
    id              uuid        not null constraint webhook_endpoints_pkey primary key,
    owner_id        uuid        not null,
    operator_id     uuid,
    url             text        not null,
    description     text        not null,
    types           text[]      not null,
    filter          jsonb       not null,
    secret          bytea       not null,
    previous_secret bytea,
    previous_until  timestamptz,
    disabled        text        not null default '' constraint webhook_endpoints_disabled_check check (disabled in ('', 'owner', 'failing', 'gone')),
    failures        integer     not null default 0,
    failing_since   timestamptz,
    paused_until    timestamptz not null default '-infinity',
    delivered_at    timestamptz,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    version         bigint      not null,
    constraint webhook_endpoints_previous_check check ((previous_secret is null) = (previous_until is null))
);
create unique index webhook_endpoints_url_key on webhook_endpoints (owner_id, url);
create index webhook_endpoints_operator_idx on webhook_endpoints (operator_id, id);
create table webhook_deliveries (
    id          uuid        not null constraint webhook_deliveries_pkey primary key,
    seq         bigint      not null generated always as identity,
    endpoint_id uuid        not null constraint webhook_deliveries_endpoint references webhook_endpoints (id) on delete cascade,
    key         text        not null,
    type        text        not null,
    body        bytea       not null,
    state       text        not null constraint webhook_deliveries_state_check check (state in ('PENDING', 'DELIVERED', 'FAILED')),
    attempts    integer     not null default 0,
    tries       integer     not null default 0,
    due_at      timestamptz not null,
    lease       uuid,
    created_at  timestamptz not null,
    finished_at timestamptz,
    constraint webhook_deliveries_finished_check check ((state = 'PENDING') = (finished_at is null))
);
create index webhook_deliveries_due_idx on webhook_deliveries (endpoint_id, due_at) where state = 'PENDING';
create index webhook_deliveries_order_idx on webhook_deliveries (endpoint_id, key, seq) where state = 'PENDING';
create index webhook_deliveries_log_idx on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_finished_idx on webhook_deliveries (finished_at) where state <> 'PENDING';
create table webhook_attempts (
    delivery_id uuid        not null constraint webhook_attempts_delivery references webhook_deliveries (id) on delete cascade,
    number      integer     not null,
    at          timestamptz not null,
    duration_ms integer     not null,
    status      integer,
    reason      text        not null,
    constraint webhook_attempts_pkey primary key (delivery_id, number)
);
-- One row: the last event that every webhook has been given.
create table webhook_dispatch (
    single boolean not null default true constraint webhook_dispatch_single_check check (single),
    xid    xid8    not null,
    seq    bigint  not null,
    constraint webhook_dispatch_pkey primary key (single)
);
insert into webhook_dispatch (xid, seq) values (pg_current_xact_id(), 0);

-- +goose Down
DROP TABLE webhook_dispatch;
DROP TABLE webhook_attempts, webhook_deliveries, webhook_endpoints;

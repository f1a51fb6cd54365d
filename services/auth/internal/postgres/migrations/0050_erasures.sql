-- +goose Up

-- Whom other services are to forget (libs/feed). A row is written in the transaction that erases the account, and stays.
create table erasures (
    xid        xid8        not null default pg_current_xact_id(),
    seq        bigint      not null generated always as identity,
    entity_id  uuid        not null,
    op         text        not null constraint erasures_op_check check (op in ('upsert', 'delete')),
    version    bigint      not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint erasures_pkey primary key (xid, seq)
);
create table erasures_log (
    single boolean not null default true constraint erasures_log_single_check check (single),
    epoch  uuid    not null default gen_random_uuid(),
    constraint erasures_log_pkey primary key (single)
);
insert into erasures_log default values;

-- Those who were erased before there was a feed.
INSERT INTO erasures (entity_id, op, version, changed_at)
SELECT account_id, 'delete', 1, at FROM audit_events WHERE kind = 'account.erased' ORDER BY at, id;

-- +goose Down
DROP TABLE erasures, erasures_log;

-- +goose Up

-- What the feed of stations serves: see package feed, whose tables these are.
create table station_changes (
    xid        xid8        not null default pg_current_xact_id(),
    seq        bigint      not null generated always as identity,
    entity_id  uuid        not null,
    op         text        not null constraint station_changes_op_check check (op in ('upsert', 'delete')),
    version    bigint      not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint station_changes_pkey primary key (xid, seq)
);
create table station_changes_log (
    single boolean not null default true constraint station_changes_log_single_check check (single),
    epoch  uuid    not null default gen_random_uuid(),
    constraint station_changes_log_pkey primary key (single)
);
insert into station_changes_log default values;

-- How far the feeds of others have been followed.
create table feed_cursors (
    feed       text        not null constraint feed_cursors_pkey primary key,
    cursor     text        not null,
    updated_at timestamptz not null default now()
);

-- +goose Down
DROP TABLE feed_cursors;
DROP TABLE station_changes, station_changes_log;

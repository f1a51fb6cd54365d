-- The plots' change feed, and how far this service has followed others' (libs/feed).

-- +goose Up
create table plot_changes (
    xid        xid8        not null default pg_current_xact_id(),
    seq        bigint      not null generated always as identity,
    entity_id  uuid        not null,
    op         text        not null constraint plot_changes_op_check check (op in ('upsert', 'delete')),
    version    bigint      not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint plot_changes_pkey primary key (xid, seq)
);
create table plot_changes_log (
    single boolean not null default true constraint plot_changes_log_single_check check (single),
    epoch  uuid    not null default gen_random_uuid(),
    constraint plot_changes_log_pkey primary key (single)
);
insert into plot_changes_log default values;
create table feed_cursors (
    feed       text        not null constraint feed_cursors_pkey primary key,
    cursor     text        not null,
    updated_at timestamptz not null default now()
);

-- +goose Down
DROP TABLE feed_cursors;
DROP TABLE plot_changes, plot_changes_log;

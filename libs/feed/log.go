package feed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// Change is one row of a log.
type Change struct {
	ID      uuid.UUID
	Op      Op
	Version int64
}

// schema is the form of a log; TABLE stands for its name.
const schema = `create table TABLE (
    xid        xid8        not null default pg_current_xact_id(),
    seq        bigint      not null generated always as identity,
    entity_id  uuid        not null,
    op         text        not null constraint TABLE_op_check check (op in ('upsert', 'delete')),
    version    bigint      not null,
    changed_at timestamptz not null default clock_timestamp(),
    constraint TABLE_pkey primary key (xid, seq)
);
create table TABLE_log (
    single boolean not null default true constraint TABLE_log_single_check check (single),
    epoch  uuid    not null default gen_random_uuid(),
    constraint TABLE_log_pkey primary key (single)
);
insert into TABLE_log default values;
`

// Schema is the DDL of a log, to be copied into a migration; a test of the service says that it was.
// The second table tells one log from another of the same name, such as that of a database made
// anew. Take both away with drop table TABLE, TABLE_log.
func Schema(table string) string { return strings.ReplaceAll(schema, "TABLE", table) }

// CursorSchema is the DDL of the places that this service's followers have reached, to be copied
// into a migration.
const CursorSchema = `create table feed_cursors (
    feed       text        not null constraint feed_cursors_pkey primary key,
    cursor     text        not null,
    updated_at timestamptz not null default now()
);
`

// appendAtOnce bounds the parameters of one statement.
const appendAtOnce = 5000

// Append records changes, in this order, in the transaction that makes them, and wakes the readers
// when it commits. Without changes it does nothing.
func Append(ctx context.Context, tx sqlx.ExtContext, table string, changes ...Change) error {
	query := `with added as (
    insert into ` + pq.QuoteIdentifier(table) + ` (entity_id, op, version)
    select * from unnest($1::uuid[], $2::text[], $3::bigint[])
)
select pg_notify($4, '')`
	for len(changes) > 0 {
		n := min(len(changes), appendAtOnce)
		ids, ops, versions := make([]string, n), make([]string, n), make([]int64, n)
		for i, c := range changes[:n] {
			ids[i], ops[i], versions[i] = c.ID.String(), string(c.Op), c.Version
		}
		if _, err := tx.ExecContext(ctx, query, pq.Array(ids), pq.Array(ops), pq.Array(versions), table); err != nil {
			return fmt.Errorf("append to %s: %w", table, err)
		}
		changes = changes[n:]
	}
	return nil
}

// adopt makes a log readable whose rows come from another server: after a restore from a dump their
// xids may be of the future here, and such rows would stay hidden until this server's own have
// caught up. They are renumbered in their order, under a new epoch, since cursors no longer fit.
func adopt(ctx context.Context, db *postgres.DB, table string) (renumbered bool, err error) {
	quoted, quotedLog := pq.QuoteIdentifier(table), pq.QuoteIdentifier(table+"_log")
	err = db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		renumbered = false
		// Replicas that start together take turns; the second one finds nothing to do.
		if _, err := tx.ExecContext(ctx, `select from `+quotedLog+` for update`); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &renumbered, `select exists (select from `+quoted+`
where xid > pg_snapshot_xmax(pg_current_snapshot()))`); err != nil || !renumbered {
			return err
		}
		if _, err := tx.ExecContext(ctx, `lock table `+quoted+` in exclusive mode`); err != nil {
			return err
		}
		// One xid for all, and a seq in the old order: the highest old seq is passed first, so that
		// what is appended later comes after.
		if _, err := tx.ExecContext(ctx, `create temporary table renumbered on commit drop as
select entity_id, op, version, changed_at from `+quoted+` order by xid, seq`); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from `+quoted); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into `+quoted+` (entity_id, op, version, changed_at)
select entity_id, op, version, changed_at from renumbered`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `update `+quotedLog+` set epoch = gen_random_uuid()`)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("adopt %s: %w", table, err)
	}
	return renumbered, nil
}

// compactAtOnce bounds the rows that one transaction of Compact removes.
const compactAtOnce = 5000

// compact removes rows that a later row of the same entity makes needless, and those of deletions
// longer ago than retention, unless keep says that the entity is there after all. It returns how
// many rows went.
func compact(ctx context.Context, db *postgres.DB, table string, retention time.Duration,
	present func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error),
) (removed int64, err error) {
	quoted := pq.QuoteIdentifier(table)
	type row struct {
		XID    string    `db:"xid"`
		Seq    int64     `db:"seq"`
		Entity uuid.UUID `db:"entity_id"`
		Last   bool      `db:"last"`
	}
	after := row{XID: "0"}
	for {
		var rows []row
		err := db.SelectContext(ctx, &rows, `select xid::text, seq, entity_id, last from (
    select xid, seq, entity_id, op, changed_at, row_number() over (partition by entity_id order by xid desc, seq desc) = 1 as last
    from `+quoted+` where xid < pg_snapshot_xmin(pg_current_snapshot())
) numbered
where (not last or (op = 'delete' and changed_at < clock_timestamp() - make_interval(secs => $1))) and (xid, seq) > ($2::text::xid8, $3)
order by numbered.xid, seq limit $4`, retention.Seconds(), after.XID, after.Seq, compactAtOnce)
		if err != nil {
			return removed, postgres.Map(err, nil)
		}
		if len(rows) == 0 {
			return removed, nil
		}
		after = rows[len(rows)-1]
		var tombs []uuid.UUID
		for _, r := range rows {
			if r.Last {
				tombs = append(tombs, r.Entity)
			}
		}
		there := map[uuid.UUID]bool{}
		if len(tombs) > 0 {
			if there, err = present(ctx, tombs); err != nil {
				return removed, err
			}
		}
		var xids []string
		var seqs []int64
		for _, r := range rows {
			if !r.Last || !there[r.Entity] {
				xids, seqs = append(xids, r.XID), append(seqs, r.Seq)
			}
		}
		result, err := db.ExecContext(ctx, `delete from `+quoted+` c using unnest($1::text[], $2::bigint[]) as gone (xid, seq)
where c.xid = gone.xid::xid8 and c.seq = gone.seq`, pq.Array(xids), pq.Array(seqs))
		if err != nil {
			return removed, postgres.Map(err, nil)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return removed, err
		}
		removed += n
	}
}

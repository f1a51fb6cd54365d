package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

const (
	partitionsAhead = 4 // weeks
	day             = 24 * time.Hour
	week            = 7 * day
)

// weekly is a table in partitions of a week each, named after the Monday on which it begins, and one for the rest.
type weekly struct {
	table, column string
	lock          int // an advisory lock: one replica at a time
}

var (
	readingWeeks = weekly{"meter_values", "at", 0x6d657465725f77}
	historyWeeks = weekly{"plot_history", "since", 0x706c6f745f77}
)

// weekOf gives the Monday on which the week of a time begins, in UTC.
func weekOf(t time.Time) time.Time {
	t = t.UTC().Truncate(day)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

// EnsurePartitions makes the tables that readings of this week and the next ones go into. Readings that have none, because they are older
// or because their week began before its table was there, go into the rest.
func (s *Store) EnsurePartitions(ctx context.Context) error { return s.ensure(ctx, readingWeeks) }

// DropReadings forgets readings from before a time: whole weeks at once, and up to limit of the rest. What they were summed up to stays.
func (s *Store) DropReadings(ctx context.Context, before time.Time, limit int) (weeks, rows int64, err error) {
	return s.drop(ctx, readingWeeks, before, limit)
}

// DropMinutes forgets up to limit of what readings from before a time were summed up to by the minute.
func (s *Store) DropMinutes(ctx context.Context, before time.Time, limit int) (int64, error) {
	return s.forget(ctx, "meter_minutes", "at", before, limit)
}

// DropQuarters forgets up to limit of what readings from before a time were summed up to by the quarter of an hour.
func (s *Store) DropQuarters(ctx context.Context, before time.Time, limit int) (int64, error) {
	return s.forget(ctx, "meter_quarters", "at", before, limit)
}

// historyLimit is how many rows outside the weeks' tables are forgotten at once.
const historyLimit = 50_000

// RollHistory makes the tables that the statuses of this week and the next ones go into, as EnsurePartitions does, and forgets those that
// began before a time, unless that is zero. What a plot's status is now, and since when, the plot itself knows.
func (s *Store) RollHistory(ctx context.Context, before time.Time) error {
	if err := s.ensure(ctx, historyWeeks); err != nil || before.IsZero() {
		return err
	}
	_, _, err := s.drop(ctx, historyWeeks, before, historyLimit)
	return err
}

func (s *Store) ensure(ctx context.Context, of weekly) error {
	first := weekOf(s.now())
	have, err := s.partitions(ctx, of)
	if err != nil {
		return err
	}
	for i := range partitionsAhead + 1 {
		from := first.AddDate(0, 0, 7*i)
		if have[from] != "" {
			continue
		}
		if err := s.createPartition(ctx, of, from); err != nil {
			return fmt.Errorf("make the table of %s of the week of %s: %w", of.table, from.Format(time.DateOnly), postgres.Map(err, nil))
		}
	}
	return nil
}

func (s *Store) createPartition(ctx context.Context, of weekly, from time.Time) error {
	err := s.inTx(ctx, func(ctx context.Context, tx txn) error {
		// A table that is in use is waited for shortly: whoever writes into it would wait behind this.
		if _, err := tx.Tx.ExecContext(ctx, `SELECT set_config('lock_timeout', '2s', true), pg_advisory_xact_lock($1)`, of.lock); err != nil {
			return err
		}
		name := pq.QuoteIdentifier(of.prefix() + from.Format("20060102"))
		query := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF %s FOR VALUES FROM (%s) TO (%s)", name, of.table,
			pq.QuoteLiteral(from.Format(time.RFC3339)), pq.QuoteLiteral(from.Add(week).Format(time.RFC3339)))
		_, err := tx.Tx.ExecContext(ctx, query)
		return err
	})
	// The rest holds rows of that week already: they stay there, and so do those that follow.
	if bad := new(pq.Error); errors.As(err, &bad) && bad.Code.Name() == "check_violation" {
		return nil
	}
	return err
}

func (w weekly) prefix() string { return w.table + "_w" }

const partitionsSQL = `
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass`

// partitions gives the names of the weeks' tables by the day on which the week begins.
func (s *Store) partitions(ctx context.Context, of weekly) (map[time.Time]string, error) {
	var names []string
	if err := s.db.SelectContext(ctx, &names, partitionsSQL, of.table); err != nil {
		return nil, postgres.Map(fmt.Errorf("list the tables of %s: %w", of.table, err), nil)
	}
	out := make(map[time.Time]string, len(names))
	for _, name := range names {
		text, ours := strings.CutPrefix(name, of.prefix())
		if from, err := time.Parse("20060102", text); ours && err == nil {
			out[from] = name
		}
	}
	return out, nil
}

func (s *Store) drop(ctx context.Context, of weekly, before time.Time, limit int) (weeks, rows int64, err error) {
	have, err := s.partitions(ctx, of)
	if err != nil {
		return 0, 0, err
	}
	for from, name := range have {
		if from.Add(week).After(before) {
			continue
		}
		if _, err := s.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+pq.QuoteIdentifier(name)); err != nil {
			return weeks, 0, postgres.Map(fmt.Errorf("drop %s: %w", name, err), nil)
		}
		weeks++
	}
	rows, err = s.forget(ctx, of.table+"_rest", of.column, before, limit)
	return weeks, rows, err
}

// forget forgets up to limit rows of a table from before a time.
func (s *Store) forget(ctx context.Context, table, column string, before time.Time, limit int) (int64, error) {
	query := fmt.Sprintf("DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s < $1 LIMIT $2))", table, column)
	result, err := s.db.ExecContext(ctx, query, before, limit)
	if err != nil {
		return 0, postgres.Map(fmt.Errorf("forget old rows of %s: %w", table, err), nil)
	}
	return result.RowsAffected()
}

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
	partitionPrefix = "meter_values_w"
	partitionsAhead = 4 // weeks
	day             = 24 * time.Hour
	week            = 7 * day

	partitionLock = 0x6d657465725f77 // an advisory lock: one replica at a time
)

// weekOf gives the Monday on which the week of a time begins, in UTC.
func weekOf(t time.Time) time.Time {
	t = t.UTC().Truncate(day)
	return t.AddDate(0, 0, -(int(t.Weekday())+6)%7)
}

// EnsurePartitions makes the tables that readings of this week and the next ones go into. Readings that have none, because they are older
// or because their week began before its table was there, go into the rest.
func (s *Store) EnsurePartitions(ctx context.Context) error {
	first := weekOf(s.now())
	have, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	for i := range partitionsAhead + 1 {
		from := first.AddDate(0, 0, 7*i)
		if have[from] != "" {
			continue
		}
		if err := s.createPartition(ctx, from); err != nil {
			return fmt.Errorf("make the table of the week of %s: %w", from.Format(time.DateOnly), postgres.Map(err, nil))
		}
	}
	return nil
}

func (s *Store) createPartition(ctx context.Context, from time.Time) error {
	err := s.inTx(ctx, func(ctx context.Context, tx txn) error {
		// A table that is in use is waited for shortly: whoever writes readings would wait behind this.
		if _, err := tx.Tx.ExecContext(ctx, `SELECT set_config('lock_timeout', '2s', true), pg_advisory_xact_lock($1)`, partitionLock); err != nil {
			return err
		}
		name := pq.QuoteIdentifier(partitionPrefix + from.Format("20060102"))
		query := fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s PARTITION OF meter_values FOR VALUES FROM (%s) TO (%s)", name,
			pq.QuoteLiteral(from.Format(time.RFC3339)), pq.QuoteLiteral(from.Add(week).Format(time.RFC3339)))
		_, err := tx.Tx.ExecContext(ctx, query)
		return err
	})
	// The rest holds readings of that week already: they stay there, and so do those that follow.
	if bad := new(pq.Error); errors.As(err, &bad) && bad.Code.Name() == "check_violation" {
		return nil
	}
	return err
}

const partitionsSQL = `
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'meter_values'::regclass`

// partitions gives the names of the weeks' tables by the day on which the week begins.
func (s *Store) partitions(ctx context.Context) (map[time.Time]string, error) {
	var names []string
	if err := s.db.SelectContext(ctx, &names, partitionsSQL); err != nil {
		return nil, postgres.Map(fmt.Errorf("list the tables of readings: %w", err), nil)
	}
	out := make(map[time.Time]string, len(names))
	for _, name := range names {
		text, ours := strings.CutPrefix(name, partitionPrefix)
		if from, err := time.Parse("20060102", text); ours && err == nil {
			out[from] = name
		}
	}
	return out, nil
}

const forgetRestSQL = `
DELETE FROM meter_values_rest WHERE ctid = ANY(ARRAY(SELECT ctid FROM meter_values_rest WHERE at < $1 LIMIT $2))`

// DropReadings forgets readings from before a time: whole weeks at once, and up to limit of the rest. What they were summed up to stays.
func (s *Store) DropReadings(ctx context.Context, before time.Time, limit int) (weeks, rows int64, err error) {
	have, err := s.partitions(ctx)
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
	rows, err = s.forget(ctx, forgetRestSQL, before, limit)
	return weeks, rows, err
}

const forgetMinutesSQL = `
DELETE FROM meter_minutes WHERE ctid = ANY(ARRAY(SELECT ctid FROM meter_minutes WHERE at < $1 LIMIT $2))`

// DropMinutes forgets up to limit of what readings from before a time were summed up to by the minute.
func (s *Store) DropMinutes(ctx context.Context, before time.Time, limit int) (int64, error) {
	return s.forget(ctx, forgetMinutesSQL, before, limit)
}

const forgetQuartersSQL = `
DELETE FROM meter_quarters WHERE ctid = ANY(ARRAY(SELECT ctid FROM meter_quarters WHERE at < $1 LIMIT $2))`

// DropQuarters forgets up to limit of what readings from before a time were summed up to by the quarter of an hour.
func (s *Store) DropQuarters(ctx context.Context, before time.Time, limit int) (int64, error) {
	return s.forget(ctx, forgetQuartersSQL, before, limit)
}

func (s *Store) forget(ctx context.Context, query string, before time.Time, limit int) (int64, error) {
	result, err := s.db.ExecContext(ctx, query, before, limit)
	if err != nil {
		return 0, postgres.Map(fmt.Errorf("forget what is old: %w", err), nil)
	}
	return result.RowsAffected()
}

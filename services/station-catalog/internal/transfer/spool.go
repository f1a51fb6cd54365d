package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// spoolBytes is how much of a file is kept in memory before it goes to the disk.
const spoolBytes = 8 << 20

// spool is a Store that keeps the staged rows of one import with this process: in memory as long as they are few, else in a
// temporary file, as runs that are sorted. It is for an import that nobody else could go on with anyway, such as that of the command
// line; it saves the way to the database and back.
type spool struct {
	Store
	most int // bytes in memory
	rows []StagedRow
	size int
	runs *runs // nil as long as everything is in memory

	// What is read from the runs and not done with.
	merge *merge
	ahead []StagedRow
}

func newSpool(store Store) *spool { return &spool{Store: store, most: spoolBytes} }

// Stage keeps the rows.
func (s *spool) Stage(ctx context.Context, imp Import, rows []StagedRow, findings []Finding, counts Counts) error {
	s.rows = append(s.rows, rows...)
	for i := range rows {
		s.size += len(rows[i].Key) + len(rows[i].Data)
	}
	if s.size > s.most {
		if err := s.write(); err != nil {
			return err
		}
	}
	return s.Store.Stage(ctx, imp, nil, findings, counts)
}

// write makes a run of what is in memory.
func (s *spool) write() (err error) {
	if s.runs == nil {
		if s.runs, err = newRuns(); err != nil {
			return err
		}
	}
	sortRows(s.rows)
	if err := s.runs.add(s.rows); err != nil {
		return err
	}
	clear(s.rows)
	s.rows, s.size = s.rows[:0], 0
	return nil
}

func sortRows(rows []StagedRow) {
	slices.SortFunc(rows, func(a, b StagedRow) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line))
	})
}

// stations sorts what was staged and counts its stations.
func (s *spool) stations() (int64, error) {
	n, last := int64(0), ""
	count := func(key string) {
		if n == 0 || key != last {
			n, last = n+1, key
		}
	}
	if s.runs == nil {
		sortRows(s.rows)
		for i := range s.rows {
			count(s.rows[i].Key)
		}
		return n, nil
	}
	if err := s.write(); err != nil {
		return 0, err
	}
	s.rows = nil
	for all := s.runs.merge(); ; {
		row, more, err := all.next()
		if err != nil || !more {
			return n, err
		}
		count(row.Key)
	}
}

// Staged gives rows behind a key, which is that of the last call or one that it gave.
func (s *spool) Staged(_ context.Context, _ uuid.UUID, after string, limit int) ([]StagedRow, error) {
	if s.runs == nil {
		from := behind(s.rows, after)
		return s.rows[from:min(from+limit, len(s.rows))], nil
	}
	if s.merge == nil {
		s.merge = s.runs.merge()
	}
	s.ahead = slices.Delete(s.ahead, 0, behind(s.ahead, after))
	for len(s.ahead) < limit {
		row, more, err := s.merge.next()
		if err != nil {
			return nil, fmt.Errorf("read the spool: %w", err)
		}
		if !more {
			break
		}
		s.ahead = append(s.ahead, row)
	}
	return s.ahead[:min(limit, len(s.ahead))], nil
}

// behind is the place of the first row behind a key.
func behind(rows []StagedRow, key string) int {
	place, _ := slices.BinarySearchFunc(rows, key, func(r StagedRow, key string) int {
		if r.Key <= key {
			return -1
		}
		return 1
	})
	return place
}

// close removes the file.
func (s *spool) close() error {
	if s.runs == nil {
		return nil
	}
	return s.runs.close()
}

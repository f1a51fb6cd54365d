package transfer

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// spoolBytes is how much of a file is kept in memory instead of being staged: the whole of most files, and a bound for the others.
const spoolBytes = 64 << 20

// spool is a Store that keeps the staged rows of one import in this process as long as they are few. It is for an import that
// nobody else could go on with anyway, such as that of the command line; it saves the way to the database and back.
type spool struct {
	Store
	rows  []StagedRow
	size  int
	spilt bool
}

// Stage keeps the rows, or stages everything once there is too much of it.
func (s *spool) Stage(ctx context.Context, id uuid.UUID, rows []StagedRow, findings []Finding, counts Counts) error {
	if s.spilt {
		return s.Store.Stage(ctx, id, rows, findings, counts)
	}
	s.rows = append(s.rows, rows...)
	for i := range rows {
		s.size += len(rows[i].Key) + len(rows[i].Data)
	}
	if s.size <= spoolBytes {
		return s.Store.Stage(ctx, id, nil, findings, counts)
	}
	all := s.rows
	s.rows, s.spilt = nil, true
	return s.Store.Stage(ctx, id, all, findings, counts)
}

// stations sorts the rows and counts their stations; nil when they are staged, where the store counts them.
func (s *spool) stations() *int64 {
	if s.spilt {
		return nil
	}
	slices.SortFunc(s.rows, func(a, b StagedRow) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line))
	})
	n := int64(0)
	for i := range s.rows {
		if i == 0 || s.rows[i].Key != s.rows[i-1].Key {
			n++
		}
	}
	return &n
}

// Staged gives rows behind a key.
func (s *spool) Staged(ctx context.Context, id uuid.UUID, after string, limit int) ([]StagedRow, error) {
	if s.spilt {
		return s.Store.Staged(ctx, id, after, limit)
	}
	from, _ := slices.BinarySearchFunc(s.rows, after, func(r StagedRow, key string) int {
		if r.Key <= key {
			return -1
		}
		return 1
	})
	return s.rows[from:min(from+limit, len(s.rows))], nil
}

package transfer

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/google/uuid"
)

// Format reads one kind of file.
type Format interface {
	// Rows reads a file to its end. An error means that nothing more can be read, such as a truncated file.
	Rows(r io.Reader, source string) iter.Seq2[Row, error]
	// Assemble makes a station of all rows of a key, in the order of the file. It returns false when nothing is left to go in.
	Assemble(rows []StagedRow, source string) (Entry, []Finding, bool)
}

// Store keeps imports and writes stations.
type Store interface {
	CreateImport(ctx context.Context, imp Import) error
	// Stage stores rows that have arrived, with the counts so far and new findings; ErrLost when the import has another worker.
	Stage(ctx context.Context, imp Import, rows []StagedRow, findings []Finding, counts Counts) error
	// Submit ends the receiving: the import waits for a worker. It returns ErrLost as Stage does.
	Submit(ctx context.Context, imp Import) error
	// Begin ends the receiving and gives the import, which has so many stations, to the worker at once.
	Begin(ctx context.Context, id uuid.UUID, worker string, lease time.Duration, stations int64) (Import, error)
	// Claim gives a waiting import, or a running one whose worker has fallen silent, to the worker for a time; false when there is
	// none.
	Claim(ctx context.Context, worker string, lease time.Duration) (Import, bool, error)
	// Staged gives staged rows behind a key, in order of key and line.
	Staged(ctx context.Context, id uuid.UUID, after string, limit int) ([]StagedRow, error)
	// Write writes a batch and extends the lease, all at once; the counts are those of the import so far.
	Write(ctx context.Context, imp Import, worker string, lease time.Duration, batch Batch) (Counts, error)
	// RemoveUnlisted removes some of the stations that the file no longer lists, and tells whether there are more.
	RemoveUnlisted(ctx context.Context, imp Import, worker string, lease time.Duration) (Counts, bool, error)
	// Finish ends the import and drops what is staged. It failed with a message, and when not all of its stations were done.
	Finish(ctx context.Context, id uuid.UUID, message string) error
	GetImport(ctx context.Context, id uuid.UUID) (Import, error)
	ListFindings(ctx context.Context, id uuid.UUID, after FindingPlace, limit int) ([]Finding, FindingPlace, error)
}

// FindingPlace is a place in the report of an import.
type FindingPlace struct {
	Line int64 `json:"l"`
	Seq  int64 `json:"s"`
}

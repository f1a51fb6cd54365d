// Package transfer brings stations into the catalogue in bulk.
//
// An import has two halves. Receive reads a file as it arrives, in constant memory: a Format makes rows of it, faulty rows become
// Findings, and the rest is staged in the store, grouped by station. Apply then takes the staged rows station by station, puts each
// station together, and has the store write those that differ from what it holds; it goes on where another worker stopped. So a
// file that was received is never lost with the process that received it, and rows of a station need not stand together in a file.
//
// Importing the same file again changes nothing: stations are known by source and source id, and their content by a hash.
package transfer

import (
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// The faults of imports.
var (
	ErrNotFound = fault.Define(fault.NotFound, "import_not_found", "There is no such import")
	ErrFormat   = fault.Define(fault.Invalid, "unknown_import_format", "The import format is not known")
	ErrFile     = fault.Define(fault.Unprocessable, "unreadable_file", "The file cannot be read")
	// ErrTooManyRemoved ends an import that would remove more of what its source no longer lists than it may.
	ErrTooManyRemoved = fault.Define(fault.Unprocessable, "too_many_removed", "Too many stations are no longer listed")
	// ErrAllRejected ends an import of whose rows none went in.
	ErrAllRejected = fault.Define(fault.Unprocessable, "all_rows_rejected", "Every row of the file was rejected")
	ErrTooMany     = fault.Define(fault.TooLarge, "too_many_rows", "The file has too many rows")
)

// MaxRows is the most rows of a file. What an import remembers of a row is the hash of its EVSEs' uids.
const MaxRows = 5_000_000

// MaxFindings is how many findings of an import are kept; beyond that they are only counted.
const MaxFindings = 10_000

// Removal is what becomes of stations that an import's source no longer lists.
type Removal string

// The removal policies.
const (
	Keep Removal = "keep" // they stay
	Mark Removal = "mark" // they become tombstones, and EVSEs that a listed station lacks are removed
)

// MaxRemovedShare is the share of a source's stations that an import removes at most unless it is told otherwise.
const MaxRemovedShare = 0.5

// KeySeparator parts source and source id in the key of a row that names its source.
const KeySeparator = "\x1f"

// State is how far an import has come.
type State string

// The states.
const (
	Receiving State = "receiving"
	Waiting   State = "waiting"
	Running   State = "running"
	Succeeded State = "succeeded"
	Failed    State = "failed"
)

// Counts are what an import has done so far. A row is counted once as rejected or adjusted, however much was found.
type Counts struct {
	Rows      int64 `json:"rows"`
	Rejected  int64 `json:"rejected_rows"`
	Adjusted  int64 `json:"adjusted_rows"`
	Stations  int64 `json:"stations"`
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Removed   int64 `json:"removed"`
}

// taken is how many stations went in, changed or not.
func (c Counts) taken() int64 { return c.Created + c.Updated + c.Unchanged }

// Import is one file on its way into the catalogue.
type Import struct {
	ID     uuid.UUID `json:"id"`
	Format string    `json:"format"`
	Source string    `json:"source"`
	DryRun bool      `json:"dry_run"`
	// Removal and MaxRemovedShare say what becomes of stations that the source no longer lists.
	Removal         Removal `json:"removal"`
	MaxRemovedShare float64 `json:"max_removed_share"`
	State           State   `json:"state"`
	Error           string  `json:"error,omitempty"`
	Counts
	StationsTotal *int64     `json:"stations_total,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	FinishedAt    *time.Time `json:"finished_at,omitempty"`
	DurationS     *float64   `json:"duration_s,omitempty"`

	// Operator is the only one whose stations may come in; nil for all.
	Operator *uuid.UUID `json:"-"`
	// SubmittedBy is who asked for it, for the records.
	SubmittedBy string `json:"-"`
	// Worker is who receives it, when another could take that over; else empty.
	Worker string `json:"-"`
	// DoneKey is the last station key that was done.
	DoneKey string `json:"-"`
}

// Severity says what became of a row.
type Severity string

// The severities.
const (
	Rejected Severity = "rejected" // the row did not go in
	Adjusted Severity = "adjusted" // it went in with something corrected or left out
	Doubtful Severity = "doubtful" // it went in as it is, and should be looked at
)

// Finding is something that is wrong with a row.
type Finding struct {
	Line     int64    `json:"line"`              // from 1
	Subject  string   `json:"subject,omitempty"` // the id of the EVSE or station
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Detail   string   `json:"detail"` // what is the matter
	Advice   string   `json:"advice"` // what to do
}

// Row is a row of a file, read and looked at.
type Row struct {
	Line int64
	// Key is the station that the row belongs to, unique within the file. Rows of equal keys are assembled together.
	Key string
	// UIDs are the EVSEs that the row tells of. An EVSE that was told of before makes the row a duplicate.
	UIDs []string
	// Data is what Assemble gets back. It contains no line break.
	Data string
	// Findings are what is wrong; when one is Rejected the row does not go in.
	Findings []Finding
}

// StagedRow holds rows of one station that arrived close to each other: Data has one row a line.
type StagedRow struct {
	Key  string
	Line int64
	Data string
}

// Entry is a station as a file tells of it.
type Entry struct {
	Line     int64
	Operator operator.Operator
	Station  station.Station
	// Complete says that the file tells of all EVSEs of the station, so that others are no more.
	Complete bool
	// Hash is the fingerprint of the station; Seal sets it.
	Hash [sha256.Size]byte
}

// Seal settles the tariffs of the station and takes its fingerprint. The station must not change afterwards.
func (e *Entry) Seal() (err error) {
	e.Station.SettleTariffs()
	e.Hash, err = e.Station.Hash()
	return err
}

// Batch is what is written at once.
type Batch struct {
	Entries  []Entry
	Stations int // how many keys the batch does away with
	Findings []Finding
	// Listed are the keys of the stations that the file tells of, also of rejected rows that have one.
	Listed []string
	// DoneKey is the key up to which the import is done with this batch.
	DoneKey string
}

// Progress is told while an import goes on.
type Progress struct {
	Phase  State
	Counts Counts
	// StationsTotal is how many stations the file has, 0 while receiving.
	StationsTotal int64
}

// Report is how an import ended.
type Report struct {
	Import   Import
	Findings []Finding // the first MaxFindings
	Duration time.Duration
}

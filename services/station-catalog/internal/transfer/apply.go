package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const (
	// How many staged rows go into a transaction: so many that it takes about writeTime. As long as it lasts nobody learns of what others
	// have changed meanwhile, statuses among it: the logs are read up to the oldest transaction that is open.
	fewestRows = 250  // an import begins with them
	mostRows   = 3000 // some two thousand stations; more are no faster
	writeTime  = 300 * time.Millisecond
	// lease is how long a worker may be silent.
	lease = 2 * time.Minute
)

// prepared is a batch on its way to the store.
type prepared struct {
	batch Batch
	rows  int
	last  bool
	err   error
}

// Apply works off an import that the worker has claimed and gives it as it ended. The next batch is put together while one is
// being written. An error means that the import could not go on for now; another worker may take it over. A damaged import is
// failed for good, without an error.
func Apply(ctx context.Context, store Store, format Format, imp Import, worker string, progress func(Progress)) (Import, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan prepared)
	var limit atomic.Int64
	limit.Store(fewestRows)
	go func() {
		defer close(batches)
		after := imp.DoneKey
		for {
			p := prepare(ctx, store, format, imp, after, int(limit.Load()))
			after = p.batch.DoneKey
			select {
			case batches <- p:
			case <-ctx.Done():
				return
			}
			if p.last || p.err != nil {
				return
			}
		}
	}()
	var counts Counts
	for p := range batches {
		if p.err != nil {
			return imp, p.err
		}
		start := time.Now()
		var err error
		if counts, err = store.Write(ctx, imp, worker, lease, p.batch); err != nil {
			return imp, fmt.Errorf("write stations up to %q: %w", p.batch.DoneKey, err)
		}
		limit.Store(nextRows(p.rows, time.Since(start)))
		if progress != nil {
			progress(Progress{Phase: Running, Counts: counts, StationsTotal: total(imp)})
		}
	}
	if err := ctx.Err(); err != nil {
		return imp, err
	}
	switch {
	case counts.Stations < total(imp): // rows were lost, which Finish says
	case counts.Rejected > 0 && counts.taken() == 0:
		return imp, ErrAllRejected.Detailf("none of the %d rows went in, so nothing was changed or removed; the findings say why: "+
			"look whether it is the right file and format", counts.Rows)
	default:
		if err := removeUnlisted(ctx, store, imp, worker, progress); err != nil {
			return imp, err
		}
	}
	if err := store.Finish(ctx, imp.ID, ""); err != nil {
		return imp, fmt.Errorf("finish the import: %w", err)
	}
	return store.GetImport(ctx, imp.ID)
}

// removeUnlisted does away with what the source no longer lists, when it is to. Only a file that was read whole, and of which something
// was taken, tells what is no longer listed.
func removeUnlisted(ctx context.Context, store Store, imp Import, worker string, progress func(Progress)) error {
	for more := imp.Removal == Mark; more; {
		counts, left, err := store.RemoveUnlisted(ctx, imp, worker, lease)
		if err != nil {
			return fmt.Errorf("remove what is no longer listed: %w", err)
		}
		if more = left; progress != nil {
			progress(Progress{Phase: Running, Counts: counts, StationsTotal: total(imp)})
		}
	}
	return nil
}

func total(imp Import) int64 {
	if imp.StationsTotal == nil {
		return 0
	}
	return *imp.StationsTotal
}

// nextRows is how many rows would have taken writeTime, by how long so many took.
func nextRows(rows int, took time.Duration) int64 {
	return min(max(int64(rows)*int64(writeTime)/max(int64(took), 1), fewestRows), mostRows)
}

// prepare reads and assembles the stations behind a key, of so many rows. A station whose rows do not fit into what is read at once is
// read with the next batch, or alone when it is the only one.
func prepare(ctx context.Context, store Store, format Format, imp Import, after string, limit int) prepared {
	for ; ; limit *= 4 {
		rows, err := store.Staged(ctx, imp.ID, after, limit)
		if err != nil {
			return prepared{err: fmt.Errorf("read staged rows: %w", err)}
		}
		if len(rows) == limit {
			whole := len(rows)
			for whole > 0 && rows[whole-1].Key == rows[limit-1].Key {
				whole--
			}
			if whole == 0 {
				continue
			}
			batch, err := assemble(format, rows[:whole], imp)
			return prepared{batch: batch, rows: whole, err: err}
		}
		batch, err := assemble(format, rows, imp)
		if len(rows) == 0 {
			batch.DoneKey = after
		}
		return prepared{batch: batch, rows: len(rows), last: true, err: err}
	}
}

func assemble(format Format, rows []StagedRow, imp Import) (Batch, error) {
	var batch Batch
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].Key == rows[i].Key {
			j++
		}
		entry, findings, ok := format.Assemble(rows[i:j], imp.Source)
		batch.Findings = append(batch.Findings, findings...)
		batch.Listed = append(batch.Listed, rows[i].Key)
		if ok {
			entry.Complete = entry.Complete || imp.Removal == Mark
			if err := entry.Seal(); err != nil {
				return batch, err
			}
			batch.Entries = append(batch.Entries, entry)
		}
		batch.DoneKey = rows[i].Key
		batch.Stations++
		i = j
	}
	return batch, nil
}

// Run takes a file in and works it off at once, as the command line does. The report has the first MaxFindings findings; it tells of
// an import that failed, too.
func Run(ctx context.Context, store Store, format Format, imp Import, file io.Reader, progress func(Progress)) (Report, error) {
	start := time.Now()
	if err := store.CreateImport(ctx, imp); err != nil {
		return Report{}, fmt.Errorf("begin the import: %w", err)
	}
	spooled := newSpool(store)
	err := runImport(ctx, spooled, format, imp, file, progress)
	if err = errors.Join(err, spooled.close()); err != nil {
		// The caller's context may have ended, and the import is to say why it did not succeed.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		ctx, err = stop, errors.Join(err, store.Finish(stop, imp.ID, Message(err)))
	}
	report, unread := reportOf(ctx, store, imp)
	report.Duration = time.Since(start)
	return report, errors.Join(err, unread)
}

func reportOf(ctx context.Context, store Store, imp Import) (Report, error) {
	ended, err := store.GetImport(ctx, imp.ID)
	if err != nil {
		return Report{Import: imp}, fmt.Errorf("read the import: %w", err)
	}
	found, err := findings(ctx, store, imp.ID)
	return Report{Import: ended, Findings: found}, err
}

func runImport(ctx context.Context, store *spool, format Format, imp Import, file io.Reader, progress func(Progress)) error {
	if err := Receive(ctx, store, format, imp, file, progress); err != nil {
		return err
	}
	stations, err := store.stations()
	if err != nil {
		return fmt.Errorf("count the stations: %w", err)
	}
	worker := "import " + imp.ID.String()
	begun, err := store.Begin(ctx, imp.ID, worker, lease, stations)
	if err != nil {
		return fmt.Errorf("begin with the stations: %w", err)
	}
	done, err := Apply(ctx, store, format, begun, worker, progress)
	if err == nil && done.State == Failed {
		err = ErrFile.Detailf("%s", done.Error)
	}
	return err
}

// findings gives all findings that were kept.
func findings(ctx context.Context, store Store, id uuid.UUID) ([]Finding, error) {
	const atOnce = 1000
	var all []Finding
	for place := (FindingPlace{}); ; {
		found, next, err := store.ListFindings(ctx, id, place, atOnce)
		if err != nil {
			return all, fmt.Errorf("read the report: %w", err)
		}
		all = append(all, found...)
		if len(found) < atOnce {
			return all, nil
		}
		place = next
	}
}

package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

const (
	// batchRows is how many staged rows are read at once: some two thousand stations a transaction.
	batchRows = 3000
	// lease is how long a worker may be silent.
	lease = 2 * time.Minute
)

// prepared is a batch on its way to the store.
type prepared struct {
	batch Batch
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
	go func() {
		defer close(batches)
		after := imp.DoneKey
		for {
			p := prepare(ctx, store, format, imp, after)
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
	for p := range batches {
		if p.err != nil {
			return imp, p.err
		}
		counts, err := store.Write(ctx, imp, worker, lease, p.batch)
		if err != nil {
			return imp, fmt.Errorf("write stations up to %q: %w", p.batch.DoneKey, err)
		}
		if progress != nil {
			progress(Progress{Phase: Running, Counts: counts, StationsTotal: total(imp)})
		}
	}
	if err := ctx.Err(); err != nil {
		return imp, err
	}
	if err := store.Finish(ctx, imp.ID, ""); err != nil {
		return imp, fmt.Errorf("finish the import: %w", err)
	}
	return store.GetImport(ctx, imp.ID)
}

func total(imp Import) int64 {
	if imp.StationsTotal == nil {
		return 0
	}
	return *imp.StationsTotal
}

// prepare reads and assembles the stations behind a key. A station whose rows do not fit into what is read at once is read with
// the next batch, or alone when it is the only one.
func prepare(ctx context.Context, store Store, format Format, imp Import, after string) prepared {
	for limit := batchRows; ; limit *= 4 {
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
			return prepared{batch: assemble(format, rows[:whole], imp.Source)}
		}
		batch := assemble(format, rows, imp.Source)
		if len(rows) == 0 {
			batch.DoneKey = after
		}
		return prepared{batch: batch, last: true}
	}
}

func assemble(format Format, rows []StagedRow, source string) Batch {
	var batch Batch
	for i := 0; i < len(rows); {
		j := i
		for j < len(rows) && rows[j].Key == rows[i].Key {
			j++
		}
		entry, findings, ok := format.Assemble(rows[i:j], source)
		batch.Findings = append(batch.Findings, findings...)
		if ok {
			entry.Station.SettleTariffs()
			batch.Entries = append(batch.Entries, entry)
		}
		batch.DoneKey = rows[i].Key
		i = j
	}
	return batch
}

// Run takes a file in and works it off at once, as the command line does. The report has the first MaxFindings findings.
func Run(ctx context.Context, store Store, format Format, imp Import, receive func(context.Context) error, progress func(Progress)) (Report, error) {
	start := time.Now()
	if err := store.CreateImport(ctx, imp); err != nil {
		return Report{}, fmt.Errorf("begin the import: %w", err)
	}
	worker := "import " + imp.ID.String()
	done, err := run(ctx, store, format, imp, worker, receive, progress)
	if err != nil {
		// The caller's context may have ended, and the import is to say why it did not succeed.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return Report{Import: imp, Duration: time.Since(start)}, errors.Join(err, store.Finish(stop, imp.ID, Message(err)))
	}
	report := Report{Import: done, Duration: time.Since(start)}
	for place := (FindingPlace{}); ; {
		findings, next, err := store.ListFindings(ctx, imp.ID, place, 1000)
		if err != nil {
			return report, fmt.Errorf("read the report: %w", err)
		}
		report.Findings = append(report.Findings, findings...)
		if len(findings) < 1000 {
			return report, nil
		}
		place = next
	}
}

func run(ctx context.Context, store Store, format Format, imp Import, worker string, receive func(context.Context) error, progress func(Progress)) (Import, error) {
	if err := receive(ctx); err != nil {
		return imp, err
	}
	if err := store.Submit(ctx, imp.ID); err != nil {
		return imp, fmt.Errorf("submit the import: %w", err)
	}
	claimed, ok, err := store.Claim(ctx, worker, lease, &imp.ID)
	switch {
	case err != nil:
		return imp, fmt.Errorf("claim the import: %w", err)
	case !ok:
		// A running service was faster; it does the same work.
		return await(ctx, store, imp.ID, progress)
	}
	return Apply(ctx, store, format, claimed, worker, progress)
}

// await watches an import that somebody else works on.
func await(ctx context.Context, store Store, id uuid.UUID, progress func(Progress)) (Import, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		imp, err := store.GetImport(ctx, id)
		if err != nil {
			return imp, fmt.Errorf("look after the import: %w", err)
		}
		if progress != nil {
			progress(Progress{Phase: imp.State, Counts: imp.Counts, StationsTotal: total(imp)})
		}
		switch imp.State {
		case Succeeded:
			return imp, nil
		case Failed:
			return imp, ErrFile.Detailf("%s", imp.Error)
		case Receiving, Waiting, Running:
		}
		select {
		case <-ctx.Done():
			return imp, ctx.Err()
		case <-tick.C:
		}
	}
}

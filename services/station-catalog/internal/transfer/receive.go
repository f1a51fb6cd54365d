package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// How many rows, or characters of them, are staged at once.
const (
	chunkRows  = 8192
	chunkBytes = 4 << 20
)

// receiver stages the rows of a file.
type receiver struct {
	store    Store
	imp      Import
	progress func(Progress)

	told     *uids
	chunk    []Row
	size     int
	findings []Finding
	kept     int
	counts   Counts
}

// Receive reads a file to its end, plain or gzip, and stages its rows. The import exists already. When the file cannot be read
// to its end Receive gives ErrFile, and the import is good for nothing.
func Receive(ctx context.Context, store Store, format Format, imp Import, file io.Reader, progress func(Progress)) error {
	r := &receiver{store: store, imp: imp, progress: progress, told: newUIDs()}
	plain, err := unpack(file)
	if err != nil {
		return err
	}
	staging := newStage(ctx, r)
	for row, err := range format.Rows(plain, imp.Source) {
		if err == nil {
			err = r.take(ctx, row, staging)
		}
		if err != nil {
			return errors.Join(fileFault(err), staging.close())
		}
	}
	r.flush(staging)
	return staging.close()
}

func (r *receiver) take(ctx context.Context, row Row, staging *stage) error {
	if r.counts.Rows++; r.counts.Rows > MaxRows {
		return ErrTooMany.Detailf("a file has at most %d rows", MaxRows)
	}
	rejected, adjusted := false, false
	for _, uid := range row.UIDs {
		if !r.told.add(uid) {
			row.Findings = append(row.Findings, Finding{
				Line: row.Line, Subject: uid, Severity: Rejected, Code: "duplicate_evse",
				Detail: "an earlier row of this file tells of the same EVSE; the first one counts",
				Advice: "Remove one of the two rows.",
			})
		}
	}
	for _, f := range row.Findings {
		rejected = rejected || f.Severity == Rejected
		adjusted = adjusted || f.Severity == Adjusted
		r.find(f)
	}
	switch {
	case rejected:
		r.counts.Rejected++
	case adjusted:
		r.counts.Adjusted++
	}
	if rejected && row.Key != "" && r.imp.Removal == Mark {
		row.Data = "" // the station is listed all the same
	}
	if !rejected || row.Key != "" && r.imp.Removal == Mark {
		r.chunk = append(r.chunk, row)
		r.size += len(row.Data)
	}
	if len(r.chunk) >= chunkRows || r.size >= chunkBytes || len(r.findings) >= chunkRows {
		r.flush(staging)
		return staging.err()
	}
	return ctx.Err()
}

func (r *receiver) find(f Finding) {
	if r.kept < MaxFindings {
		r.findings = append(r.findings, f)
		r.kept++
	}
}

// flush hands the chunk to the stage, rows of a station joined.
func (r *receiver) flush(staging *stage) {
	slices.SortFunc(r.chunk, func(a, b Row) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line))
	})
	rows := make([]StagedRow, 0, len(r.chunk))
	var data strings.Builder
	for i := 0; i < len(r.chunk); {
		first := r.chunk[i]
		data.Reset()
		for ; i < len(r.chunk) && r.chunk[i].Key == first.Key; i++ {
			if data.Len() > 0 {
				data.WriteByte('\n')
			}
			data.WriteString(r.chunk[i].Data)
		}
		rows = append(rows, StagedRow{Key: first.Key, Line: first.Line, Data: data.String()})
	}
	staging.put(staged{rows: rows, findings: r.findings, counts: r.counts})
	r.chunk, r.size, r.findings = r.chunk[:0], 0, nil
}

type staged struct {
	rows     []StagedRow
	findings []Finding
	counts   Counts
}

// stage stores chunks while the next is being read.
type stage struct {
	chunks chan staged
	done   chan struct{}
	failed error // good once done is closed
}

func newStage(ctx context.Context, r *receiver) *stage {
	s := &stage{chunks: make(chan staged), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for chunk := range s.chunks {
			if err := r.store.Stage(ctx, r.imp, chunk.rows, chunk.findings, chunk.counts); err != nil {
				s.failed = fmt.Errorf("stage rows: %w", err)
				return
			}
			if r.progress != nil {
				r.progress(Progress{Phase: Receiving, Counts: chunk.counts})
			}
		}
	}()
	return s
}

func (s *stage) put(chunk staged) {
	select {
	case s.chunks <- chunk:
	case <-s.done:
	}
}

func (s *stage) err() error {
	select {
	case <-s.done:
		return s.failed
	default:
		return nil
	}
}

func (s *stage) close() error {
	close(s.chunks)
	<-s.done
	return s.failed
}

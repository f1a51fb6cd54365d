package transfer

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// How much is buffered of the file as a whole when it is written, and of each run when it is read: a file of five million rows has
// some thousand.
const (
	writeBuffer = 256 << 10
	readBuffer  = 16 << 10
)

// runs are sorted stretches of staged rows in a temporary file, which has no name any more.
type runs struct {
	file *os.File
	out  *bufio.Writer
	ends []int64
	at   int64
}

func newRuns() (*runs, error) {
	file, err := os.CreateTemp("", "import-*")
	if err != nil {
		return nil, fmt.Errorf("make a file for the rows (TMPDIR says where): %w", err)
	}
	// Without a name it is gone with the process, however that ends.
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("hide the file for the rows: %w", err), file.Close())
	}
	return &runs{file: file, out: bufio.NewWriterSize(file, writeBuffer)}, nil
}

func (r *runs) close() error { return r.file.Close() }

// add appends a run.
func (r *runs) add(sorted []StagedRow) error {
	var head []byte
	for i := range sorted {
		row := &sorted[i]
		head = binary.AppendUvarint(head[:0], uint64(row.Line)) //nolint:gosec // lines are counted from 1
		for _, text := range [...]string{row.Key, row.Data} {
			head = binary.AppendUvarint(head, uint64(len(text)))
		}
		n, _ := r.out.Write(head) // Flush gives the error
		r.at += int64(n)
		for _, text := range [...]string{row.Key, row.Data} {
			n, _ = r.out.WriteString(text)
			r.at += int64(n)
		}
	}
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("write rows to the disk: %w", err)
	}
	r.ends = append(r.ends, r.at)
	return nil
}

// merge reads all runs together, from their beginnings.
func (r *runs) merge() *merge {
	m := &merge{}
	from := int64(0)
	for _, end := range r.ends {
		m.fresh = append(m.fresh, &run{in: bufio.NewReaderSize(io.NewSectionReader(r.file, from, end-from), readBuffer)})
		from = end
	}
	return m
}

// merge gives the rows of several runs in order. As a heap its first run has the next row.
type merge struct {
	fresh []*run // those of which nothing has been read
	open  []*run
}

// run is a run that is being read.
type run struct {
	in  *bufio.Reader
	row StagedRow
}

// next gives the next row; false at the end.
func (m *merge) next() (StagedRow, bool, error) {
	for _, r := range m.fresh {
		if more, err := r.read(); err != nil {
			return StagedRow{}, false, err
		} else if more {
			m.open = append(m.open, r)
		}
	}
	if m.fresh != nil {
		m.fresh = nil
		heap.Init(m)
	}
	if len(m.open) == 0 {
		return StagedRow{}, false, nil
	}
	first := m.open[0]
	row := first.row
	more, err := first.read()
	switch {
	case err != nil:
		return StagedRow{}, false, err
	case more:
		heap.Fix(m, 0)
	default:
		heap.Pop(m)
	}
	return row, true, nil
}

// read reads the next row of a run; false at its end.
func (r *run) read() (bool, error) {
	line, err := binary.ReadUvarint(r.in)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	var sizes [2]uint64
	for i := range sizes {
		if err == nil {
			sizes[i], err = binary.ReadUvarint(r.in)
		}
	}
	if err != nil {
		return false, err
	}
	text := make([]byte, sizes[0]+sizes[1])
	if _, err := io.ReadFull(r.in, text); err != nil {
		return false, err
	}
	both := string(text)
	r.row = StagedRow{Line: int64(line), Key: both[:sizes[0]], Data: both[sizes[0]:]} //nolint:gosec // as it was written
	return true, nil
}

func (m *merge) Len() int { return len(m.open) }

func (m *merge) Less(i, j int) bool {
	a, b := &m.open[i].row, &m.open[j].row
	return cmp.Or(strings.Compare(a.Key, b.Key), cmp.Compare(a.Line, b.Line)) < 0
}

func (m *merge) Swap(i, j int) { m.open[i], m.open[j] = m.open[j], m.open[i] }

// Push is for package heap, and never called: runs do not come late.
func (m *merge) Push(any) {}

// Pop takes the last run away.
func (m *merge) Pop() any {
	last := m.open[len(m.open)-1]
	m.open = m.open[:len(m.open)-1]
	return last
}

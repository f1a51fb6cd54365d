// Package importer reads the formats that stations are imported from.
//
//   - "irve" is the static scheme of the French register of charging points, as CSV or as JSON lines. A row is an EVSE (point de
//     charge); rows of a station (id_station_itinerance) are spread over the file. Both generations are read: the one with typed
//     values and the one that writes numbers and booleans as text.
//   - "ocpi" is OCPI 2.2.1 Locations, as a file or as a peer answers them.
//   - "ocm" is Open Charge Map's points of interest.
//   - "afdc" is the station file of the US Department of Energy.
//   - "bnetza" is the German register of charging points.
//   - "ndjson" is what the catalogue exports: a station a line.
//
// A faulty row is never the end of an import. Each finding says what is the matter and what to do about it.
package importer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"iter"
	"runtime"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// The formats' names.
const (
	IRVE   = "irve"
	OCPI   = "ocpi"
	OCM    = "ocm"
	AFDC   = "afdc"
	BNetzA = "bnetza"
	NDJSON = "ndjson"
)

// Formats gives every format by its name.
func Formats() map[string]transfer.Format {
	return map[string]transfer.Format{
		IRVE: irve{}, OCPI: ocpi{}, OCM: ocm{}, AFDC: afdc{}, BNetzA: bnetza{}, NDJSON: ndjson{},
	}
}

// maxRow is the longest row that is read, in bytes.
const maxRow = 1 << 20

// lines reads a text line by line in constant memory. A line longer than maxRow is skipped and told as too long.
type lines struct {
	r      *bufio.Reader
	number int64
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 128<<10)} }

// next gives the next line without its end. The slice is good until the next call. io.EOF ends the text.
func (l *lines) next() (line []byte, long bool, err error) {
	part, err := l.r.ReadSlice('\n')
	if err == nil {
		l.number++
		return trimEnd(part), false, nil
	}
	var whole []byte
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(whole)+len(part) <= maxRow {
			whole = append(whole, part...)
		} else {
			long = true
		}
		part, err = l.r.ReadSlice('\n')
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	if errors.Is(err, io.EOF) && len(whole)+len(part) == 0 && !long {
		return nil, false, io.EOF
	}
	l.number++
	if long || len(whole)+len(part) > maxRow {
		return nil, true, nil
	}
	return trimEnd(append(whole, part...)), false, nil
}

// stretch is some lines of a text, one behind the other.
type stretch struct {
	text  []byte
	lines []lineEnd
}

// lineEnd is where a line of a stretch ends; one that is too long has no text.
type lineEnd struct {
	number int64
	end    int
	long   bool
}

// stretchBytes is how much text a stretch has, and a line more.
const stretchBytes = 64 << 10

// fill reads lines to the stretch until it is full. With an error, io.EOF at the end of the text, they are the last.
func (s *stretch) fill(l *lines) error {
	s.text, s.lines = s.text[:0], s.lines[:0]
	for len(s.text) < stretchBytes && len(s.lines) < stretchBytes {
		line, long, err := l.next()
		if err != nil {
			return err
		}
		s.text = append(s.text, line...)
		s.lines = append(s.lines, lineEnd{l.number, len(s.text), long})
	}
	return nil
}

// reading is what a stretch was read as. A panic is handed over to whoever takes the rows, since a file is no reason to end the process.
type reading struct {
	rows     []transfer.Row
	panicked any
}

// read reads a row of each line that is not empty.
func (s *stretch) read(read func(number int64, line []byte) transfer.Row) (done reading) {
	defer func() { done.panicked = recover() }()
	rows := make([]transfer.Row, 0, len(s.lines))
	begin := 0
	for _, l := range s.lines {
		line := s.text[begin:l.end]
		begin = l.end
		switch {
		case l.long:
			rows = append(rows, rejected(l.number, "row_too_long", "the row is longer than 1 MiB"))
		case len(bytes.TrimSpace(line)) == 0:
		case !utf8.Valid(line):
			rows = append(rows, rejected(l.number, "encoding", "the row is not UTF-8"))
		default:
			rows = append(rows, read(l.number, line))
		}
	}
	return reading{rows: rows}
}

// rowsOf reads a row of each line that is not empty, on every core; read must keep nothing of the line. Lines that are too long or not
// UTF-8 are rejected. The text is read by the caller's goroutine alone.
func rowsOf(r io.Reader, read func(number int64, line []byte) transfer.Row) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		text := newLines(r)
		most := runtime.GOMAXPROCS(0) + 1
		var underWay []chan reading // in the order of the text
		idle := make(chan *stretch, most)
		for range most {
			idle <- new(stretch)
		}
		for more := true; more; {
			s := <-idle // fewer than most are under way
			err := s.fill(text)
			more = err == nil
			done := make(chan reading, 1)
			underWay = append(underWay, done)
			go func() {
				done <- s.read(read)
				idle <- s
			}()
			for len(underWay) == most || !more && len(underWay) > 0 {
				done := <-underWay[0]
				if done.panicked != nil {
					panic(done.panicked)
				}
				for _, row := range done.rows {
					if !yield(row, nil) {
						return
					}
				}
				underWay = underWay[1:]
			}
			if !more && !errors.Is(err, io.EOF) {
				yield(transfer.Row{}, err)
			}
		}
	}
}

func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}

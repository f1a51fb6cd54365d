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

// rowsOf reads a row of each line that is not empty. Lines that are too long or not UTF-8 are rejected.
func rowsOf(r io.Reader, read func(number int64, line []byte) transfer.Row) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		text := newLines(r)
		for {
			line, long, err := text.next()
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(transfer.Row{}, err)
				}
				return
			}
			var row transfer.Row
			switch {
			case long:
				row = rejected(text.number, "row_too_long", "the row is longer than 1 MiB")
			case len(bytes.TrimSpace(line)) == 0:
				continue
			case !utf8.Valid(line):
				row = rejected(text.number, "encoding", "the row is not UTF-8")
			default:
				row = read(text.number, line)
			}
			if !yield(row, nil) {
				return
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

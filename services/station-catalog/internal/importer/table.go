package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"iter"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// table is how a kind of CSV file is read.
type table struct {
	// preamble is how many records may stand before the header.
	preamble int
	// header tells whether the record is the header, and remembers where its columns are; what is wrong with the file when none
	// is found.
	header func(record []string) error
	// row reads a record as wide as the header.
	row func(number int64, record []string) transfer.Row
}

// rows reads the records behind the header, in memory that is bounded by the longest. The separator is the one of comma, semicolon
// and tab that the beginning of the file has most of.
func (t table) rows(r io.Reader) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		gate := &rowGate{r: r, most: maxRow}
		head := bufio.NewReaderSize(gate, 64<<10)
		if bom, err := head.Peek(len(utf8BOM)); err == nil && string(bom) == utf8BOM {
			_, _ = head.Discard(len(utf8BOM)) // it was peeked
		}
		reader := csv.NewReader(head)
		reader.FieldsPerRecord = -1
		reader.LazyQuotes = true
		reader.ReuseRecord = true
		if start, err := head.Peek(head.Size()); err == nil || len(start) > 0 {
			reader.Comma = separator(start)
		}
		width, err := t.findHeader(reader)
		if err != nil {
			yield(transfer.Row{}, err)
			return
		}
		for {
			gate.passed = 0
			record, err := reader.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var row transfer.Row
			if broken, ok := errors.AsType[*csv.ParseError](err); ok {
				row = rejected(int64(broken.StartLine), "not_csv", "the row is not CSV")
			} else if err != nil {
				yield(transfer.Row{}, err)
				return
			} else {
				line, _ := reader.FieldPos(0)
				if len(record) != width {
					row = rejected(int64(line), "wrong_width", "the row has another number of fields than the header")
				} else {
					row = t.row(int64(line), record)
				}
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// findHeader reads up to the header and gives its width.
func (t table) findHeader(reader *csv.Reader) (int, error) {
	var wrong error
	for range t.preamble + 1 {
		record, err := reader.Read()
		if broken, ok := errors.AsType[*csv.ParseError](err); ok {
			wrong = transfer.ErrFile.Detailf("line %d is not CSV", broken.StartLine).Because(err)
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		found := t.header(record)
		if found == nil {
			return len(record), nil
		}
		if wrong == nil {
			wrong = found
		}
	}
	if wrong == nil {
		return 0, transfer.ErrFile.Detailf("the file has no header")
	}
	return 0, wrong
}

// separator counts what may part the fields in the first lines.
func separator(start []byte) rune {
	lines := bytes.SplitN(start, []byte("\n"), 13)
	start = bytes.Join(lines[:min(len(lines), 12)], nil)
	best, most := ',', bytes.Count(start, []byte(","))
	for _, r := range []rune{';', '\t'} {
		if n := bytes.Count(start, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// rowGate ends a file whose row does not end, before it fills the memory.
type rowGate struct {
	r      io.Reader
	passed int
	most   int
}

func (g *rowGate) Read(p []byte) (int, error) {
	if g.passed > g.most {
		return 0, transfer.ErrLongRow
	}
	n, err := g.r.Read(p)
	g.passed += n
	return n, err
}

// columnsOf finds columns by their names, in any spelling of blanks and case. The first name of each is the one that is told when
// it is missing.
func columnsOf(record []string, wanted [][]string, mandatory int, what string) ([]int, error) {
	names := make(map[string]int, len(record))
	for i, name := range record {
		name = fold(tidy(text(name)))
		if _, twice := names[name]; !twice {
			names[name] = i
		}
	}
	places := make([]int, len(wanted))
	for c, spellings := range wanted {
		places[c] = -1
		for _, spelling := range spellings {
			if i, ok := names[fold(spelling)]; ok {
				places[c] = i
				break
			}
		}
		if places[c] < 0 && c < mandatory {
			return nil, transfer.ErrFile.Detailf("the header has no column %s: this is not %s", spellings[0], what)
		}
	}
	return places, nil
}

package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// site is a station as one row of a file tells of it, on its way to its turn.
type site struct {
	Operator operator.Operator `json:"operator"`
	Station  station.Station   `json:"station"`
	// Complete says that the row lists all EVSEs of the station.
	Complete bool `json:"complete"`

	line     int64
	findings []transfer.Finding
}

// find notes what is wrong with the row.
func (s *site) find(severity transfer.Severity, code, detail string, args ...any) {
	s.findings = append(s.findings, finding(s.line, s.Station.SourceID, severity, code, detail, args...))
}

// reject is find for what keeps the row out.
func (s *site) reject(code, detail string, args ...any) {
	s.find(transfer.Rejected, code, detail, args...)
}

// rejected tells whether something keeps the row out.
func (s *site) rejected() bool {
	for _, f := range s.findings {
		if f.Severity == transfer.Rejected {
			return true
		}
	}
	return false
}

// short cuts a text that is too long, and makes one line of it.
func (s *site) short(text, name string, most int) string {
	text = tidy(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return text
	}
	s.find(transfer.Adjusted, "text_too_long", "%s is longer than %d characters and was cut", name, most)
	return strings.TrimSpace(string([]rune(text)[:most]))
}

// run is by: an operator whom its source knows by name alone gets a code of ours.
func (s *site) runBy(name string) {
	if name = s.short(name, "the operator's name", 255); name == "" {
		name = operator.UnknownName
	}
	s.Operator.Name = name
	s.Operator.CountryCode, s.Operator.PartyID = operator.Nowhere, operator.CodeFor(name, 0)
}

// row is the staged row of the station, or the findings that keep it out.
func (s *site) row() transfer.Row {
	st := &s.Station
	st.Operator = station.Operator{CountryCode: s.Operator.CountryCode, PartyID: s.Operator.PartyID, Name: s.Operator.Name}
	row := transfer.Row{Line: s.line, Key: st.SourceID}
	if !s.rejected() {
		checked := *st
		checked.Source = "unnamed" // it is given when the rows are put together
		checked.EVSEs = withoutTariffs(st.EVSEs)
		for _, f := range checked.Validate() {
			s.reject("invalid_station", "%s %s", f.Pointer, f.Detail)
		}
	}
	row.Findings = s.findings
	if s.rejected() {
		return row
	}
	for _, e := range st.EVSEs {
		row.UIDs = append(row.UIDs, e.UID)
	}
	text, err := json.Marshal(s)
	if err != nil {
		row.Findings = append(row.Findings, finding(s.line, st.SourceID, transfer.Rejected, "invalid_station", "the station has no JSON form"))
		return row
	}
	row.Data = strconv.FormatInt(s.line, 10) + "\t" + string(text)
	return row
}

// withoutTariffs gives EVSEs whose connectors refer to no tariffs: which there are is known when they are written.
func withoutTariffs(evses []station.EVSE) []station.EVSE {
	out := make([]station.EVSE, len(evses))
	for i, e := range evses {
		out[i] = e
		out[i].Connectors = make([]station.Connector, len(e.Connectors))
		for j, c := range e.Connectors {
			c.TariffIDs = nil
			out[i].Connectors[j] = c
		}
	}
	return out
}

// wholes is the half of a format that puts staged sites together: each is a station, and one that comes again is a duplicate.
type wholes struct{}

// Assemble gives the first row of the station; others are duplicates.
func (wholes) Assemble(rows []transfer.StagedRow, source string) (transfer.Entry, []transfer.Finding, bool) {
	var entry transfer.Entry
	var findings []transfer.Finding
	found := false
	for line, text := range stagedLines(rows) {
		var s site
		if json.Unmarshal([]byte(text), &s) != nil {
			continue
		}
		if found {
			findings = append(findings, finding(line, s.Station.SourceID, transfer.Rejected, "duplicate_station",
				"line %d tells of the same station; the first one counts", entry.Line))
			continue
		}
		found = true
		s.Station.Source = source
		entry = transfer.Entry{Line: line, Station: s.Station, Operator: s.Operator, Complete: s.Complete}
	}
	return entry, findings, found
}

// stagedLines gives the rows of a station with their line numbers.
func stagedLines(rows []transfer.StagedRow) iter.Seq2[int64, string] {
	return func(yield func(int64, string) bool) {
		for _, row := range rows {
			for data := range strings.SplitSeq(row.Data, "\n") {
				number, text, _ := strings.Cut(data, "\t")
				line, err := strconv.ParseInt(number, 10, 64)
				if err != nil {
					continue
				}
				if !yield(line, text) {
					return
				}
			}
		}
	}
}

// sitesOf reads a station of each JSON object of a file. The line of a finding is the object's place in it.
func sitesOf[T any](r io.Reader, read func(s *site, in *T)) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		number := int64(0)
		for text, err := range objects(r) {
			if err != nil {
				yield(transfer.Row{}, err)
				return
			}
			number++
			var in T
			if err := json.Unmarshal(text, &in); err != nil {
				if !yield(rejected(number, "not_json", "the object does not fit the format: %s", misfit(err)), nil) {
					return
				}
				continue
			}
			s := &site{line: number}
			read(s, &in)
			if !yield(s.row(), nil) {
				return
			}
		}
	}
}

// misfit says what is wrong with a value, in the words of the format and not of Go.
func misfit(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		if kind.Field == "" {
			return "it is a " + kind.Value
		}
		return fmt.Sprintf("%s is a %s", kind.Field, kind.Value)
	}
	return err.Error()
}

// word is a JSON text, or a number or boolean where a text is expected.
type word string

// UnmarshalJSON takes texts, numbers and booleans; null is empty.
func (w *word) UnmarshalJSON(data []byte) error {
	switch {
	case len(data) == 0 || string(data) == "null":
		*w = ""
		return nil
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*w = word(s)
		return nil
	case data[0] == '{' || data[0] == '[':
		return errors.New("a list or an object stands where a text is expected")
	}
	*w = word(data)
	return nil
}

// whole reads a number that has no fraction; 0 when it has, or there is none.
func (w word) whole() int {
	f := w.number()
	if f != float64(int(f)) || f < 0 || f > 1e9 {
		return 0
	}
	return int(f)
}

// number reads a number; 0 when there is none.
func (w word) number() float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(string(w)), 64)
	if err != nil || f != f {
		return 0
	}
	return f
}

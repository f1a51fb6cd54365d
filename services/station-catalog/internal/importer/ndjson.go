package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// ndjson is the catalogue's own format: a station a line, as the export has it. Stations and EVSEs are known by source, source id
// and uid, operators by country code and party id; their ids, versions and times are ours to give and are not read.
type ndjson struct{}

// Rows reads lines. The name of the source is taken from each line.
func (ndjson) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] {
	return rowsOf(r, stationRow)
}

func stationRow(number int64, line []byte) transfer.Row {
	s, err := readStation(line)
	if err != nil {
		return rejected(number, "not_json", "the row is not a station: %s", err)
	}
	row := transfer.Row{Line: number}
	for _, f := range s.Validate() {
		row.Findings = append(row.Findings, finding(number, s.SourceID, transfer.Rejected, "invalid_station", "%s %s", f.Pointer, f.Detail))
	}
	if len(row.Findings) > 0 {
		return row
	}
	row.Key = s.Source + transfer.KeySeparator + s.SourceID
	for _, e := range s.EVSEs {
		row.UIDs = append(row.UIDs, s.Source+transfer.KeySeparator+e.UID)
	}
	row.Data = strconv.FormatInt(number, 10) + "\t" + string(bytes.TrimSpace(line))
	return row
}

// readStation reads a document strictly and forgets what is ours to give.
func readStation(text []byte) (*station.Station, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var s station.Station
	if err := decoder.Decode(&s); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, errors.New("something follows the object")
	}
	if s.Access == "" {
		s.Access = station.Public
	}
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	s.ID, s.Operator.ID, s.Plots, s.StatusesAsOf, s.Version = uuid.Nil, uuid.Nil, nil, nil, 0
	live := s.EVSEs[:0]
	for _, e := range s.EVSEs {
		if e.Removed {
			continue
		}
		e.ID, e.PlotID, e.Status, e.StatusSince = uuid.Nil, nil, "", nil
		live = append(live, e)
	}
	s.EVSEs = live
	return &s, nil
}

// Assemble gives the first line of the station; others are duplicates.
func (ndjson) Assemble(rows []transfer.StagedRow, _ string) (transfer.Entry, []transfer.Finding, bool) {
	var entry transfer.Entry
	var findings []transfer.Finding
	found := false
	for line, text := range stagedLines(rows) {
		s, err := readStation([]byte(text))
		if err != nil {
			continue
		}
		if found {
			findings = append(findings, finding(line, s.SourceID, transfer.Rejected, "duplicate_station",
				"line %d tells of the same station; the first one counts", entry.Line))
			continue
		}
		found = true
		entry = transfer.Entry{Line: line, Station: *s, Complete: true, Operator: operator.Operator{
			CountryCode: s.Operator.CountryCode, PartyID: s.Operator.PartyID, Name: s.Operator.Name,
		}}
	}
	return entry, findings, found
}

// Package importer reads finished sessions from files, judges each row by itself, and has the good ones stored in bulk.
//
// A file has one session a line, as JSON, plain or gzip:
//
//	ndjson  {"evse_id": "FR*HPC*E1", "started_at": "2025-01-01T10:00:00Z", "ended_at": "2025-01-01T10:40:00Z", "energy_kwh": 31.5, "id": "…"}
//	irve    {"id_pdc_itinerance": "FRHPCE1", "start": 1735725600000, "end": 1735728000000, "energy": 31.5}
//
// A row that cannot be right is reported and the rest goes in. Importing a file again changes nothing.
package importer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Row is a session as a line says it.
type Row struct {
	Line      int
	ID        string // the sender's own, empty for none
	EVSEID    string // eMI3
	StartedAt time.Time
	EndedAt   time.Time
	EnergyWh  int64
}

// Key knows a session again: by its sender's id where there is one, else by everything it says.
func (r Row) Key(operator uuid.UUID) string {
	text := fmt.Sprintf("%s|%d|%d|%d", Normal(r.EVSEID), r.StartedAt.UnixMicro(), r.EndedAt.UnixMicro(), r.EnergyWh)
	if r.ID != "" {
		text = operator.String() + "|" + r.ID
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Normal gives an EVSE id as it is matched: upper case, without separators.
func Normal(evseID string) string { return strings.ToUpper(strings.ReplaceAll(evseID, "*", "")) }

// Finding is what is wrong with a line.
type Finding struct {
	Line   int
	Code   string
	Detail string
}

// Report says what became of a file.
type Report struct {
	Rows      int // lines that hold something
	Stored    int
	Unchanged int // known from an earlier import
	Findings  []Finding
}

// Outcome is what became of a row.
type Outcome uint8

// The outcomes.
const (
	Stored Outcome = iota
	Unchanged
	Duplicate   // told twice by this import
	UnknownEVSE // no station that the caller may write has it
)

// Store keeps sessions. StoreFinished stores all rows or, with an error, none; may tells whose stations the caller may write, and progress
// is called now and then with the number of rows done.
type Store interface {
	StoreFinished(ctx context.Context, rows []Row, may func(operator uuid.UUID) bool, progress func(done int)) ([]Outcome, error)
}

// Faults of files.
var (
	// ErrFormat is a format that is not read.
	ErrFormat = fault.Define(fault.Invalid, "unknown_session_format", "The format is not read")
	// ErrFile is a file that is no file of its format at all.
	ErrFile = fault.Define(fault.Invalid, "bad_session_file", "The file cannot be read")
	// ErrTooMany is a file with more sessions than one import takes.
	ErrTooMany = fault.Define(fault.TooLarge, "too_many_sessions", "The file holds more sessions than one import takes")
)

const (
	// MaxRows is how many sessions one import takes.
	MaxRows = 500_000
	maxLine = 16 << 10
	// maxBytes is how much a file may hold once it is unpacked.
	maxBytes = 256 << 20
)

// Import reads a file, stores its good rows all together, and reports the others.
func Import(
	ctx context.Context, store Store, format string, file io.Reader, now time.Time, may func(operator uuid.UUID) bool, progress func(done, of int),
) (Report, error) {
	parse, known := formats[format]
	if !known {
		return Report{}, ErrFormat.At(fault.Field{Parameter: "format", Code: "enum", Detail: "must be ndjson or irve"})
	}
	rows, report, err := read(file, parse, now)
	if err != nil {
		return report, err
	}
	outcomes, err := store.StoreFinished(ctx, rows, may, func(done int) { progress(done, len(rows)) })
	if err != nil {
		return report, err
	}
	for i, outcome := range outcomes {
		switch outcome {
		case Stored:
			report.Stored++
		case Unchanged:
			report.Unchanged++
		case Duplicate:
			report.find(rows[i].Line, "duplicate", "the same session stands in an earlier line")
		case UnknownEVSE:
			report.find(rows[i].Line, "unknown_evse", "no station of yours has the EVSE "+clip(rows[i].EVSEID))
		}
	}
	return report, nil
}

func (r *Report) find(line int, code, detail string) {
	r.Findings = append(r.Findings, Finding{line, code, detail})
}

// read parses and judges every line.
func read(file io.Reader, parse parser, now time.Time) (rows []Row, report Report, err error) {
	lines, err := unpack(file)
	if err != nil {
		return nil, report, err
	}
	for number := 1; ; number++ {
		line, long, err := next(lines)
		if len(bytes.TrimSpace(line)) > 0 || long {
			report.Rows++
			row, wrong := Row{}, &Finding{Code: "too_long", Detail: "the line is too long"}
			if !long {
				row, wrong = parse(line)
			}
			if wrong == nil {
				wrong = row.judge(now)
			}
			if row.Line = number; wrong == nil {
				rows = append(rows, row)
			} else {
				report.find(number, wrong.Code, wrong.Detail)
			}
			if report.Rows > MaxRows {
				return nil, report, ErrTooMany.Detailf("It takes %d at once.", MaxRows)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if report.Rows == 0 {
				return nil, report, ErrFile.Detailf("It is empty.")
			}
			return rows, report, nil
		case err != nil:
			return nil, report, readFault(err)
		}
	}
}

// readFault keeps faults as they are (a body that is too large, a sender who stalls) and calls everything else a broken file.
func readFault(err error) error {
	if f := new(fault.Fault); errors.As(err, &f) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ErrFile.Detailf("It is broken off or damaged.").Because(err)
}

// unpack recognises gzip by its first bytes.
func unpack(file io.Reader) (*bufio.Reader, error) {
	buffered := bufio.NewReaderSize(file, maxLine)
	head, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readFault(err)
	}
	var plain io.Reader = buffered
	if bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if plain, err = gzip.NewReader(buffered); err != nil {
			return nil, readFault(err)
		}
	}
	return bufio.NewReaderSize(&bounded{plain, maxBytes}, maxLine), nil
}

// bounded ends a file that grows beyond measure when it is unpacked.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooMany.Detailf("It is larger than %d MiB.", maxBytes>>20)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// next reads a line; one that is too long is passed over.
func next(r *bufio.Reader) (line []byte, long bool, err error) {
	line, err = r.ReadSlice('\n')
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = r.ReadSlice('\n')
	}
	return line, long, err
}

// judge says why a session cannot have been, nil when it can.
func (r Row) judge(now time.Time) *Finding {
	duration := r.EndedAt.Sub(r.StartedAt)
	switch {
	case duration == 0:
		return &Finding{Code: "zero_length", Detail: "it ends when it begins"}
	case duration < 0:
		return &Finding{Code: "ends_before_start", Detail: "it ends before it begins"}
	case duration > longest:
		return &Finding{Code: "too_long", Detail: "it lasts longer than a month"}
	case r.EndedAt.After(now.Add(time.Minute)):
		return &Finding{Code: "future", Detail: "it ends in the future"}
	case r.EnergyWh < 0:
		return &Finding{Code: "negative_energy", Detail: "its energy is negative"}
	case float64(r.EnergyWh) > mostW*duration.Hours():
		return &Finding{Code: "impossible_power", Detail: "no outlet gives so much in the time"}
	}
	return nil
}

const (
	longest = 31 * 24 * time.Hour
	mostW   = 4_000_000 // a megawatt charger for trucks gives 3.75 MW
)

// parser reads a line.
type parser func(line []byte) (Row, *Finding)

var formats = map[string]parser{"ndjson": parseOwn, "irve": parseIRVE}

func decode(line []byte, into any) *Finding {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return &Finding{Code: "bad_json", Detail: "the line is no JSON object of the format"}
	}
	if d.More() {
		return &Finding{Code: "bad_json", Detail: "the line holds more than one object"}
	}
	return nil
}

func parseOwn(line []byte) (Row, *Finding) {
	var own struct {
		ID        string     `json:"id"`
		EVSEID    string     `json:"evse_id"`
		StartedAt *time.Time `json:"started_at"`
		EndedAt   *time.Time `json:"ended_at"`
		EnergyKWh *float64   `json:"energy_kwh"`
	}
	if wrong := decode(line, &own); wrong != nil {
		return Row{}, wrong
	}
	if own.EVSEID == "" || own.StartedAt == nil || own.EndedAt == nil || own.EnergyKWh == nil {
		return Row{}, &Finding{Code: "missing", Detail: "evse_id, started_at, ended_at and energy_kwh are wanted"}
	}
	return rowOf(own.ID, own.EVSEID, *own.StartedAt, *own.EndedAt, *own.EnergyKWh)
}

func parseIRVE(line []byte) (Row, *Finding) {
	var irve struct {
		EVSEID string   `json:"id_pdc_itinerance"`
		Start  *int64   `json:"start"`
		End    *int64   `json:"end"`
		Energy *float64 `json:"energy"`
	}
	if wrong := decode(line, &irve); wrong != nil {
		return Row{}, wrong
	}
	if irve.EVSEID == "" || irve.Start == nil || irve.End == nil || irve.Energy == nil {
		return Row{}, &Finding{Code: "missing", Detail: "id_pdc_itinerance, start, end and energy are wanted"}
	}
	return rowOf("", irve.EVSEID, time.UnixMilli(*irve.Start), time.UnixMilli(*irve.End), *irve.Energy)
}

func rowOf(id, evse string, start, end time.Time, kWh float64) (Row, *Finding) {
	switch {
	case len(id) > 64 || len(evse) > 64 || strings.ContainsRune(id+evse, 0):
		return Row{}, &Finding{Code: "bad_id", Detail: "an id is too long or no text"}
	case start.Year() < 2000 || start.Year() > 9999 || end.Year() < 2000 || end.Year() > 9999:
		return Row{}, &Finding{Code: "bad_time", Detail: "a time is out of range"}
	case math.Abs(kWh) > 1e9:
		return Row{}, &Finding{Code: "impossible_power", Detail: "no outlet gives so much in the time"}
	}
	return Row{
		ID: id, EVSEID: evse, StartedAt: start.UTC().Truncate(time.Microsecond), EndedAt: end.UTC().Truncate(time.Microsecond),
		EnergyWh: int64(math.Round(kWh * 1000)),
	}, nil
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64]
	}
	return s
}

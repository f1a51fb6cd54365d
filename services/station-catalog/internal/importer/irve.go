package importer

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// irve is the format of the French register.
type irve struct{}

// column is a column of the register that is used here.
type column int

// The columns. Their order is that of a staged row.
const (
	colEVSE column = iota
	colStation
	colStationName
	colOperator
	colOperatorMail
	colOperatorPhone
	colBrand
	colOwner
	colAddress
	colPlace
	colCoordinates
	colPoints
	colPower
	colDomestic
	colType2
	colCCS
	colCHAdeMO
	colOther
	colCable
	colFree
	colAdHoc
	colCard
	colOtherMeans
	colPrice
	colAccess
	colReservable
	colHours
	colDisabled
	colTwoWheels
	columns
)

var columnNames = [columns]string{
	colEVSE:          "id_pdc_itinerance",
	colStation:       "id_station_itinerance",
	colStationName:   "nom_station",
	colOperator:      "nom_operateur",
	colOperatorMail:  "contact_operateur",
	colOperatorPhone: "telephone_operateur",
	colBrand:         "nom_enseigne",
	colOwner:         "nom_amenageur",
	colAddress:       "adresse_station",
	colPlace:         "implantation_station",
	colCoordinates:   "coordonneesXY",
	colPoints:        "nbre_pdc",
	colPower:         "puissance_nominale",
	colDomestic:      "prise_type_ef",
	colType2:         "prise_type_2",
	colCCS:           "prise_type_combo_ccs",
	colCHAdeMO:       "prise_type_chademo",
	colOther:         "prise_type_autre",
	colCable:         "cable_t2_attache",
	colFree:          "gratuit",
	colAdHoc:         "paiement_acte",
	colCard:          "paiement_cb",
	colOtherMeans:    "paiement_autre",
	colPrice:         "tarification",
	colAccess:        "condition_acces",
	colReservable:    "reservation",
	colHours:         "horaires",
	colDisabled:      "accessibilite_pmr",
	colTwoWheels:     "station_deux_roues",
}

var columnOf = func() map[string]column {
	m := make(map[string]column, columns)
	for c, name := range columnNames {
		m[name] = column(c)
	}
	return m
}()

// mandatory are the columns without which a file is not the register's.
var mandatory = []column{colEVSE, colStation, colCoordinates, colPower}

// fields are the values of a row: trimmed, on one line, empty when absent.
type fields [columns]string

// Rows reads JSON lines when the first character is "{", and CSV otherwise.
func (irve) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] {
	buffered := bufio.NewReaderSize(r, 128<<10)
	if bom, err := buffered.Peek(len(utf8BOM)); err == nil && string(bom) == utf8BOM {
		_, _ = buffered.Discard(len(utf8BOM)) // it was peeked
	}
	for {
		c, err := buffered.ReadByte()
		if err != nil {
			return failing(err)
		}
		if c == ' ' || c == '\t' || c == '\r' {
			continue
		}
		_ = buffered.UnreadByte() // it was read
		if c == '{' || c == '\n' {
			return rowsOf(buffered, jsonRow)
		}
		return csvRows(buffered)
	}
}

// failing yields one error, or nothing at the end of an empty file.
func failing(err error) iter.Seq2[transfer.Row, error] {
	return func(yield func(transfer.Row, error) bool) {
		if !errors.Is(err, io.EOF) {
			yield(transfer.Row{}, err)
		}
	}
}

func jsonRow(number int64, line []byte) transfer.Row {
	var f fields
	err := flat(line, func(name, value []byte) {
		if c, ok := columnOf[string(name)]; ok && value != nil {
			f[c] = tidy(string(value))
		}
	})
	if err != nil {
		return rejected(number, "not_json", "the row is not a JSON object")
	}
	return irveRow(number, &f)
}

func csvRows(r io.Reader) iter.Seq2[transfer.Row, error] {
	var places [columns]int
	return table{
		header: func(record []string) (err error) {
			places, err = findColumns(record)
			return err
		},
		row: func(number int64, record []string) transfer.Row { return csvRow(number, record, places) },
	}.rows(r)
}

func findColumns(header []string) ([columns]int, error) {
	var places [columns]int
	for c := range places {
		places[c] = -1
	}
	for i, name := range header {
		if c, ok := columnOf[tidy(name)]; ok {
			places[c] = i
		}
	}
	for _, c := range mandatory {
		if places[c] < 0 {
			return places, transfer.ErrFile.Detailf("the header has no column %s: this is not the register's static scheme", columnNames[c])
		}
	}
	return places, nil
}

func csvRow(number int64, record []string, places [columns]int) transfer.Row {
	var f fields
	for c, i := range places {
		if i < 0 {
			continue
		}
		if !utf8.ValidString(record[i]) {
			return rejected(number, "encoding", "the row is not UTF-8")
		}
		f[c] = tidy(record[i])
	}
	return irveRow(number, &f)
}

// tidy trims, and makes each run of white space one blank, so that a value stays on its line and in its column.
func tidy(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == 0x7f || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') || c == 0xc2 && i+1 < len(s) && s[i+1] == 0xa0 {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xa0 {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// irveRow makes a row of values, or says why not.
func irveRow(number int64, f *fields) transfer.Row {
	point, findings := readPoint(number, f)
	row := transfer.Row{Line: number, Findings: findings}
	if point.Station == "" {
		if station := f[colStation]; station != "" && !isNone(station) && utf8.RuneCountInString(station) <= 128 {
			row.Key = station
		}
		return row
	}
	f[colEVSE], f[colStation] = point.UID, point.Station
	row.Key, row.UIDs, row.Data = point.Station, []string{point.UID}, stageLine(number, f)
	return row
}

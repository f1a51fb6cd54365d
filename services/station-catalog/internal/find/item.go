package find

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// A search item is rendered in two parts, neither of which a status changes: what a station has of its own, and what it has in common
// with others, which the index keeps once for all of them. They are written by hand, since a start writes them for every station;
// encoding/json takes four times as long for the same bytes.

const wattsPerKW = 1000

// appendOwn writes a JSON object of what a station has of its own.
func appendOwn(dst []byte, st *station.Station) []byte {
	dst = appendText(append(dst, `{"id":`...), st.ID.String())
	dst = appendText(append(dst, `,"name":`...), st.Name)
	dst = appendNumber(append(dst, `,"latitude":`...), st.Latitude)
	dst = appendNumber(append(dst, `,"longitude":`...), st.Longitude)
	dst = appendText(append(dst, `,"address":`...), st.Address)
	dst = appendText(append(dst, `,"city":`...), st.City)
	dst = appendText(append(dst, `,"postal_code":`...), st.PostalCode)
	dst = strconv.AppendInt(append(dst, `,"version":`...), st.Version, 10)
	dst = st.UpdatedAt.AppendFormat(append(dst, `,"updated_at":"`...), time.RFC3339Nano)
	return append(dst, '"', '}')
}

// appendCommon writes a JSON object of what a station has in common with others: the price is of a kilowatt-hour.
func appendCommon(dst []byte, st *station.Station, from station.Price, priced bool) []byte {
	dst = appendText(append(dst, `{"country":`...), st.Country)
	dst = appendText(append(dst, `,"access":`...), string(st.Access))
	dst = appendText(append(dst, `,"operator":{"id":`...), st.Operator.ID.String())
	dst = appendText(append(dst, `,"name":`...), st.Operator.Name)
	dst = appendText(append(dst, `,"country_code":`...), st.Operator.CountryCode)
	dst = appendText(append(dst, `,"party_id":`...), st.Operator.PartyID)
	dst = append(dst, `},"max_power_kw":`...)
	if watts := st.MaxPowerW(); watts > 0 {
		dst = appendNumber(dst, float64(watts)/wattsPerKW)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"price_from":`...)
	if priced {
		dst = appendText(append(dst, `{"currency":`...), from.Currency)
		dst = append(appendText(append(dst, `,"amount":`...), Decimal(from.PerKWh)), '}')
	} else {
		dst = append(dst, "null"...)
	}
	return append(strconv.AppendBool(append(dst, `,"free_charging":`...), st.Free()), '}')
}

// appendText writes a string as encoding/json does, which is asked itself when anything is to be escaped.
func appendText(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '"', c == '\\', c == '<', c == '>', c == '&', c == 0xe2: // U+2028 begins with it
			return appendEscaped(dst, text)
		}
	}
	if !utf8.ValidString(text) {
		return appendEscaped(dst, text)
	}
	return append(append(append(dst, '"'), text...), '"')
}

func appendEscaped(dst []byte, text string) []byte {
	quoted, _ := json.Marshal(text) // a string always can be
	return append(dst, quoted...)
}

// appendNumber writes a finite number as encoding/json does.
func appendNumber(dst []byte, v float64) []byte {
	if size := math.Abs(v); size != 0 && size < 1e-6 || size >= 1e21 {
		text, _ := json.Marshal(v) // a finite number always can be
		return append(dst, text...)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

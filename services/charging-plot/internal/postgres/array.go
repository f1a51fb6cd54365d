package postgres

import (
	"bytes"
	"math"
	"time"
)

// parseArray reads the text of an array of whole numbers, such as {1,-2,NULL}; missing tells which are NULL.
func parseArray(text []byte) (values []int64, missing []bool) {
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("{")), []byte("}"))
	if len(text) == 0 {
		return nil, nil
	}
	n := bytes.Count(text, []byte(",")) + 1
	values, missing = make([]int64, 0, n), make([]bool, 0, n)
	var value int64
	negative, null := false, false
	for i := 0; i <= len(text); i++ {
		switch {
		case i == len(text) || text[i] == ',':
			if negative {
				value = -value
			}
			values, missing = append(values, value), append(missing, null)
			value, negative, null = 0, false, false
		case text[i] == '-':
			negative = true
		case text[i] >= '0' && text[i] <= '9':
			value = value*10 + int64(text[i]-'0')
		default: // a letter of NULL
			null = true
		}
	}
	return values, missing
}

// thousandths reads an array of thousandths of a unit as the unit, NaN where it says NULL.
func thousandths(text []byte) []float64 {
	values, missing := parseArray(text)
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v) / 1000
		if missing[i] {
			out[i] = math.NaN()
		}
	}
	return out
}

// moments reads an array of microseconds since 1970 as times, the zero time where it says NULL.
func moments(text []byte) []time.Time {
	values, missing := parseArray(text)
	out := make([]time.Time, len(values))
	for i, v := range values {
		if !missing[i] {
			out[i] = time.UnixMicro(v).UTC()
		}
	}
	return out
}

// instants writes times as an array, to the microsecond.
func instants(times []time.Time) string {
	out := make([]byte, 0, 2+len("2006-01-02T15:04:05.999999Z,")*len(times))
	out = append(out, '{')
	for i, t := range times {
		if i > 0 {
			out = append(out, ',')
		}
		out = t.UTC().AppendFormat(out, "2006-01-02T15:04:05.999999Z07:00")
	}
	return string(append(out, '}'))
}

package postgres

import (
	"bytes"
	"math"
	"strconv"
)

// parseArray reads the text of an array of numbers, NULL as NaN. Microseconds since 1970 stay exact in a float64 until the year 2255.
func parseArray(text []byte) []float64 {
	text = bytes.TrimSuffix(bytes.TrimPrefix(text, []byte("{")), []byte("}"))
	if len(text) == 0 {
		return nil
	}
	out := make([]float64, 0, bytes.Count(text, []byte(","))+1)
	for len(text) > 0 {
		item := text
		if end := bytes.IndexByte(text, ','); end >= 0 {
			item, text = text[:end], text[end+1:]
		} else {
			text = nil
		}
		v, err := strconv.ParseFloat(string(item), 64)
		if err != nil { // NULL
			v = math.NaN()
		}
		out = append(out, v)
	}
	return out
}

// Package polyline reads lines on the map in the encoding that map services use (Google's encoded polyline algorithm format, with
// five digits after the point), and writes them.
//
//	places, err := polyline.Decode("_p~iF~ps|U_ulLnnqC_mqNvxq`@", 1000)
package polyline

import (
	"errors"
	"fmt"
	"math"
)

// Why a text is not a line.
var (
	ErrSyntax = errors.New("is not an encoded polyline")
	ErrPlace  = errors.New("leaves the globe")
	ErrLong   = errors.New("has too many places")
)

const (
	precision = 1e5
	// mostBits is what the greatest difference of longitudes needs, with room.
	mostBits = 30
)

// Decode gives latitudes and longitudes in degrees, at most so many.
func Decode(text string, most int) ([][2]float64, error) {
	places := make([][2]float64, 0, min(most, len(text)/2))
	var at [2]int64
	for i := 0; i < len(text); {
		for axis := range at {
			step, n := number(text[i:])
			if n == 0 {
				return nil, fmt.Errorf("%w: character %d", ErrSyntax, i+1)
			}
			i += n
			at[axis] += step
		}
		if len(places) == most {
			return nil, fmt.Errorf("%w: more than %d", ErrLong, most)
		}
		lat, lon := float64(at[0])/precision, float64(at[1])/precision
		if math.Abs(lat) > 90 || math.Abs(lon) > 180 {
			return nil, fmt.Errorf("%w: %v, %v", ErrPlace, lat, lon)
		}
		places = append(places, [2]float64{lat, lon})
	}
	return places, nil
}

// number reads one number and tells how many characters it took; 0 when there is none.
func number(text string) (value int64, n int) {
	var bits uint64
	for shift := 0; n < len(text) && shift <= mostBits; shift += 5 {
		c := text[n]
		if c < '?' || c > '~' {
			return 0, 0
		}
		n++
		bits |= uint64(c-'?') & 0x1f << shift
		if c-'?' < 0x20 {
			value = int64(bits >> 1)
			if bits&1 != 0 {
				value = ^value
			}
			return value, n
		}
	}
	return 0, 0
}

// digits are the characters of five bits each: of a last one, then of those that others follow.
const digits = "?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// Encode writes places in degrees.
func Encode(places [][2]float64) string {
	var out []byte
	var last [2]int64
	for _, place := range places {
		for axis := range place {
			at := int64(math.Round(place[axis] * precision))
			step := (at - last[axis]) << 1
			if at < last[axis] {
				step = ^step
			}
			last[axis] = at
			for ; step >= 0x20; step >>= 5 {
				out = append(out, digits[step&0x1f+0x20])
			}
			out = append(out, digits[step])
		}
	}
	return string(out)
}

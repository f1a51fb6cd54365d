package ocpi

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Time is a DateTime of OCPI: RFC 3339, in UTC, to the millisecond, 24 characters long.
type Time time.Time

const timeLayout = "2006-01-02T15:04:05.000Z"

// MarshalJSON writes the time.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads the time as ParseTime does.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	at, err := ParseTime(text)
	*t = Time(at)
	return err
}

// ParseTime reads a DateTime. One without a zone is in UTC.
func ParseTime(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		if at, err = time.Parse("2006-01-02T15:04:05", text); err != nil {
			return time.Time{}, fmt.Errorf("%q is not a DateTime of OCPI", text)
		}
	}
	return at.UTC(), nil
}

// Number is a number of OCPI: a decimal with at most four digits after the point.
type Number string

// NumberOf rounds a number to OCPI's four digits, halves away from zero.
func NumberOf(r *big.Rat) Number {
	const digits = 4
	text := strings.TrimRight(strings.TrimRight(r.FloatString(digits), "0"), ".")
	if text == "" || text == "-0" {
		text = "0"
	}
	return Number(text)
}

// MarshalJSON writes the digits.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("0"), nil
	}
	return []byte(n), nil
}

// Price is an amount before and, where that is known, after taxes.
type Price struct {
	ExclVAT Number  `json:"excl_vat"`
	InclVAT *Number `json:"incl_vat,omitempty"`
}

// Coordinates are a place, WGS 84, in degrees.
type Coordinates struct {
	Latitude  string `json:"latitude"`
	Longitude string `json:"longitude"`
}

// Longest latitude and longitude, in characters.
const (
	maxLatitude  = 10
	maxLongitude = 11
)

// CoordinatesOf writes a place with as many decimals as OCPI has room for: six or seven, which is eleven centimetres or one.
func CoordinatesOf(latitude, longitude float64) Coordinates {
	return Coordinates{degrees(latitude, maxLatitude), degrees(longitude, maxLongitude)}
}

func degrees(v float64, most int) string {
	if text := fmt.Sprintf("%.7f", v); len(text) <= most {
		return text
	}
	return fmt.Sprintf("%.6f", v)
}

// Alpha3 is the ISO 3166-1 alpha-3 code of a country of two letters; the two letters when there is none.
func Alpha3(alpha2 string) string {
	region, err := language.ParseRegion(alpha2)
	if err != nil || region.ISO3() == "" {
		return alpha2
	}
	return region.ISO3()
}

// Cut is a text of at most so many characters.
func Cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if runes := []rune(text); len(runes) > most {
		return strings.TrimSpace(string(runes[:most]))
	}
	return text
}

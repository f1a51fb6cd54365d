package tariff

import (
	"errors"
	"math/big"
	"regexp"
)

// Number is an exact decimal as it stands in JSON: at most twelve digits before the point and eight after, no exponent.
// Its zero value is 0.
type Number string

var (
	numberPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?$`)
	errNumber     = errors.New("a number needs at most 12 digits before the point, 8 after it and no exponent")
)

// ParseNumber reads a decimal and refuses one that is too long to be money, energy or a percentage.
func ParseNumber(s string) (Number, error) {
	if !numberPattern.MatchString(s) {
		return "", errNumber
	}
	return Number(s), nil
}

// UnmarshalJSON keeps the digits of a JSON number as they are written.
func (n *Number) UnmarshalJSON(data []byte) error {
	parsed, err := ParseNumber(string(data))
	if err != nil {
		return err
	}
	*n = parsed
	return nil
}

// MarshalJSON writes the digits that were read.
func (n Number) MarshalJSON() ([]byte, error) {
	if n == "" {
		return []byte("0"), nil
	}
	return []byte(n), nil
}

// Rat is the number's exact value. Every Number made by this package's readers has one.
func (n Number) Rat() *big.Rat {
	value, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return new(big.Rat)
	}
	return value
}

package operator

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"strings"
)

// Nowhere is the country code of operators that their sources know by name alone. ISO 3166-1 leaves it to its users, so that no
// code that an authority gives out is ever one of ours.
const Nowhere = "ZZ"

// UnknownName is the operator of stations whose source names none.
const UnknownName = "Unknown operator"

// Codes is how many party ids there are.
const Codes = 36 * 36 * 36

// CodeFor is the party id that a name gets in country Nowhere when the first attempts were taken by other names: the same one
// wherever the name comes in first.
func CodeFor(name string, attempt int) string {
	sum := sha256.Sum256([]byte(name))
	n := (uint64(binary.BigEndian.Uint32(sum[:4])) + uint64(max(0, attempt))) % Codes
	code := strings.ToUpper(strconv.FormatUint(n, 36))
	return strings.Repeat("0", 3-len(code)) + code
}

package catalog

import (
	"strconv"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Box is a part of the map, in degrees. It crosses the antimeridian when West is greater than East.
type Box struct{ West, South, East, North float64 }

// ErrBadBox is a box that is none.
var ErrBadBox = fault.Define(fault.Invalid, "bad_bbox", "The box is not one")

// ParseBox reads "west,south,east,north".
func ParseBox(text string) (Box, error) {
	bad := ErrBadBox.At(fault.Field{Parameter: "bbox", Code: "bbox", Detail: "must be west,south,east,north in degrees, south below north"})
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		return Box{}, bad
	}
	var degrees [4]float64
	for i, part := range parts {
		v, err := strconv.ParseFloat(part, 64)
		most := 180.0
		if i%2 == 1 {
			most = 90
		}
		if err != nil || !(v >= -most && v <= most) { // NaN is neither
			return Box{}, bad
		}
		degrees[i] = v
	}
	b := Box{degrees[0], degrees[1], degrees[2], degrees[3]}
	if b.South > b.North {
		return Box{}, bad
	}
	return b, nil
}

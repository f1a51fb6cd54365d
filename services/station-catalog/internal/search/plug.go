package search

import "math"

// plug is what a connector has that a query may ask for: its standard, power and traits, packed so
// that a page's plugs are few bytes. Pages keep every distinct plug once, with the set of stations
// that have it. All conditions about one and the same connector then cost one comparison for each
// distinct plug of a page, and are exact.
type plug uint64

const (
	mostStandards = 1 << 8
	mostPowerW    = 1<<24 - 1
	mostTraits    = 32

	// mostPlugs bounds the distinct plugs of a station, so that a page numbers its own in 16 bits.
	mostPlugs = math.MaxUint16 / pageCap
)

func newPlug(standard uint8, powerW, traits uint32) plug {
	return plug(standard)<<56 | plug(powerW)<<32 | plug(traits)
}

func (p plug) standard() uint8 { return uint8(p >> 56) }
func (p plug) powerW() uint32  { return uint32(p>>32) & mostPowerW }
func (p plug) traits() uint32  { return uint32(p) }

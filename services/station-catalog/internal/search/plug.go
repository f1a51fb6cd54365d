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
func (p plug) traits() uint32  { return uint32(p & math.MaxUint32) }

// plugTable tells which stations of a page have which plug. Plugs and sets lie in one piece of
// memory: a search of the whole world waits for memory more than for anything else.
type plugTable struct {
	n    int
	data []uint64 // n plugs, ascending, then pageWords words for each
}

func newPlugTable(plugs []plug) plugTable {
	t := plugTable{n: len(plugs), data: make([]uint64, len(plugs)*(1+pageWords))}
	for i, p := range plugs {
		t.data[i] = uint64(p)
	}
	return t
}

func (t *plugTable) plug(i int) plug { return plug(t.data[i]) }

// having is the set of the stations that have a plug.
func (t *plugTable) having(i int) *words {
	return (*words)(t.data[t.n+i*pageWords:])
}

package find

import (
	"runtime/debug"
	"runtime/metrics"
)

const (
	// garbageRoom is how much garbage may gather, in bytes, before it is collected. Go's own measure is as much as there is in use, which
	// would double what an index of a million stations takes. To collect beside an index is cheap, since it has hardly any pointers.
	garbageRoom = 128 << 20
	leastGrowth = 10  // percent
	mostGrowth  = 100 // what Go does by itself
)

// setGrowth is how far memory grows between collections, in percent, unless it is bounded: GOGC.
var setGrowth = func() uint64 {
	set := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(set)
	return set[0].Value.Uint64()
}()

// boundGarbage bounds how far memory grows before the next collection, by what the last one left in use.
func boundGarbage() {
	inUse := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(inUse)
	debug.SetGCPercent(growth(inUse[0].Value.Uint64(), setGrowth))
}

// growth is the room in percent of what is in use, but not more than what was set.
func growth(inUse, set uint64) int {
	return int(min(max(garbageRoom*100/max(inUse, 1), leastGrowth), mostGrowth, set))
}

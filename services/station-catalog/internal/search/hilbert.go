package search

// hilbert numbers the places of the globe along a Hilbert curve over longitude and latitude, so
// that stations with near numbers are near each other. It only decides which stations share a
// page: an answer never depends on it, which is why the seam at the antimeridian does not matter.
func hilbert(lat, lon float64) uint64 {
	x, y := grid((lon+180)/360), grid((lat+90)/180)
	var along uint64
	for side := uint32(1) << 31; side > 0; side >>= 1 {
		var right, upper uint32
		if x&side != 0 {
			right = 1
		}
		if y&side != 0 {
			upper = 1
		}
		along += uint64(side) * uint64(side) * uint64(3*right^upper)
		// Turn the quadrant, so that the curve leaves it where the next one begins.
		if upper == 0 {
			if right == 1 {
				x, y = ^x, ^y
			}
			x, y = y, x
		}
	}
	return along
}

// grid maps [0, 1] onto all of uint32.
func grid(share float64) uint32 {
	const cells = 1 << 32
	return uint32(min(share*cells, cells-1))
}

// position is the place of a station in the order of pages: along the curve, then by id.
type position struct {
	key uint64
	id  ID
}

func (p position) compare(q position) int {
	switch {
	case p.key < q.key:
		return -1
	case p.key > q.key:
		return 1
	default:
		return p.id.Compare(q.id)
	}
}

package search

import "time"

// The units of a tile.
const (
	// TileExtent is how many units a side of a tile has.
	TileExtent = 1 << log2TileExtent
	// TileBuffer is up to how many units beyond each side a tile repeats what its neighbours have.
	TileBuffer = TileExtent / 32
	// TileZooms is the last zoom level of tiles.
	TileZooms = 16

	log2TileExtent = 12
	// log2TileCell is of the units on a side of a cell.
	log2TileCell = log2TileExtent - 3
	// tileCells are the cells on a side of a tile, with one of each neighbour's.
	tileCells = TileExtent>>log2TileCell + 2
)

// Tile gathers the matches on a tile of the map: each one, while they are few, and always what lies in each cell of a grid. Cells are an
// eighth of a tile's side. It reaches beyond the tile by TileBuffer, across the antimeridian too; at zoom 0, where the neighbour is the
// tile itself, it does not.
//
// What it gathers depends neither on the order in which matches come nor on where from.
type Tile struct {
	zoom        int
	west, north int64 // of the tile, in 2^-32 of the map's sides
	size, pad   int64
	shift       uint // of 2^-32 to units
	column, row uint32

	most  int
	shown int // how many were within the buffer
	spots []Spot
	cells [tileCells * tileCells]TileCell
}

// Spot is a station on a tile. X and Y are in units, from the north-west corner.
type Spot struct {
	Hit
	X, Y int
}

// TileCell is what lies in a cell.
type TileCell struct {
	Stations, Plots, Available int
	// MaxPowerW is 0 when no power is known.
	MaxPowerW uint32
	// Only is the station when there is just one.
	Only ID

	x, y int64 // sums of the places within the tile, in 2^-32
}

// Offer is what cells count of a station.
type Offer struct {
	Plots, Available int
	MaxPowerW        uint32
}

// Begin makes a tile ready, which may have been used before. Tiles are counted from the north-west, up to 2^zoom in a row and a
// column. It gathers single stations as long as they are at most so many.
func (t *Tile) Begin(zoom int, column, row uint32, most int) {
	t.Reset()
	*t = Tile{zoom: zoom, column: column, row: row, most: most, spots: t.spots}
	t.shift = uint(32 - log2TileExtent - zoom)
	t.size = TileExtent << t.shift
	t.west, t.north = int64(column)*t.size, int64(row)*t.size
	if zoom > 0 {
		t.pad = 1 << (log2TileCell + t.shift)
	}
}

// Box surrounds all that the tile is about, in degrees: the tile, a cell of each neighbour, and what rounding may take off.
func (t *Tile) Box() (west, south, east, north float64) {
	const margin, whole = 1e-6, 1 << 32
	degrees := func(x int64) float64 { return float64(x)/whole*360 - 180 }
	west, south, east, north = -180, -90, 180, 90
	if t.zoom > 0 {
		if west = degrees(t.west-t.pad) - margin; west < -180 {
			west += 360
		}
		if east = degrees(t.west+t.size+t.pad) + margin; east > 180 {
			east -= 360
		}
	}
	if top := t.north - t.pad; top > 0 {
		north = up(float64(top)/whole) + margin
	}
	if bottom := t.north + t.size + t.pad; bottom < whole {
		south = up(float64(bottom)/whole) - margin
	}
	return west, south, east, north
}

// Add counts a station, and tells whether it is on the tile or within the buffer.
func (t *Tile) Add(id ID, at Mercator, offer Offer) (shown bool) {
	x, y := t.place(at)
	if x < -t.pad || x >= t.size+t.pad || y < -t.pad || y >= t.size+t.pad {
		return false
	}
	cell := &t.cells[(y>>t.shift>>log2TileCell+1)*tileCells+x>>t.shift>>log2TileCell+1]
	cell.Stations++
	cell.Plots += offer.Plots
	cell.Available += offer.Available
	cell.MaxPowerW = max(cell.MaxPowerW, offer.MaxPowerW)
	cell.Only = id
	cell.x, cell.y = cell.x+x, cell.y+y
	if !buffered(x>>t.shift) || !buffered(y>>t.shift) {
		return false
	}
	t.shown++
	return true
}

// place is relative to the corner: in the neighbour in the west it is negative. Going round the globe the nearer way counts.
func (t *Tile) place(at Mercator) (x, y int64) {
	const round = 1 << 32
	x, y = int64(at.X)-t.west, int64(at.Y)-t.north
	if t.zoom > 0 {
		if x < -t.pad {
			x += round
		} else if x >= t.size+t.pad {
			x -= round
		}
	}
	return x, y
}

func buffered(unit int64) bool { return unit >= -TileBuffer && unit < TileExtent+TileBuffer }

// Few tells whether the stations on the tile, with those within the buffer, are at most as many as it shows one by one.
func (t *Tile) Few() bool { return t.shown <= t.most }

// Spots are the stations on the tile and within the buffer, along the curve of the index; only as long as there are Few. They are good
// until the next Begin.
func (t *Tile) Spots() []Spot { return t.spots }

// Cells calls fn with the cells whose mean is on the tile or within the buffer, from north to south and from west to east, with that
// mean in units and a number that no cell of another tile of the zoom level has.
func (t *Tile) Cells(fn func(c *TileCell, x, y int, number uint64)) {
	for i := range t.cells {
		c := &t.cells[i]
		if c.Stations == 0 {
			continue
		}
		x, y := mean(c.x, c.Stations)>>t.shift, mean(c.y, c.Stations)>>t.shift
		if buffered(x) && buffered(y) {
			fn(c, int(x), int(y), t.number(i))
		}
	}
}

// mean is rounded down, so that it lies in the cell that its summands lie in, whichever tile it is reckoned from.
func mean(sum int64, n int) int64 {
	quotient := sum / int64(n)
	if sum%int64(n) < 0 {
		quotient--
	}
	return quotient
}

func (t *Tile) number(i int) uint64 {
	const across = tileCells - 2
	row := uint64(t.row)*across + uint64(i/tileCells) - 1       //nolint:gosec // a cell of the row above tile 0 is empty
	column := uint64(t.column)*across + uint64(i%tileCells) - 1 //nolint:gosec // it wraps around, as the row of tiles does
	wide := uint64(across) << t.zoom
	return row*wide + (column+wide)%wide
}

// Reset forgets the stations, so that a tile in a pool does not keep an old snapshot in memory.
func (t *Tile) Reset() {
	clear(t.spots)
	t.spots = t.spots[:0]
}

// Gather puts the stations that match into a tile, and nothing else. The query's region is to be Tile.Box.
func (s *Snapshot) Gather(q *Query, t *Tile) {
	t.Begin(t.zoom, t.column, t.row, t.most)
	minute := minuteOf(q.At)
	s.visit(q, func(p page, matches *words) {
		for slot := range matches.each {
			if t.Add(p.ids[slot], p.mercator[slot], p.offer(slot)) && t.Few() {
				t.show(p, slot, minute)
			}
		}
	})
}

// Show puts every station there is onto a tile that has counted them by Add, as it is at a time.
func (s *Snapshot) Show(at time.Time, t *Tile) {
	s.visit(&Query{}, func(p page, matches *words) {
		for slot := range matches.each {
			t.show(p, slot, minuteOf(at))
		}
	})
}

func (t *Tile) show(p page, slot int, minute int64) {
	x, y := t.place(p.mercator[slot])
	t.spots = append(t.spots, Spot{
		Hit: Hit{page: p, slot: slot, away: -1, minute: minute}, X: int(x >> t.shift), Y: int(y >> t.shift),
	})
}

func (p page) offer(slot int) Offer {
	o := Offer{Plots: int(p.live.count.at(slot))}
	if power := p.columns[ColumnPower].at(slot); power > 0 {
		o.MaxPowerW = uint32(power)
	}
	first, end := p.evseRange(slot)
	for bay := first; bay < end; bay++ {
		if p.live.bays.leads(bay) {
			o.Available += p.live.available(bay)
		}
	}
	return o
}

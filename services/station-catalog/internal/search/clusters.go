package search

import (
	"cmp"
	"math"
	"slices"
)

// Clusters gathers positions in the cells of a grid over the map of the world (web Mercator). Positions may come in any order and
// from anywhere: the answer is the same.
type Clusters struct {
	cells float64 // on a side of the world
	shift uint    // of a place on the map to its cell
	of    map[cell]*Cluster
}

type cell struct{ x, y uint32 }

// Cluster is what lies in a cell.
type Cluster struct {
	Count int
	// First is the least id.
	First ID
	// South to East surround the positions.
	South, West, North, East float64

	cell     cell
	lat, lon int64 // sums in 1e-7 degrees, which are exact whatever comes first
}

const (
	// cellsPerTile is how many cells lie on a side of a map tile of 256 pixels.
	cellsPerTile     = 1 << log2CellsPerTile
	log2CellsPerTile = 2
	fixed            = 1e7
)

// NewClusters makes the grid of a zoom level of maps, from 0.
func NewClusters(zoom int) *Clusters {
	return &Clusters{cells: math.Ldexp(cellsPerTile, zoom), shift: uint(32 - log2CellsPerTile - zoom), of: map[cell]*Cluster{}}
}

// CellsWithin tells how many cells a box touches at most.
func (c *Clusters) CellsWithin(west, south, east, north float64) float64 {
	if west > east {
		east += 360
	}
	return ((east-west)/360*c.cells + 1) * ((down(south)-down(north))*c.cells + 1)
}

func (c *Clusters) cellOf(at Mercator) cell { return cell{at.X >> c.shift, at.Y >> c.shift} }

// Add puts a position in.
func (c *Clusters) Add(id ID, lat, lon float64) {
	c.at(c.cellOf(MercatorOf(lat, lon))).add(id, lat, lon)
}

func (c *Clusters) at(place cell) *Cluster {
	known := c.of[place]
	if known == nil {
		known = &Cluster{First: ID(slices.Repeat([]byte{0xff}, 16)), South: 91, West: 181, North: -91, East: -181, cell: place}
		c.of[place] = known
	}
	return known
}

func (k *Cluster) add(id ID, lat, lon float64) {
	k.Count++
	if id.Compare(k.First) < 0 {
		k.First = id
	}
	k.South, k.North = min(k.South, lat), max(k.North, lat)
	k.West, k.East = min(k.West, lon), max(k.East, lon)
	k.lat += int64(math.Round(lat * fixed))
	k.lon += int64(math.Round(lon * fixed))
}

// Position is the mean of the positions, in degrees.
func (k *Cluster) Position() (lat, lon float64) {
	n := int64(k.Count) * fixed
	return float64(k.lat) / float64(n), float64(k.lon) / float64(n)
}

// All gives the clusters from north to south, and from west to east.
func (c *Clusters) All() []*Cluster {
	all := make([]*Cluster, 0, len(c.of))
	for _, k := range c.of {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *Cluster) int {
		return cmp.Or(cmp.Compare(a.cell.y, b.cell.y), cmp.Compare(a.cell.x, b.cell.x))
	})
	return all
}

// Cluster puts the stations that match into c, and counts them.
func (s *Snapshot) Cluster(q *Query, c *Clusters) (total int) {
	s.visit(q, func(p page, matches *words) {
		total += matches.count()
		// Neighbours on a page are in one cell more often than not.
		southWest, northEast := c.cellOf(MercatorOf(p.bounds.south, p.bounds.west)), c.cellOf(MercatorOf(p.bounds.north, p.bounds.east))
		whole := southWest == northEast
		var here *Cluster
		if whole {
			here = c.at(southWest)
		}
		for slot := range matches.each {
			if !whole {
				here = c.at(c.cellOf(p.mercator[slot]))
			}
			here.add(p.ids[slot], p.lats[slot], p.lons[slot])
		}
	})
	return total
}

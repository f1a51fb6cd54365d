package postgres

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// inBox is search.Box.Contains.
func inBox(p *parameters, b *find.Box) string {
	south, north := p.add(b.South, "float8"), p.add(b.North, "float8")
	west, east := p.add(b.West, "float8"), p.add(b.East, "float8")
	where := fmt.Sprintf("\n  AND s.latitude BETWEEN %s AND %s", south, north)
	if b.West > b.East {
		return where + fmt.Sprintf(" AND (s.longitude >= %s OR s.longitude <= %s)", west, east)
	}
	return where + fmt.Sprintf(" AND (s.longitude BETWEEN %[1]s AND %[2]s OR s.longitude = -180 AND %[2]s = 180 OR s.longitude = 180 AND %[1]s = -180)", west, east)
}

// The grid of stations.cell.
const (
	cellsPerDegree = 10
	cellsInRow     = 360*cellsPerDegree + 1
	rowsOfCells    = 180*cellsPerDegree + 1
	// mostRows is from where a box is so large that its cells do not narrow anything down.
	mostRows = 500
	// margin widens boxes by what rounding may take off them, and more.
	margin = 1e-6
)

func aroundAll(caps []search.Cap) []find.Box {
	boxes := make([]find.Box, len(caps))
	for i, c := range caps {
		boxes[i] = around(find.Circle(c))
	}
	return boxes
}

// around is a box that contains the circle.
func around(c find.Circle) find.Box {
	if c.RadiusM > search.EarthRadiusM { // a hemisphere has a radius of half pi of it
		return find.Box{West: -180, South: -90, East: 180, North: 90}
	}
	angle := (c.RadiusM + 1) / search.EarthRadiusM
	degrees := angle * 180 / math.Pi
	box := find.Box{West: -180, South: c.Latitude - degrees, East: 180, North: c.Latitude + degrees}
	// A circle that holds a pole has every longitude.
	if box.South <= -90 || box.North >= 90 {
		return box
	}
	wide := math.Asin(math.Min(1, math.Sin(angle)/math.Cos(c.Latitude*math.Pi/180))) * 180 / math.Pi
	box.West, box.East = c.Longitude-wide, c.Longitude+wide
	if box.West < -180 {
		box.West += 360
	}
	if box.East > 180 {
		box.East -= 360
	}
	if wide >= 180-margin {
		box.West, box.East = -180, 180
	}
	return box
}

// joinCells joins the ranges of cells that boxes touch, or gives "" when they are too many to help.
func joinCells(p *parameters, boxes []find.Box) string {
	var ranges [][2]int64
	for _, b := range boxes {
		first, last := rowOf(b.South-margin), rowOf(b.North+margin)
		if last-first > mostRows {
			return ""
		}
		for row := first; row <= last; row++ {
			for _, columns := range columnsOf(b.West-margin, b.East+margin) {
				ranges = append(ranges, [2]int64{row*cellsInRow + columns[0], row*cellsInRow + columns[1]})
			}
		}
	}
	if len(ranges) == 0 {
		return ""
	}
	var least, most pq.Int64Array
	for _, r := range apart(ranges) {
		least, most = append(least, r[0]), append(most, r[1])
	}
	return fmt.Sprintf("\n    JOIN unnest(%s, %s) AS cells (least, most) ON true", p.add(least, "int[]"), p.add(most, "int[]"))
}

// apart joins ranges that overlap: a row would come twice.
func apart(ranges [][2]int64) [][2]int64 {
	slices.SortFunc(ranges, func(a, b [2]int64) int { return cmp.Compare(a[0], b[0]) })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; r[0] <= last[1] {
			last[1] = max(last[1], r[1])
			continue
		}
		out = append(out, r)
	}
	return out
}

func rowOf(latitude float64) int64 {
	return int64(min(max(math.Floor((latitude+90)*cellsPerDegree), 0), rowsOfCells-1))
}

// columnsOf gives the ranges of columns of a row. The first and the last column are the same meridian, so whoever touches one has
// the other too.
func columnsOf(west, east float64) [][2]int64 {
	const last = cellsInRow - 1
	column := func(longitude float64) int64 {
		return int64(min(max(math.Floor((longitude+180)*cellsPerDegree), 0), last))
	}
	from, to := column(west), column(east)
	switch {
	case west > east && to >= from, from == 0 && to >= last-1:
		return [][2]int64{{0, last}} // ranges must not overlap: a row would come twice
	case west > east:
		return [][2]int64{{0, to}, {from, last}}
	case from == 0:
		return [][2]int64{{0, to}, {last - 1, last}}
	case to >= last-1:
		return [][2]int64{{0, 0}, {from, last}}
	}
	return [][2]int64{{from, to}}
}

package search

import "math"

// Mercator is a position on the square map of the world that web maps show (EPSG:3857): X from the west and Y from the north, in
// shares of 2^-32 of a side, a centimetre at most. What lies beyond the map's edge in the north or south is on it, and the meridian of
// 180 degrees is in the last column.
type Mercator struct{ X, Y uint32 }

// mercatorEdge is the latitude where the map ends: the map is a square.
const mercatorEdge = 85.05112877980659

// MercatorOf gives the place of a position in degrees.
func MercatorOf(lat, lon float64) Mercator {
	return Mercator{X: onMap((lon + 180) / 360), Y: onMap(down(lat))}
}

// onMap takes a share of a side.
func onMap(share float64) uint32 {
	return uint32(max(0, min(math.MaxUint32, math.Floor(math.Ldexp(share, 32)))))
}

// down is the share of the map above a latitude.
func down(lat float64) float64 {
	sin := math.Sin(max(-mercatorEdge, min(mercatorEdge, lat)) * math.Pi / 180)
	return min(1, max(0, 0.5-math.Log((1+sin)/(1-sin))/(4*math.Pi)))
}

// up is the latitude that a share of the map lies above; the inverse of down.
func up(share float64) float64 { return math.Atan(math.Sinh(math.Pi*(1-2*share))) * 180 / math.Pi }

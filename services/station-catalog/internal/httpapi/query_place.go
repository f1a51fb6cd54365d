package httpapi

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
)

const (
	defaultRadiusM   = 10_000
	defaultCorridorM = 2_000
	metresPerKM      = 1000
	mostCorners      = 1000
	mostRoutePlaces  = 2500
)

// degrees reads decimals that are parted by commas, as many as there is room for: at most three digits before the point, and fifteen
// after it.
func degrees(text string, out []float64) bool {
	for i := range out {
		part, rest, more := strings.Cut(text, ",")
		if more != (i < len(out)-1) || !decimal(part) {
			return false
		}
		out[i], text = number(part), rest
	}
	return true
}

func decimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	before, after, point := strings.Cut(s, ".")
	if len(before) < 1 || len(before) > 3 || len(after) > 15 || point && after == "" {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return false
		}
	}
	return strings.Count(s, ".") <= 1
}

func (r *queryReader) takePlace(name, value string) {
	switch name {
	case "radius_km":
		r.radiusM = number(value) * metresPerKM
		return
	case "corridor_km":
		r.corridorM = number(value) * metresPerKM
		return
	}
	if r.place == "" {
		r.place = name
	} else {
		r.places = append(r.places, name)
	}
	switch name {
	case "near":
		var at [2]float64
		if !degrees(value, at[:]) {
			r.wrong(name, "pattern", "must be a latitude and a longitude in degrees, as in 48.8566,2.3522")
			return
		}
		r.near.Latitude, r.near.Longitude = at[0], at[1]
		if !(math.Abs(r.near.Latitude) <= 90) || !(math.Abs(r.near.Longitude) <= 180) {
			r.wrong(name, "range", "must be a latitude from -90 to 90 and a longitude from -180 to 180")
		}
	case "bbox":
		r.readBox(value)
	case "polygon":
		r.polyline(name, value, 3, mostCorners)
	case "route":
		r.polyline(name, value, 2, mostRoutePlaces)
	}
}

func (r *queryReader) readBox(value string) {
	var corners [4]float64
	if !degrees(value, corners[:]) {
		r.wrong("bbox", "pattern", "must be west, south, east and north in degrees, as in 2.2,48.8,2.5,48.9")
		return
	}
	b := &r.box
	b.West, b.South, b.East, b.North = corners[0], corners[1], corners[2], corners[3]
	if !(math.Abs(b.West) <= 180) || !(math.Abs(b.East) <= 180) || !(math.Abs(b.South) <= 90) || !(math.Abs(b.North) <= 90) {
		r.wrong("bbox", "range", "must be west, south, east, north; longitudes from -180 to 180, latitudes from -90 to 90")
	} else if b.South > b.North {
		r.wrong("bbox", "order", "must have its south below its north")
	}
}

func (r *queryReader) polyline(name, value string, least, most int) {
	line, err := polyline.Decode(value, most)
	switch {
	case errors.Is(err, polyline.ErrLong):
		r.wrong(name, "items", "must have at most "+strconv.Itoa(most)+" places")
	case errors.Is(err, polyline.ErrPlace):
		r.wrong(name, "range", err.Error())
	case err != nil:
		r.wrong(name, "format", err.Error())
	case len(line) < least:
		r.wrong(name, "items", "must have at least "+strconv.Itoa(least)+" places")
	}
	r.line = line
}

func (r *queryReader) finishPlace() {
	given := r.place
	for _, other := range r.places {
		r.wrong(other, "contradiction", "must not stand beside "+given+": one place at most")
	}
	if given != "near" && r.radiusM >= 0 {
		r.wrong("radius_km", "dependency", "must stand beside near")
	}
	if given != "route" && r.corridorM >= 0 {
		r.wrong("corridor_km", "dependency", "must stand beside route")
	}
	if given == "" || len(r.faults) > 0 {
		return
	}
	var err error
	switch given {
	case "near":
		if r.near.RadiusM = r.radiusM; r.radiusM < 0 {
			r.near.RadiusM = defaultRadiusM
		}
		r.q.Place, err = find.Near(r.near)
	case "bbox":
		r.q.Place, err = find.Within(r.box)
	case "polygon":
		r.q.Place, err = find.Inside(r.line)
	case "route":
		width := r.corridorM
		if width < 0 {
			width = defaultCorridorM
		}
		r.q.Place, err = find.Along(r.line, width)
	}
	if err != nil {
		r.wrong(given, "range", "cannot be: "+err.Error())
	}
}

package find

import (
	"fmt"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Place is a part of the globe: one of Near, Box, Polygon and Route. Make one with the function of that name.
type Place struct {
	Near    *Circle
	Box     *Box
	Polygon *search.Polygon
	Route   *search.Corridor

	where search.Region
}

// Circle is around a point in degrees.
type Circle struct{ Latitude, Longitude, RadiusM float64 }

// Box is in degrees; west > east crosses the antimeridian.
type Box struct{ West, South, East, North float64 }

// Near is what lies within a circle.
func Near(c Circle) (*Place, error) {
	region, err := search.NewCircle(c.Latitude, c.Longitude, c.RadiusM)
	if err != nil {
		return nil, fmt.Errorf("near: %w", err)
	}
	near := struct {
		Place
		circle Circle
	}{Place{where: region}, c}
	near.Near = &near.circle
	return &near.Place, nil
}

// Within is what lies in a box.
func Within(b Box) (*Place, error) {
	region, err := search.NewBox(b.West, b.South, b.East, b.North)
	if err != nil {
		return nil, fmt.Errorf("bbox: %w", err)
	}
	return &Place{Box: &b, where: region}, nil
}

// Inside is what a line through these places, latitude and longitude, surrounds.
func Inside(corners [][2]float64) (*Place, error) {
	region, err := search.NewPolygon(corners)
	if err != nil {
		return nil, fmt.Errorf("polygon: %w", err)
	}
	return &Place{Polygon: region, where: region}, nil
}

// Along is what lies within a distance of a line through these places, latitude and longitude.
func Along(places [][2]float64, widthM float64) (*Place, error) {
	region, err := search.NewCorridor(places, widthM)
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	return &Place{Route: region, where: region}, nil
}

func (p *Place) region() search.Region {
	if p == nil {
		return nil
	}
	return p.where
}

// Contains tells whether a position lies within; everything lies within no place.
func (p *Place) Contains(lat, lon float64) bool { return p == nil || p.where.Contains(lat, lon) }

// Package demo is the demonstration set: stations of invented operators around real cities, with realistic equipment, hours and
// tariffs, and the accounts that a first visitor uses. It is generated, and the same on every run.
//
//	demo.WriteNDJSON(w) // what the catalogue imports
//	for station := range demo.Stations() { … }
package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"strings"
)

// Source is the source that the stations are filed under.
const Source = "demo"

// total is how many stations there are, about: each city gets its share, rounded.
const total = 2000

// The demonstrator's first stations in the first of these cities get simulated charge points.
var connectedCities = map[string]int{
	"Berlin": 6, "Hamburg": 4, "München": 4, "Paris": 6, "Lyon": 4, "Amsterdam": 6, "Utrecht": 4, "London": 5, "Oslo": 4,
	"Madrid": 4, "Milano": 4, "Wien": 4, "San Francisco": 4, "Tōkyō": 3,
}

// Stations generates the set, city by city.
func Stations() iter.Seq[Station] {
	return func(yield func(Station) bool) {
		weights := 0
		for _, c := range cities {
			weights += c.weight
		}
		for _, c := range cities {
			count := int(math.Round(float64(total*c.weight) / float64(weights)))
			if !cityStations(c, count, yield) {
				return
			}
		}
	}
}

// WriteNDJSON writes the set, one station a line.
func WriteNDJSON(w io.Writer) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for station := range Stations() {
		if err := encoder.Encode(station); err != nil {
			return fmt.Errorf("demonstration set: %w", err)
		}
	}
	return buffered.Flush()
}

// seed makes each city's dice its own: a city that is added changes no other.
func seed(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name) // a hash takes everything
	return rand.New(rand.NewPCG(h.Sum64(), total))
}

func cityStations(c city, count int, yield func(Station) bool) bool {
	r := seed(c.name)
	here := inCountry(c.country)
	connectedLeft := connectedCities[c.name]
	for n := range count {
		o := here[r.IntN(len(here))]
		if n < connectedLeft {
			o = Demonstrator
		}
		s := generate(r, c, n, o)
		s.connected = n < connectedLeft
		if !yield(s) {
			return false
		}
	}
	return true
}

func generate(r *rand.Rand, c city, n int, o Operator) Station {
	kind := draw(r, o)
	street, postal := address(r, c.country)
	latitude, longitude := scatter(r, c, kind.far)
	s := Station{
		Operator: o,
		Source:   Source,
		SourceID: fmt.Sprintf("%s-%s-%03d", c.country, strings.ToUpper(plain(c.name)), n+1),
		Name:     fmt.Sprintf("%s %s %s", o.Name, c.name, strings.ToLower(kind.kind)),
		Address:  street, City: c.name, PostalCode: postal, Country: c.country,
		Latitude: latitude, Longitude: longitude, TimeZone: c.zone,
		Access: "public", ParkingType: kind.parking, Facilities: kind.facilities,
		OpeningTimes: openingTimes(r, kind.hours),
	}
	switch r.IntN(40) {
	case 0:
		s.Access = "private"
		s.OpeningTimes = openingTimes(r, office)
	case 1, 2:
		s.Access = "restricted"
	}
	operatorIndex := 0
	for i, candidate := range operators {
		if candidate.PartyID == o.PartyID {
			operatorIndex = i
		}
	}
	reservable := operatorIndex == 0 || operatorIndex%3 == 0
	tariffs := map[string]bool{}
	allFree := true
	for i, out := range kind.outlets(r, regionOf(c.country)) {
		price := tariff(o, operatorIndex, out.class, c.currency)
		if !tariffs[price.ID] {
			tariffs[price.ID] = true
			s.Tariffs = append(s.Tariffs, price)
		}
		allFree = allFree && free(operatorIndex, out.class)
		e := Evse{
			UID:               fmt.Sprintf("%s-%d", s.SourceID, i+1),
			EvseID:            fmt.Sprintf("%s*%s*E%s%03d*%d", o.CountryCode, o.PartyID, evseCode(c), n+1, i+1),
			PhysicalReference: fmt.Sprintf("%d", i+1),
			Capabilities:      []string{"REMOTE_START_STOP_CAPABLE", "RFID_READER"},
			Reservable:        reservable,
			Connectors:        out.connectors,
		}
		for k := range e.Connectors {
			e.Connectors[k].TariffIDs = []string{price.ID}
		}
		if reservable {
			e.Capabilities = append(e.Capabilities, "RESERVABLE")
		}
		if out.class != classSlow {
			e.Capabilities = append(e.Capabilities, "CREDIT_CARD_PAYABLE", "CONTACTLESS_CARD_SUPPORT")
		}
		if kind.restriction != "" {
			e.ParkingRestrictions = []string{kind.restriction}
		}
		s.Payment.Card = s.Payment.Card || out.class != classSlow
		s.Evses = append(s.Evses, e)
	}
	s.Payment.AdHoc = s.Access == "public"
	s.Payment.Free = allFree
	return s
}

// draw picks a kind of site by weight; operators of fast chargers build hubs and motorway services four times as often.
func draw(r *rand.Rand, o Operator) site {
	weigh := func(s site) int {
		if o.fast && s.far > 1.2 {
			return 4 * s.weight
		}
		return s.weight
	}
	sum := 0
	for _, s := range sites {
		sum += weigh(s)
	}
	at := r.IntN(sum)
	for _, s := range sites {
		if at -= weigh(s); at < 0 {
			return s
		}
	}
	return sites[0]
}

// scatter draws a place around the city, denser towards the centre and never towards the sea.
func scatter(r *rand.Rand, c city, far float64) (latitude, longitude float64) {
	spreadKM := (1.5 + float64(c.weight)/10) * far
	distance := spreadKM * math.Sqrt(-math.Log(1-r.Float64())) // Rayleigh: a normal distribution in the plane
	bearing := 360 * r.Float64()
	for c.inSea(bearing) {
		bearing = 360 * r.Float64()
	}
	if c.sea != [2]float64{} {
		distance *= 0.8
	}
	radians := bearing * math.Pi / 180
	const kmPerDegree = 111.195
	latitude = c.latitude + distance*math.Cos(radians)/kmPerDegree
	longitude = c.longitude + distance*math.Sin(radians)/(kmPerDegree*math.Cos(c.latitude*math.Pi/180))
	return rounded(latitude), rounded(longitude)
}

func (c city) inSea(bearing float64) bool {
	from, to := c.sea[0], c.sea[1]
	switch {
	case c.sea == [2]float64{}:
		return false
	case from <= to:
		return bearing >= from && bearing <= to
	default: // over north
		return bearing >= from || bearing <= to
	}
}

// plain is a name in ASCII letters, for ids.
func plain(name string) string {
	replaced := strings.NewReplacer(
		"ü", "ue", "ö", "oe", "ä", "ae", "ó", "o", "ã", "a", "é", "e", "è", "e", "í", "i", "ø", "o", "ł", "l", "ș", "s", "ō", "o", "Ō", "O", "á", "a", "ú", "u", " ", "",
	).Replace(name)
	return strings.Map(func(c rune) rune {
		if c < 'A' || c > 'z' {
			return -1
		}
		return c
	}, replaced)
}

// evseCode is a short code of the city within EVSE ids: no two cities of a country share one.
func evseCode(c city) string {
	h := fnv.New32a()
	_, _ = io.WriteString(h, c.name) // a hash takes everything
	return fmt.Sprintf("%04X", h.Sum32()&0xffff)
}

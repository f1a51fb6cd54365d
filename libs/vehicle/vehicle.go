// Package vehicle knows what cars can take: which plugs, how much their batteries hold, and how much power they draw at which state of charge.
// Curves are compared with it, charges are priced by it before they happen, and the time to a state of charge is estimated by it.
//
// The table that is built in is made from Open EV Data, see NOTICE. Another one may take its place: a CSV with the columns id, name, year,
// usable_kwh, max_ac_kw, plugs (in OCPI's words), measured and dc_curve; plugs and the curve's "percent:kW" pairs are separated by spaces.
package vehicle

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Vehicle is one kind of car.
type Vehicle struct {
	ID        string
	Name      string
	Year      int // 0 when it is not known
	UsableKWh float64
	MaxACKW   float64
	Plugs     []string // OCPI standards; empty when they are not known
	Measured  bool     // the curve was measured, not worked out
	Curve     []Power  // DC, in order of charge; empty for cars that take none
}

// Power is what a car draws at a state of charge at most.
type Power struct {
	SoCPercent float64
	KW         float64
}

// Title is the name with the year that tells models of the same name apart.
func (v Vehicle) Title() string {
	if v.Year == 0 {
		return v.Name
	}
	return fmt.Sprintf("%s (%d)", v.Name, v.Year)
}

// Takes tells whether the car has an inlet for a plug; where its plugs are not known, any will do.
func (v Vehicle) Takes(standard string) bool {
	return len(v.Plugs) == 0 || slices.Contains(v.Plugs, standard)
}

// MaxDCKW is the most that the car draws of a direct current, 0 when it takes none.
func (v Vehicle) MaxDCKW() float64 {
	most := 0.0
	for _, p := range v.Curve {
		most = max(most, p.KW)
	}
	return most
}

// At gives what the car draws at a state of charge, between the points of its curve on straight lines; NaN without a curve.
func (v Vehicle) At(soc float64) float64 { return at(v.Curve, soc) }

func at(curve []Power, soc float64) float64 {
	if len(curve) == 0 {
		return math.NaN()
	}
	i, _ := slices.BinarySearchFunc(curve, soc, func(p Power, soc float64) int {
		if p.SoCPercent < soc {
			return -1
		}
		return 1
	})
	switch {
	case i == 0:
		return curve[0].KW
	case i == len(curve):
		return curve[i-1].KW
	}
	a, b := curve[i-1], curve[i]
	return a.KW + (b.KW-a.KW)*(soc-a.SoCPercent)/(b.SoCPercent-a.SoCPercent)
}

// Catalogue is a set of vehicles.
type Catalogue struct {
	vehicles []Vehicle
	byID     map[string]int
}

// ErrUnknown is a vehicle that is not in the catalogue.
var ErrUnknown = fault.Define(fault.Invalid, "unknown_vehicle", "There is no such vehicle")

//go:embed vehicles.csv
var builtIn []byte

// BuiltIn gives the catalogue that comes with the program.
func BuiltIn() *Catalogue {
	c, err := Read(bytes.NewReader(builtIn))
	if err != nil {
		panic(err) // a test reads it
	}
	return c
}

// Open reads the table of a file, the built-in one when no file is named.
func Open(name string) (*Catalogue, error) {
	if name == "" {
		return BuiltIn(), nil
	}
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open the table of vehicles: %w", err)
	}
	defer file.Close()
	return Read(file)
}

var errTable = errors.New("vehicle: the table is wrong")

// Read reads a table of vehicles; the first row that is wrong ends it.
func Read(r io.Reader) (*Catalogue, error) {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = 8
	head, err := rows.Read()
	if err != nil || strings.Join(head, ",") != "id,name,year,usable_kwh,max_ac_kw,plugs,measured,dc_curve" {
		return nil, errors.Join(fmt.Errorf("%w: it begins with %q", errTable, head), err)
	}
	c := &Catalogue{byID: map[string]int{}}
	for line := 2; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return c, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errTable, err)
		}
		v, err := fromRow(row)
		if err == nil && c.has(v.ID) {
			err = errors.New("the id stands twice")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", errTable, line, err)
		}
		c.byID[v.ID] = len(c.vehicles)
		c.vehicles = append(c.vehicles, v)
	}
}

func fromRow(row []string) (v Vehicle, err error) {
	v = Vehicle{ID: row[0], Name: row[1], Plugs: strings.Fields(row[5]), Measured: row[6] == "true"}
	if row[2] != "" {
		if v.Year, err = strconv.Atoi(row[2]); err != nil {
			return v, err
		}
	}
	var errUsable, errAC, errCurve error
	v.UsableKWh, errUsable = strconv.ParseFloat(row[3], 64)
	v.MaxACKW, errAC = strconv.ParseFloat(row[4], 64)
	v.Curve, errCurve = parseCurve(row[7])
	if err := errors.Join(errUsable, errAC, errCurve); err != nil {
		return v, err
	}
	if v.ID == "" || v.Name == "" || !(v.UsableKWh > 0 && v.UsableKWh < 10_000 && v.MaxACKW >= 0 && v.MaxACKW < 10_000) {
		return v, errors.New("an id, a name, a battery and a power are wanted")
	}
	return v, nil
}

func parseCurve(text string) (curve []Power, err error) {
	for pair := range strings.FieldsSeq(text) {
		soc, kw, found := strings.Cut(pair, ":")
		s, errSoC := strconv.ParseFloat(soc, 64)
		k, errKW := strconv.ParseFloat(kw, 64)
		if !found || errSoC != nil || errKW != nil || !(s >= 0 && s <= 100 && k >= 0 && k < 10_000) {
			return nil, fmt.Errorf("%q is no percent:kW", pair)
		}
		if n := len(curve); n > 0 && curve[n-1].SoCPercent >= s {
			return nil, fmt.Errorf("%q is out of order", pair)
		}
		curve = append(curve, Power{s, k})
	}
	return curve, nil
}

func (c *Catalogue) has(id string) bool {
	_, found := c.byID[id]
	return found
}

// Get gives a vehicle, ErrUnknown when there is none.
func (c *Catalogue) Get(id string) (Vehicle, error) {
	i, found := c.byID[id]
	if !found {
		return Vehicle{}, ErrUnknown
	}
	return c.vehicles[i], nil
}

// Find gives the vehicles whose names hold a text, whatever its case, in the order of the table.
func (c *Catalogue) Find(text string) []Vehicle {
	text = strings.ToLower(text)
	out := []Vehicle{}
	for _, v := range c.vehicles {
		if strings.Contains(strings.ToLower(v.Name), text) {
			out = append(out, v)
		}
	}
	return out
}

const step = 0.25 // percent

// Duration is how long a battery takes from one state of charge to another at a power that goes with the state of charge. losses is the
// share of the energy that does not reach the battery.
func Duration(usableKWh, from, to, losses float64, power func(soc float64) float64) time.Duration {
	hours := 0.0
	for soc := from; soc < to; soc += step {
		width := min(step, to-soc)
		hours += usableKWh * width / 100 / (1 - losses) / max(power(soc+width/2), 0.1)
	}
	return time.Duration(hours * float64(time.Hour))
}

package vehicle

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
)

// How much of its highest power a car draws in each tenth of its battery, by how high that power is for the battery (C, per hour): the
// means of real charges, dips and waits among them. A test fits it and tells how far it is off charges that it has not seen; see NOTICE.
//
//go:embed typical.csv
var typicalTable []byte

const tenths = 10

// class is a row of the table.
type class struct {
	below  float64 // C
	shares [tenths]float64
}

// gentleC is so little power for a battery that it takes it until it is full, as it does from outlets of alternating current.
const gentleC = 0.3

var typical = readTypical()

func readTypical() []class {
	rows, err := csv.NewReader(bytes.NewReader(typicalTable)).ReadAll()
	if err != nil {
		panic(err) // it is embedded above, and a test writes it
	}
	out := make([]class, 0, len(rows)-1)
	for _, row := range rows[1:] {
		var c class
		for i, text := range row {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				panic(fmt.Errorf("vehicle: the table of typical powers: %w", err))
			}
			if i == 0 {
				c.below = v
				continue
			}
			c.shares[i-1] = v
		}
		out = append(out, c)
	}
	return out
}

// Typical gives the share of its highest power that a car draws at a state of charge, as cars do on average that draw so much of their
// battery's capacity an hour (C) at most.
func Typical(c, soc float64) float64 {
	if c < gentleC {
		return 1
	}
	i := 0
	for i < len(typical)-1 && c >= typical[i].below {
		i++
	}
	return typical[i].shares[min(max(int(soc/100*tenths), 0), tenths-1)]
}

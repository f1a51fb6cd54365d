package httpapi

import (
	"math/big"
	"strconv"

	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/quote"
)

// chargeReader reads the charge that is to be priced.
type chargeReader struct {
	energy, vehicle, from, to string
}

func (c *chargeReader) take(name, value string) {
	switch name {
	case "energy_kwh":
		c.energy = value
	case "vehicle":
		c.vehicle = value
	case "soc_from":
		c.from = value
	case "soc_to":
		c.to = value
	}
}

func (c *chargeReader) given() bool { return *c != chargeReader{} }

// first is the name of a parameter that was given.
func (c *chargeReader) first() string {
	switch {
	case c.energy != "":
		return "energy_kwh"
	case c.vehicle != "":
		return "vehicle"
	case c.from != "":
		return "soc_from"
	default:
		return "soc_to"
	}
}

// finish gives the charge, and tells what is wrong with it.
func (c *chargeReader) finish(cars *vehicle.Catalogue, wrong func(parameter, code, detail string)) (ask quote.Ask) {
	if c.vehicle != "" {
		car, err := cars.Get(c.vehicle)
		if err != nil {
			wrong("vehicle", "enum", strconv.Quote(c.vehicle)+" is not known; GET /v1/reference lists the values")
		}
		ask.Vehicle = &car
	}
	if c.energy != "" {
		ask.EnergyKWh, _ = new(big.Rat).SetString(c.energy) // it has been checked
		for name, value := range map[string]string{"soc_from": c.from, "soc_to": c.to} {
			if value != "" {
				wrong(name, "contradiction", "must not stand beside energy_kwh")
			}
		}
		return ask
	}
	ask.From, ask.To = number(c.from), number(c.to)
	switch {
	case c.vehicle == "":
		wrong("vehicle", "required", "is required, with soc_from and soc_to, where energy_kwh is not given")
	case c.from == "":
		wrong("soc_from", "required", "is required beside a vehicle without energy_kwh")
	case c.to == "":
		wrong("soc_to", "required", "is required beside a vehicle without energy_kwh")
	case ask.To < ask.From+1:
		wrong("soc_to", "order", "must be at least one more than soc_from")
	}
	return ask
}

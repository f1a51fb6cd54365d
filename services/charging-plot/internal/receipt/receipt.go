// Package receipt writes a charge detail record for people: as a page and as a sheet of paper. It says what the record says and works out
// nothing; times are those of the station.
package receipt

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// sheet is a record as it is shown.
type sheet struct {
	session.CDR

	Facts  []fact
	Rows   []row
	Totals []fact
}

type fact struct{ Name, Value string }

type row struct{ What, Amount, Price, VAT, Excl, Incl string }

// names says in words what a line is for.
var names = map[string]string{
	"SESSION ENERGY": "Energy", "SESSION TIME": "Charging time", "SESSION PARKING_TIME": "Parking time", "SESSION FLAT": "Flat fee",
	"RESERVATION TIME": "Reservation time", "RESERVATION FLAT": "Reservation fee",
}

func sheetOf(c session.CDR) sheet {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	at := func(t time.Time) string { return t.In(zone).Format("2 January 2006, 15:04:05 MST") }
	s := sheet{CDR: c}
	add := func(name, value string) {
		if value != "" {
			s.Facts = append(s.Facts, fact{name, value})
		}
	}
	add("Operator", c.OperatorName)
	add("Station", c.StationName)
	add("Address", c.Address)
	add("Plot", c.PlotLabel)
	add("From", at(c.StartedAt))
	add("Until", at(c.EndedAt))
	add("Energy", c.EnergyKWh+" kWh")
	add("Charging", clock(c.ChargingS))
	add("Parked", clock(c.ParkingS))
	if c.ReservationS > 0 {
		add("Reserved before", clock(c.ReservationS))
	}
	add("Meter", fmt.Sprintf("%.3f kWh to %.3f kWh", float64(c.MeterStartWh)/1000, float64(c.MeterStopWh)/1000))
	add("Note", c.RegisterFault)
	if c.Credits != uuid.Nil {
		add("Takes back", c.Credits.String())
		add("Because", c.Remark)
	}
	if c.Token != nil {
		add("Contract", c.Token.ContractID)
	}
	for _, l := range c.Lines {
		name := names[l.Phase+" "+l.Dimension]
		if name == "" {
			name = l.Phase + " " + l.Dimension
		}
		price := l.Price + " " + c.Currency
		if l.Unit != "" {
			price += "/" + l.Unit
		}
		vat := ""
		if l.VAT != "" {
			vat = l.VAT + " %"
		}
		amount := l.Volume
		if l.Unit != "" {
			amount += " " + l.Unit
		}
		s.Rows = append(s.Rows, row{name, amount, price, vat, l.ExclTax, l.InclTax})
	}
	if c.TotalExclTax != "" {
		s.Totals = append(s.Totals, fact{"Total before taxes", c.TotalExclTax + " " + c.Currency})
	}
	if c.TotalInclTax != "" {
		s.Totals = append(s.Totals, fact{"Total", c.TotalInclTax + " " + c.Currency})
	}
	if len(s.Totals) == 0 {
		s.Totals = append(s.Totals, fact{"Total", "no tariff was in force"})
	}
	return s
}

// clock writes seconds as hours, minutes and seconds.
func clock(seconds int64) string {
	return fmt.Sprintf("%d:%02d:%02d h", seconds/3600, seconds/60%60, seconds%60)
}

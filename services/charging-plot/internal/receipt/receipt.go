// Package receipt writes a charge detail record for people: as a page and as a sheet of paper. It says what the record says and works out
// nothing; times are those of the station.
package receipt

import (
	"fmt"
	"html/template"
	"io"
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

// HTML writes the record as a page that stands by itself, for light and dark screens and for printing.
func HTML(w io.Writer, c session.CDR) error { return page.Execute(w, sheetOf(c)) }

var page = template.Must(template.New("receipt").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Receipt {{.ID}}</title>
<style>
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9da7b3; --line: #3d444d; --page: #0d1117; } }
@media print { :root { --ink: #000; --faint: #333; --line: #999; --page: #fff; } }
body { font: 16px/1.5 "Liberation Sans", Arial, Helvetica, sans-serif; color: var(--ink); background: var(--page); max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
.id { color: var(--faint); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.lines { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: normal; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tfoot td { border: 0; font-weight: bold; }
</style>
<h1>Receipt</h1>
<p class="id">{{.ID}}</p>
<dl>{{range .Facts}}<dt>{{.Name}}</dt><dd>{{.Value}}</dd>
{{end}}</dl>
<div class="lines"><table>
<thead><tr><th>For</th><th>Amount</th><th>Price</th><th>VAT</th><th>Before taxes</th><th>With taxes</th></tr></thead>
<tbody>{{range .Rows}}<tr><td>{{.What}}</td><td>{{.Amount}}</td><td>{{.Price}}</td><td>{{.VAT}}</td><td>{{.Excl}}</td><td>{{.Incl}}</td></tr>
{{end}}</tbody>
<tfoot>{{range .Totals}}<tr><td colspan="5">{{.Name}}</td><td>{{.Value}}</td></tr>
{{end}}</tfoot>
</table></div>
</html>
`))

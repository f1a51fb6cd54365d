// Package postgrestest makes small worlds for tests: a database of their own, a clock that stands until it is moved, stations with plots,
// and charge points that have said that their plugs are free.
package postgrestest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

// Replica is the internal address of the replica that worlds connect charge points to.
const Replica = "http://replica.example"

// Terms are the rules of every world.
var Terms = reservation.Terms{
	MinDuration: 5 * time.Minute, MaxDuration: 24 * time.Hour, MaxAhead: 31 * 24 * time.Hour, NoShowAfter: 15 * time.Minute,
	PerDriver: 3, Guard: 15 * time.Minute,
}

// World is a database with a clock.
type World struct {
	T     testing.TB
	DB    *libpostgres.DB
	Store *postgres.Store
	Clock *Clock
}

// Clock stands still until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now gives the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Move moves the clock on.
func (c *Clock) Move(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set puts the clock to a time.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// Options refine a world.
type Options struct {
	Now  func() time.Time
	Wake func()
	// PerDriver is Terms.PerDriver when it is 0.
	PerDriver int
}

// New makes a world. Its clock stands at noon of a day in spring.
func New(t testing.TB, options ...Options) *World {
	t.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	w := &World{
		T: t, DB: pgtest.New(t, postgres.Migrations()),
		Clock: &Clock{now: time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)},
	}
	w.Store = w.StoreOf(w.DB, o)
	return w
}

// StoreOf makes a further store on the world's database, as another replica would have it.
func (w *World) StoreOf(db *libpostgres.DB, o Options) *postgres.Store {
	if o.Now == nil {
		o.Now = w.Clock.Now
	}
	if o.PerDriver == 0 {
		o.PerDriver = Terms.PerDriver
	}
	return postgres.New(db, postgres.Options{
		Now: o.Now, Wake: o.Wake, PushTTL: 24 * time.Hour, Guard: Terms.Guard, PerDriver: o.PerDriver, StartTimeout: 2 * time.Minute,
	})
}

// Tariff is what a kilowatt-hour costs at the worlds' stations: 0.25 EUR and 10 % tax.
const Tariff = `{"country_code":"DE","party_id":"IHR","id":"T1","currency":"EUR","type":"REGULAR","tax_included":"NO",
	"elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":10.0,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}`

// Station makes a station with n EVSEs as the feed would tell it. Connector types alternate between CCS and Type 2.
func Station(n int) catalog.Station {
	st := catalog.Station{
		ID: uuid.Must(uuid.NewV7()), Name: "Test Station",
		Operator: catalog.Operator{ID: uuid.Must(uuid.NewV7()), Name: "Test Operator", CountryCode: "DE", PartyID: "IHR"}, Latitude: 52.5, Longitude: 13.4,
		Address: "1 Test Street", City: "Testville", PostalCode: "12345", Country: "DE", TimeZone: "Europe/Berlin", Version: 1,
		Tariffs: []json.RawMessage{json.RawMessage(Tariff)},
	}
	for i := range n {
		standard, power := "IEC_62196_T2_COMBO", 150000.0
		if i%2 == 1 {
			standard, power = "IEC_62196_T2", 22000
		}
		st.EVSEs = append(st.EVSEs, catalog.EVSE{
			ID: uuid.Must(uuid.NewV7()), UID: fmt.Sprintf("uid-%d", i+1), EVSEID: fmt.Sprintf("DE*IHR*E%d", i+1),
			PhysicalReference: fmt.Sprintf("P%d", i+1), Reservable: true,
			Connectors: []catalog.Connector{{
				ID: "1", Standard: standard, Format: "CABLE", PowerType: "DC", MaxElectricPower: power, TariffIDs: []string{"T1"},
			}},
		})
	}
	return st
}

// Apply has the catalogue told.
func (w *World) Apply(stations ...catalog.Station) {
	w.T.Helper()
	batch := catalog.Batch{Cursor: uuid.NewString()}
	for _, st := range stations {
		batch.Changes = append(batch.Changes, catalog.Change{ID: st.ID, Station: st})
	}
	w.Must(w.Store.ApplyCatalogue(w.T.Context(), batch))
}

// Must ends the test when there is an error.
func (w *World) Must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// Plots gives the plots of a station, in order of their EVSE's uid.
func (w *World) Plots(st catalog.Station) []plot.Plot {
	w.T.Helper()
	var out []plot.Plot
	all, err := w.Store.ListPlots(w.T.Context(), plot.Filter{Station: st.ID}, uuid.Nil, 500)
	w.Must(err)
	for _, e := range st.EVSEs {
		for _, p := range all {
			if len(p.EVSEs) > 0 && p.EVSEs[0].ID == e.ID {
				out = append(out, p)
			}
		}
	}
	return out
}

// Plot reads a plot.
func (w *World) Plot(id uuid.UUID) plot.Plot {
	w.T.Helper()
	p, err := w.Store.GetPlot(w.T.Context(), id)
	w.Must(err)
	return p
}

// Site is a station whose EVSEs are all served by one connected charge point, connector 1 the first.
type Site struct {
	catalog.Station

	ChargePoint chargepoint.ChargePoint
	Connection  chargepoint.Connection
	PlotIDs     []uuid.UUID
}

// Site makes one with n plots, all AVAILABLE.
func (w *World) Site(n int) Site {
	w.T.Helper()
	site := Site{Station: Station(n), Connection: chargepoint.Connection{ID: uuid.Must(uuid.NewV7()), Protocol: "ocpp1.6"}}
	w.Apply(site.Station)
	for _, p := range w.Plots(site.Station) {
		site.PlotIDs = append(site.PlotIDs, p.ID)
	}
	cp := chargepoint.ChargePoint{Identity: "CP-" + uuid.NewString()[:13], StationID: site.ID}
	for i, e := range site.EVSEs {
		cp.Connectors = append(cp.Connectors, chargepoint.Connector{Number: i + 1, EVSEID: e.ID})
	}
	var err error
	site.ChargePoint, err = w.Store.CreateChargePoint(w.T.Context(), cp, chargepoint.NewSecret("correct horse battery"))
	w.Must(err)
	w.Must(w.Store.Connected(w.T.Context(), site.ChargePoint.ID, site.Connection, Replica))
	w.Must(w.Store.Seen(w.T.Context(), []uuid.UUID{site.ChargePoint.ID}, w.Clock.Now()))
	for i := range n {
		w.Report(site, i+1, chargepoint.Available)
	}
	return site
}

// Report has a connector of a site's charge point say its status now.
func (w *World) Report(site Site, connector int, st chargepoint.ConnectorStatus) {
	w.T.Helper()
	w.Must(w.Store.ReportStatuses(w.T.Context(), []central.Report{{
		ChargePoint:  site.ChargePoint.ID,
		StatusReport: chargepoint.StatusReport{Connector: connector, Status: st, ErrorCode: "NoError", At: w.Clock.Now()},
	}}))
}

// Reserve claims a plot for a driver from now on.
func (w *World) Reserve(ctx context.Context, plotID, driver uuid.UUID, d time.Duration) (reservation.Reservation, error) {
	return w.ReserveAt(ctx, plotID, driver, time.Time{}, d)
}

// ReserveAt claims a plot for a driver from a time on.
func (w *World) ReserveAt(ctx context.Context, plotID, driver uuid.UUID, at time.Time, d time.Duration) (reservation.Reservation, error) {
	planned, err := Terms.Plan(reservation.Claim{PlotID: plotID, DriverID: driver, StartsAt: at, Duration: d}, w.Clock.Now())
	if err != nil {
		return planned, err
	}
	return w.Store.CreateReservation(ctx, planned)
}

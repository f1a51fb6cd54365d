package session_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func TestReadingsAreGatheredByTheirMoment(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	sample := func(at time.Duration, m chargepoint.Measurand, phase, location string, v float64) chargepoint.Sample {
		return chargepoint.Sample{At: noon.Add(at), Measurand: m, Phase: phase, Location: location, Value: v}
	}
	got := session.Readings([]chargepoint.Sample{
		sample(time.Minute, chargepoint.PowerImport, "", "", 11000),
		sample(0, chargepoint.EnergyImportRegister, "", "Outlet", 1000),
		sample(0, chargepoint.PowerImport, "L1", "", 3600),
		sample(0, chargepoint.PowerImport, "L2", "", 3700),
		sample(0, chargepoint.CurrentImport, "L1", "", 16),
		sample(0, chargepoint.CurrentImport, "L2", "", 15),
		sample(0, chargepoint.CurrentImport, "N", "", 31),
		sample(0, chargepoint.Voltage, "L1-N", "", 229),
		sample(0, chargepoint.Voltage, "L2-N", "", 231),
		sample(0, chargepoint.StateOfCharge, "", "EV", 40),
		sample(0, chargepoint.EnergyImportRegister, "", "Inlet", 1010),
		sample(0, "Temperature", "", "Body", 31),
	})
	want := []session.Reading{
		{
			At: noon, RegisterWh: 1000, PowerW: 7300, CurrentA: 16, VoltageV: 230, SoCPercent: 40,
			Other: map[string]float64{
				"Power.Active.Import L1": 3600, "Power.Active.Import L2": 3700, "Current.Import L1": 16, "Current.Import L2": 15,
				"Current.Import N": 31, "Voltage L1-N": 229, "Voltage L2-N": 231, "Energy.Active.Import.Register@Inlet": 1010, "Temperature@Body": 31,
			},
		},
		{At: noon.Add(time.Minute), RegisterWh: nan, PowerW: 11000, CurrentA: nan, VoltageV: nan, SoCPercent: nan},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// reading is a register and, when it is not negative, a power.
func reading(minute float64, register, power float64) session.Reading {
	nan := math.NaN()
	r := session.Reading{At: noon.Add(time.Duration(minute * float64(time.Minute))), RegisterWh: register, PowerW: power, CurrentA: nan, VoltageV: nan, SoCPercent: nan}
	if power < 0 {
		r.PowerW = nan
	}
	return r
}

func TestSegmentsTellChargingFromParking(t *testing.T) {
	t.Parallel()
	got := session.Segments(noon, noon.Add(30*time.Minute), 1000, 3000, []session.Reading{
		reading(5, 2000, -1), reading(10, 3000, -1), reading(15, 3000, -1), reading(20, 3000, -1),
	})
	type segment struct {
		From, To float64
		Charging bool
		Wh       string
	}
	var words []segment
	for _, s := range got {
		words = append(words, segment{s.Start.Sub(noon).Minutes(), s.End.Sub(noon).Minutes(), s.Charging, s.EnergyKWh.FloatString(3)})
	}
	want := []segment{{0, 5, true, "1.000"}, {5, 10, true, "1.000"}, {10, 30, false, "0.000"}}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSegmentsAddUpToTheRegister(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.IntRange(1, 200).Draw(t, "minutes")
		to := int64(1000 + rapid.IntRange(0, 50_000).Draw(t, "gained"))
		var readings []session.Reading
		at := 0.0
		for range rapid.IntRange(0, 40).Draw(t, "readings") {
			at += rapid.Float64Range(0.01, 10).Draw(t, "gap")
			// Registers that run backwards or beyond the stop's are mistakes that meters make.
			readings = append(readings, reading(at, rapid.Float64Range(0, 60_000).Draw(t, "register"), rapid.Float64Range(-1, 100_000).Draw(t, "power")))
		}
		stop := noon.Add(time.Duration(minutes) * time.Minute)
		sum, last := new(big.Rat), noon
		for _, s := range session.Segments(noon, stop, 1000, to, readings) {
			if !s.Start.Equal(last) || !s.End.After(s.Start) || s.EnergyKWh.Sign() < 0 || (!s.Charging && s.EnergyKWh.Sign() != 0) {
				t.Fatalf("a segment is %+v after one that ended at %s", s, last)
			}
			sum.Add(sum, s.EnergyKWh)
			last = s.End
		}
		if want := big.NewRat(to-1000, 1000); sum.Cmp(want) != 0 || !last.Equal(stop) {
			t.Fatalf("the segments hold %s kWh until %s, want %s until %s", sum, last, want, stop)
		}
	})
}

func done(tariffText string) session.Session {
	from, to := int64(1_000_000), int64(1_020_000)
	return session.Session{
		ID: uuid.New(), DriverID: uuid.New(), State: session.Completed, Reason: "Remote", StartedAt: noon, EndedAt: noon.Add(2 * time.Hour),
		MeterStartWh: &from, MeterStopWh: &to, TimeZone: "Europe/Paris", Tariff: json.RawMessage(tariffText),
	}
}

func TestFinishPricesEveryLine(t *testing.T) {
	t.Parallel()
	// 0.25/kWh and 0.50 to start, 2.00/h parked by steps of five minutes, and 3.00/h for the reservation, 20 % tax throughout.
	const terms = `{"id":"T","currency":"EUR","tax_included":"NO","elements":[
		{"price_components":[{"type":"TIME","price":3.00,"vat":20.0,"step_size":60}],"restrictions":{"reservation":"RESERVATION"}},
		{"price_components":[{"type":"FLAT","price":0.50,"vat":20.0,"step_size":0},{"type":"ENERGY","price":0.25,"vat":20.0,"step_size":1},
			{"type":"PARKING_TIME","price":2.00,"vat":20.0,"step_size":300}]}],"last_updated":"2026-01-01T00:00:00Z"}`
	readings := []session.Reading{reading(30, 1_010_000, -1), reading(60, 1_020_000, -1), reading(90, 1_020_000, -1)}
	held := &tariff.Reservation{From: noon.Add(-10 * time.Minute), Until: noon}
	cdr, err := session.Finish(done(terms), session.Stay{Readings: readings, Held: held, StationName: "S"}, uuid.New(), noon)
	if err != nil {
		t.Fatal(err)
	}
	// Reservation 0.50, start 0.50, energy 5.00, one hour parked 2.00: 8.00, and 9.60 with tax.
	if cdr.TotalExclTax != "8.00" || cdr.TotalInclTax != "9.60" || cdr.EnergyKWh != "20" || cdr.ChargingS != 3600 || cdr.ParkingS != 3600 || cdr.ReservationS != 600 {
		t.Errorf("the CDR is %+v", cdr)
	}
	var lines []string
	for _, l := range cdr.Lines {
		lines = append(lines, l.Phase+" "+l.Dimension+" "+l.Volume+" "+l.Unit+" "+l.ExclTax+" "+l.InclTax)
	}
	want := []string{"RESERVATION TIME 0.166667 h 0.50 0.60", "SESSION FLAT 1  0.50 0.60", "SESSION ENERGY 20 kWh 5.00 6.00", "SESSION PARKING_TIME 1 h 2.00 2.40"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFinishWithoutATariffHasNoPrice(t *testing.T) {
	t.Parallel()
	cdr, err := session.Finish(done(""), session.Stay{}, uuid.New(), noon)
	if err != nil || cdr.Currency != "" || cdr.TotalExclTax != "" || len(cdr.Lines) != 0 || cdr.EnergyKWh != "20" {
		t.Errorf("%+v, %v", cdr, err)
	}
}

func TestFinishBillsNothingThatNoCarTakes(t *testing.T) {
	t.Parallel()
	s := done("")
	*s.MeterStopWh = 50_000_000_000
	cdr, err := session.Finish(s, session.Stay{Readings: []session.Reading{reading(30, 1_009_000, -1)}}, uuid.New(), noon)
	if err != nil || cdr.EnergyKWh != "9" || !strings.Contains(cdr.RegisterFault, "jump") {
		t.Errorf("%+v, %v", cdr, err)
	}
}

func TestFinishSaysWhenTheRegisterRanBackwards(t *testing.T) {
	t.Parallel()
	s := done("")
	*s.MeterStopWh = 999_000
	cdr, err := session.Finish(s, session.Stay{}, uuid.New(), noon)
	if err != nil || cdr.EnergyKWh != "0" || cdr.RegisterFault == "" {
		t.Errorf("%+v, %v", cdr, err)
	}
	s.MeterStopWh = nil
	if _, err := session.Finish(s, session.Stay{}, uuid.New(), noon); err == nil {
		t.Error("a session without a stop was priced")
	}
}

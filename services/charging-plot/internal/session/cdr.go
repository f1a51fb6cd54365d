package session

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// CDR is the charge detail record that a finished session ends in. It is stored as it is and never changes; amounts are rounded to
// the currency's digits once, here.
type CDR struct {
	ID            uuid.UUID       `json:"id"`
	SessionID     uuid.UUID       `json:"session_id"`
	ReservationID uuid.UUID       `json:"reservation_id,omitzero"`
	DriverID      uuid.UUID       `json:"driver_id"`
	Token         *token.Snapshot `json:"token,omitempty"`
	OperatorID    uuid.UUID       `json:"operator_id"`
	PlotID        uuid.UUID       `json:"plot_id"`
	StationID     uuid.UUID       `json:"station_id"`
	StationName   string          `json:"station_name"`
	Address       string          `json:"address"`
	OperatorName  string          `json:"operator_name"`
	PlotLabel     string          `json:"plot_label"`
	StartedAt     time.Time       `json:"started_at"`
	EndedAt       time.Time       `json:"ended_at"`
	TimeZone      string          `json:"time_zone"`
	StopReason    string          `json:"stop_reason"`
	MeterStartWh  int64           `json:"meter_start_wh"`
	MeterStopWh   int64           `json:"meter_stop_wh"`
	EnergyKWh     string          `json:"energy_kwh"` // exact decimal
	ChargingS     int64           `json:"charging_s"`
	ParkingS      int64           `json:"parking_s"`
	ReservationS  int64           `json:"reservation_s"`
	TariffID      string          `json:"tariff_id,omitempty"`
	Tariff        json.RawMessage `json:"tariff,omitempty"`
	Currency      string          `json:"currency,omitempty"`
	Lines         []CDRLine       `json:"lines"`
	TotalExclTax  string          `json:"total_before_taxes,omitempty"` // empty when no tariff says it
	TotalInclTax  string          `json:"total_after_taxes,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	RegisterFault string          `json:"register_fault,omitempty"` // why the energy is not what the register says
	AuthMethod    string          `json:"auth_method,omitempty"`
	Reference     string          `json:"authorization_reference,omitempty"` // the partner's name for its order
	Place         *Place          `json:"place,omitempty"`                   // nil in records from before it was kept
	Periods       []Period        `json:"periods,omitempty"`                 // none in records from before they were kept
	Credits       uuid.UUID       `json:"credits,omitzero"`                  // the record that this one takes back; its amounts are negative
	Follows       uuid.UUID       `json:"follows,omitzero"`                  // the record that took back the one before this
	Remark        string          `json:"remark,omitempty"`                  // why it was taken back
}

// Place is where a charge was, as it was then: the operator as an OCPI party, the address, and the outlet.
type Place struct {
	CountryCode string  `json:"country_code"`
	PartyID     string  `json:"party_id"`
	Name        string  `json:"name"`
	Street      string  `json:"street"`
	City        string  `json:"city"`
	PostalCode  string  `json:"postal_code,omitempty"`
	State       string  `json:"state,omitempty"`
	Country     string  `json:"country"` // ISO 3166-1 alpha-2
	Latitude    float64 `json:"latitude"`
	Longitude   float64 `json:"longitude"`

	EVSE      uuid.UUID `json:"evse_id"`
	EMI3      string    `json:"emi3,omitempty"`
	Connector Connector `json:"connector"`
}

// Connector is the plug of a charge, in OCPI's words. Of an EVSE with several it is the first: charge points do not tell.
type Connector struct {
	ID        string `json:"id"`
	Standard  string `json:"standard"`
	Format    string `json:"format"`
	PowerType string `json:"power_type"`
}

// Period is a stretch of a charge: so much energy from its beginning to that of the next. One ends where charging begins or ends, and
// at each quarter of an hour of the clock, by which tariffs change.
type Period struct {
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Charging  bool      `json:"charging"`
	EnergyKWh string    `json:"energy_kwh"`
}

// CDRLine is one priced line.
type CDRLine struct {
	Phase     string `json:"phase"`     // RESERVATION or SESSION
	Dimension string `json:"dimension"` // ENERGY, TIME, PARKING_TIME, FLAT
	Volume    string `json:"volume"`    // billed: kWh, hours, or 1
	Unit      string `json:"unit"`      // kWh, h, or empty
	Price     string `json:"price"`     // of one unit
	VAT       string `json:"vat,omitempty"`
	StepSize  int64  `json:"step_size,omitempty"`
	ExclTax   string `json:"before_taxes,omitempty"`
	InclTax   string `json:"after_taxes,omitempty"`
}

// Stay is what a CDR is made from, beside the session itself.
type Stay struct {
	Readings     []Reading
	Held         *tariff.Reservation // the time the plot was held before the session, nil without a reservation
	StationName  string
	Address      string
	OperatorName string
	PlotLabel    string
	Place        *Place
}

// Finish makes the CDR of a session that has ended. The energy is what the register gained between start and stop. Where the register's
// last word cannot be right by itself (it was reset, or is in another unit), it is what the readings say it gained, and the record says
// so. Without a tariff there are no lines and no totals.
func Finish(s Session, stay Stay, id uuid.UUID, now time.Time) (CDR, error) {
	if s.MeterStartWh == nil || s.MeterStopWh == nil || s.StartedAt.IsZero() || s.EndedAt.IsZero() {
		return CDR{}, fmt.Errorf("session %s: a CDR wants a start and a stop", s.ID)
	}
	readings, gained, wrong := gain(s, stay.Readings)
	cdr := CDR{
		ID: id, SessionID: s.ID, ReservationID: s.ReservationID, DriverID: s.DriverID, Token: s.Token, OperatorID: s.OperatorID, PlotID: s.PlotID, StationID: s.StationID,
		StationName: stay.StationName, Address: stay.Address, OperatorName: stay.OperatorName, PlotLabel: stay.PlotLabel,
		StartedAt: s.StartedAt, EndedAt: s.EndedAt, TimeZone: s.TimeZone, StopReason: s.Reason,
		MeterStartWh: *s.MeterStartWh, MeterStopWh: *s.MeterStopWh,
		Lines: []CDRLine{}, CreatedAt: now,
	}
	cdr.RegisterFault, cdr.AuthMethod, cdr.Reference, cdr.Place = wrong, s.AuthMethod(), s.Reference, stay.Place
	cdr.EnergyKWh = decimal(big.NewRat(gained, 1000), 3)
	segments := Segments(s.StartedAt, s.EndedAt, *s.MeterStartWh, *s.MeterStartWh+gained, readings)
	for _, part := range segments {
		seconds := int64(part.End.Sub(part.Start).Round(time.Second).Seconds())
		if part.Charging {
			cdr.ChargingS += seconds
		} else {
			cdr.ParkingS += seconds
		}
	}
	cdr.Periods = periods(segments)
	if stay.Held != nil {
		cdr.ReservationS = int64(stay.Held.Until.Sub(stay.Held.From).Seconds())
	}
	if len(s.Tariff) == 0 {
		return cdr, nil
	}
	t, bill, err := price(s, stay.Held, segments)
	if err != nil {
		return CDR{}, err
	}
	cdr.TariffID, cdr.Tariff, cdr.Currency = t.ID, s.Tariff, bill.Currency
	cdr.TotalExclTax, cdr.TotalInclTax = amount(bill.BeforeTaxes, bill.Currency), amount(bill.AfterTaxes, bill.Currency)
	for _, l := range bill.Lines {
		cdr.Lines = append(cdr.Lines, lineOf(l, bill.Currency))
	}
	return cdr, nil
}

// EnergyWh is the energy of the record.
func (c CDR) EnergyWh() float64 {
	kwh, _ := new(big.Rat).SetString(c.EnergyKWh) // of decimal's making
	wh, _ := kwh.Mul(kwh, big.NewRat(1000, 1)).Float64()
	return wh
}

// Credit is the record that takes this one back, and says why: all is as it was, but for the totals, which are negative.
func (c CDR) Credit(id uuid.UUID, now time.Time, remark string) CDR {
	c.ID, c.Credits, c.Follows, c.CreatedAt, c.Remark = id, c.ID, uuid.Nil, now, remark
	c.TotalExclTax, c.TotalInclTax = negative(c.TotalExclTax), negative(c.TotalInclTax)
	return c
}

// negative is an amount taken back; nothing stays nothing.
func negative(amount string) string {
	if strings.Trim(amount, "0.") == "" {
		return amount
	}
	if plain, was := strings.CutPrefix(amount, "-"); was {
		return plain
	}
	return "-" + amount
}

const quarter = 15 * time.Minute

// periods joins segments of one kind within a quarter of an hour.
func periods(segments []tariff.Segment) []Period {
	var out []Period
	energy := new(big.Rat)
	for i, part := range segments {
		last := len(out) - 1
		if i == 0 || part.Charging != out[last].Charging || !part.Start.Truncate(quarter).Equal(out[last].Start.Truncate(quarter)) {
			out, energy = append(out, Period{Start: part.Start, Charging: part.Charging}), new(big.Rat)
			last++
		}
		if part.EnergyKWh != nil {
			energy.Add(energy, part.EnergyKWh)
		}
		out[last].End, out[last].EnergyKWh = part.End, decimal(energy, 3)
	}
	return out
}

// gain tells what the register gained between start and stop by its readings, put right, and what was wrong with its last word.
func gain(s Session, readings []Reading) (judged []Reading, gained int64, wrong string) {
	nan := math.NaN()
	stop := Reading{At: s.EndedAt, RegisterWh: float64(*s.MeterStopWh), PowerW: nan, CurrentA: nan, VoltageV: nan, SoCPercent: nan}
	if n := len(readings); n == 0 || readings[n-1].At.Before(s.EndedAt) {
		readings = append(slices.Clip(readings), stop)
	}
	judged = Judge(s.StartedAt, float64(*s.MeterStartWh), readings)
	last := float64(*s.MeterStartWh)
	for i, r := range judged {
		if r.At.After(s.EndedAt) {
			break
		}
		if !math.IsNaN(r.RegisterWh) {
			last = r.RegisterWh
		}
		if marks := r.Marks &^ MarkGap; marks != 0 && readings[i].RegisterWh != r.RegisterWh {
			wrong = fmt.Sprintf("readings of the register were put right: %s", strings.Join(marks.Names(), ", "))
		}
	}
	gained = *s.MeterStopWh - *s.MeterStartWh
	if wrong == "" && gained >= 0 {
		return judged, gained, ""
	}
	return judged, int64(math.Round(last)) - *s.MeterStartWh, wrong
}

// price prices what a session has been so far by its tariff.
func price(s Session, held *tariff.Reservation, segments []tariff.Segment) (t tariff.Tariff, bill tariff.Bill, err error) {
	if err := json.Unmarshal(s.Tariff, &t); err != nil {
		return t, bill, fmt.Errorf("session %s: read its tariff: %w", s.ID, err)
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		zone = time.UTC // an unknown zone must not keep a driver from a receipt
	}
	if bill, err = t.Price(tariff.Usage{Location: zone, Reservation: held, Segments: segments}); err != nil {
		return t, bill, fmt.Errorf("session %s: price it: %w", s.ID, err)
	}
	return t, bill, nil
}

// idleAfter is how long a car takes in nothing before it is said to be idle: some pause to let their battery cool.
const idleAfter = 5 * time.Minute

// Running tells how an ACTIVE session stands by its readings so far: what it costs, nil without a tariff, and since when the car has not
// been charging, zero while it does.
func Running(s Session, held *tariff.Reservation, readings []Reading) (cost *Cost, idleSince time.Time, err error) {
	if s.MeterStartWh == nil || s.StartedAt.IsZero() || len(readings) == 0 {
		return nil, time.Time{}, nil
	}
	readings = Judge(s.StartedAt, float64(*s.MeterStartWh), readings)
	at, register := s.StartedAt, *s.MeterStartWh
	for _, r := range readings {
		if r.At.After(at) {
			at = r.At
		}
		if !math.IsNaN(r.RegisterWh) {
			register = max(register, int64(math.Round(r.RegisterWh)))
		}
	}
	segments := Segments(s.StartedAt, at, *s.MeterStartWh, register, readings)
	if n := len(segments); n > 0 && !segments[n-1].Charging && segments[n-1].End.Sub(segments[n-1].Start) >= idleAfter {
		idleSince = segments[n-1].Start
	}
	if len(s.Tariff) == 0 {
		return nil, idleSince, nil
	}
	_, bill, err := price(s, held, segments)
	if err != nil {
		return nil, idleSince, err
	}
	return &Cost{
		Currency: bill.Currency, TotalExclTax: amount(bill.BeforeTaxes, bill.Currency), TotalInclTax: amount(bill.AfterTaxes, bill.Currency),
		At: at,
	}, idleSince, nil
}

func lineOf(l tariff.Line, currency string) CDRLine {
	line := CDRLine{
		Phase: string(l.Phase), Dimension: string(l.Dimension),
		Volume: decimal(l.Volume, 6), Price: decimal(l.Price().Rat(), 6), StepSize: l.StepSize(),
		ExclTax: amount(l.BeforeTaxes, currency), InclTax: amount(l.AfterTaxes, currency),
	}
	switch l.Dimension {
	case tariff.Energy:
		line.Unit = "kWh"
	case tariff.Time, tariff.ParkingTime:
		line.Unit = "h"
	case tariff.Flat:
	}
	if vat := l.VAT(); vat != nil {
		line.VAT = decimal(vat.Rat(), 3)
	}
	return line
}

func amount(r *big.Rat, currency string) string {
	if r == nil {
		return ""
	}
	return tariff.Format(r, currency)
}

// decimal writes a number with at most so many digits after the point, and no more than it needs.
func decimal(r *big.Rat, digits int) string {
	for d := range digits {
		s := r.FloatString(d)
		if exact, ok := new(big.Rat).SetString(s); ok && exact.Cmp(r) == 0 {
			return s
		}
	}
	return r.FloatString(digits)
}

const (
	// grain is the finest segment of a bill. Readings come once a second from some charge points; a tariff that changes with the clock
	// or with power is followed to the minute.
	grain = time.Minute
	// idlePowerW is what a car may draw for its own comfort without being said to charge.
	idlePowerW = 50
)

// Segments tells when in [start, stop] the car charged, and how the energy between the two registers spreads over that time. The
// segments are without gaps and their energy adds up to the registers' difference exactly. A stretch in which the register stands
// still, and the power with it where there is one, is parking.
func Segments(start, stop time.Time, fromWh, toWh int64, readings []Reading) []tariff.Segment {
	if !stop.After(start) {
		return nil
	}
	var out []tariff.Segment
	at, register := start, fromWh
	add := func(until time.Time, wh int64, charging bool) {
		segment := tariff.Segment{Start: at, End: until, Charging: charging, EnergyKWh: big.NewRat(wh-register, 1000)}
		at, register = until, wh
		if n := len(out); n > 0 && !charging && !out[n-1].Charging {
			out[n-1].End = until
			return
		}
		out = append(out, segment)
	}
	powered := false // power was seen since the last cut
	for _, r := range readings {
		if !r.At.After(at) || !r.At.Before(stop) {
			continue
		}
		powered = powered || r.PowerW > idlePowerW
		if r.At.Sub(at) < grain || math.IsNaN(r.RegisterWh) {
			continue
		}
		wh := min(max(int64(math.Round(r.RegisterWh)), register), toWh)
		add(r.At, wh, wh > register || powered)
		powered = false
	}
	add(stop, toWh, toWh > register || powered)
	return out
}

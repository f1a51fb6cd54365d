package httpapi

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// ToAPIPlot writes a plot as the API says it.
func ToAPIPlot(p plot.Plot, now time.Time) Plot {
	age := nullable.NewNullNullable[int64]()
	if old, known := p.Age(now); known {
		age.Set(int64(old / time.Second))
	}
	out := Plot{
		Id: p.ID, StationId: p.StationID, EvseIds: make([]uuid.UUID, 0, len(p.EVSEs)), Label: p.Label,
		Status: PlotStatus(p.Status), StatusSince: p.StatusSince, StatusSource: StatusSource(p.StatusSource), StatusAgeS: age,
		Reservable: p.Reservable, OutOfService: p.OutOfService, Parking: p.Parking, Connectors: []PlotConnector{}, Version: p.Version, UpdatedAt: p.UpdatedAt,
	}
	for _, e := range p.EVSEs {
		out.EvseIds = append(out.EvseIds, e.ID)
		for _, c := range e.Connectors {
			power := nullable.NewNullNullable[float64]()
			if c.MaxPowerW > 0 {
				power.Set(float64(c.MaxPowerW) / 1000)
			}
			out.Connectors = append(out.Connectors, PlotConnector{
				Id: c.ID, EvseId: e.ID, Standard: c.Standard, Format: c.Format, PowerType: c.PowerType, MaxPowerKw: power,
			})
		}
	}
	return out
}

// ToAPIReservation writes a reservation as the API says it.
func ToAPIReservation(r reservation.Reservation) Reservation {
	return Reservation{
		Id: r.ID, PlotId: r.PlotID, StationId: r.StationID, DriverId: r.DriverID, StartsAt: r.StartsAt, EndsAt: r.EndsAt,
		NoShowAt: r.NoShowAt, State: ReservationState(r.State), StateSince: r.StateSince, HeldByChargePoint: r.Held, Reason: r.Reason,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
}

// ToAPISession writes a session as the API says it.
func ToAPISession(s session.Session) Session {
	out := Session{
		Id: s.ID, PlotId: s.PlotID, StationId: s.StationID, EvseId: s.EVSEID, DriverId: idOrNull(s.DriverID),
		Token: toAPISessionToken(s.Token), ReservationId: idOrNull(s.ReservationID), ChargePointId: idOrNull(s.ChargePointID), State: SessionState(s.State), StateSince: s.StateSince,
		Reason: s.Reason, RequestedAt: s.RequestedAt, StartedAt: timeOrNull(s.StartedAt), StopRequestedAt: timeOrNull(s.StopRequestedAt),
		EndedAt: timeOrNull(s.EndedAt), EnergyKwh: kiloOrNull(s.EnergyWh), PowerKw: kiloOrNull(s.PowerW),
		SocPercent: nullable.NewNullNullable[float64](), ReadAt: timeOrNull(s.ReadAt), Version: s.Version, UpdatedAt: s.UpdatedAt,
	}
	if s.SoCPercent != nil {
		out.SocPercent.Set(curve.Round(*s.SoCPercent))
	}
	out.Vehicle, out.Limits, out.IdleSince = textOrNull(s.Vehicle), toAPILimits(s.Limits), timeOrNull(s.IdleSince)
	out.LimitReached, out.Cost = nullable.NewNullNullable[SessionLimitReached](), nullable.NewNullNullable[SessionCost]()
	if s.LimitReached != "" {
		out.LimitReached.Set(SessionLimitReached(s.LimitReached))
	}
	if c := s.Cost; c != nil {
		out.Cost.Set(SessionCost{
			BeforeTaxes: moneyOrNull(c.Currency, c.TotalExclTax), AfterTaxes: moneyOrNull(c.Currency, c.TotalInclTax), At: c.At,
		})
	}
	return out
}

// toAPILimits writes limits; what is not limited is null.
func toAPILimits(l session.Limits) SessionLimits {
	out := SessionLimits{
		EnergyKwh: nullable.NewNullNullable[float64](), DurationMin: nullable.NewNullNullable[int](),
		Cost: textOrNull(string(l.Cost)), SocPercent: nullable.NewNullNullable[float64](),
	}
	if l.EnergyWh > 0 {
		out.EnergyKwh.Set(float64(l.EnergyWh) / 1000)
	}
	if l.Duration > 0 {
		out.DurationMin.Set(int(l.Duration / time.Minute))
	}
	if l.SoCPercent > 0 {
		out.SocPercent.Set(l.SoCPercent)
	}
	return out
}

// ToAPIMeterValue writes a reading as the API says it.
func ToAPIMeterValue(r session.Reading) MeterValue {
	out := MeterValue{
		At: r.At, RegisterKwh: numberOrNull(r.RegisterWh / 1000), PowerKw: numberOrNull(r.PowerW / 1000), CurrentA: numberOrNull(r.CurrentA),
		VoltageV: numberOrNull(r.VoltageV), SocPercent: numberOrNull(r.SoCPercent), Other: map[string]float64{},
		Marks: make([]MeterValueMarks, 0, 1),
	}
	for _, name := range r.Marks.Names() {
		out.Marks = append(out.Marks, MeterValueMarks(name))
	}
	if r.Other != nil {
		out.Other = r.Other
	}
	return out
}

// ToAPIReceipt writes a CDR as the API says it. A tariff that is not a JSON object, which cannot be stored, is left out.
func ToAPIReceipt(c session.CDR) Receipt {
	out := Receipt{
		Id: c.ID, SessionId: idOrNull(c.SessionID), ReservationId: idOrNull(c.ReservationID), DriverId: idOrNull(c.DriverID), Token: toAPISessionToken(c.Token), StartedAt: c.StartedAt, EndedAt: c.EndedAt, TimeZone: c.TimeZone,
		StopReason: c.StopReason, MeterStartWh: c.MeterStartWh, MeterStopWh: c.MeterStopWh, EnergyKwh: c.EnergyKWh,
		ChargingS: c.ChargingS, ParkingS: c.ParkingS, ReservationS: c.ReservationS, Lines: make([]ReceiptLine, 0, len(c.Lines)),
		Tariff:           nullable.NewNullNullable[map[string]any](),
		TotalBeforeTaxes: moneyOrNull(c.Currency, c.TotalExclTax), TotalAfterTaxes: moneyOrNull(c.Currency, c.TotalInclTax),
		CreatedAt: c.CreatedAt,
	}
	out.Operator.Id, out.Operator.Name = c.OperatorID, c.OperatorName
	out.Station.Id, out.Station.Name, out.Station.Address = c.StationID, c.StationName, c.Address
	out.Plot.Id, out.Plot.Label = c.PlotID, c.PlotLabel
	out.RegisterFault, out.Remark = textOrNil(c.RegisterFault), textOrNil(c.Remark)
	if c.Credits != uuid.Nil {
		out.Credits = &c.Credits
	}
	if c.Follows != uuid.Nil {
		out.Follows = &c.Follows
	}
	var tariff map[string]any
	if json.Unmarshal(c.Tariff, &tariff) == nil && tariff != nil {
		out.Tariff.Set(tariff)
	}
	for _, l := range c.Lines {
		out.Lines = append(out.Lines, ReceiptLine{
			Phase: ReceiptLinePhase(l.Phase), Dimension: ReceiptLineDimension(l.Dimension), Volume: l.Volume, Unit: l.Unit, Price: l.Price,
			VatPercent: textOrNull(l.VAT), StepSize: l.StepSize, BeforeTaxes: textOrNull(l.ExclTax), AfterTaxes: textOrNull(l.InclTax),
		})
	}
	return out
}

// ToAPIChargePoint writes a charge point as the API says it.
func ToAPIChargePoint(c chargepoint.ChargePoint) ChargePoint {
	out := ChargePoint{
		Id: c.ID, Identity: c.Identity, StationId: c.StationID, Connected: c.Connected(), ConnectedSince: timeOrNull(c.ConnectedSince),
		Protocol: textOrNull(c.Protocol), LastSeenAt: timeOrNull(c.LastSeenAt), BootedAt: timeOrNull(c.BootedAt),
		SecurityProfile: c.Security.Profile, CertificateSha256: hexOrNull(c.Security.Certificate),
		Boot: nullable.NewNullNullable[BootInfo](), Evses: make([]ChargePointConnector, 0, len(c.Connectors)),
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if b := c.Boot; b != nil {
		out.Boot.Set(BootInfo{
			Vendor: b.Vendor, Model: b.Model, SerialNumber: textOrNil(b.SerialNumber), FirmwareVersion: textOrNil(b.FirmwareVersion),
			Iccid: textOrNil(b.ICCID), Imsi: textOrNil(b.IMSI), MeterType: textOrNil(b.MeterType), MeterSerialNumber: textOrNil(b.MeterSerial),
		})
	}
	for _, k := range c.Connectors {
		out.Evses = append(out.Evses, ChargePointConnector{
			OcppConnectorId: k.Number, EvseId: k.EVSEID, PlotId: idOrNull(k.PlotID), Status: textOrNull(string(k.Status)),
			ErrorCode: k.ErrorCode, StatusAt: timeOrNull(k.StatusAt),
		})
	}
	return out
}

func idOrNull(id uuid.UUID) nullable.Nullable[uuid.UUID] {
	if id == uuid.Nil {
		return nullable.NewNullNullable[uuid.UUID]()
	}
	return nullable.NewNullableWithValue(id)
}

func timeOrNull(t time.Time) nullable.Nullable[time.Time] {
	if t.IsZero() {
		return nullable.NewNullNullable[time.Time]()
	}
	return nullable.NewNullableWithValue(t)
}

func textOrNull(s string) nullable.Nullable[string] {
	if s == "" {
		return nullable.NewNullNullable[string]()
	}
	return nullable.NewNullableWithValue(s)
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func numberOrNull(v float64) nullable.Nullable[float64] {
	if math.IsNaN(v) {
		return nullable.NewNullNullable[float64]()
	}
	return nullable.NewNullableWithValue(v)
}

func kiloOrNull(v *float64) nullable.Nullable[float64] {
	if v == nil {
		return nullable.NewNullNullable[float64]()
	}
	return nullable.NewNullableWithValue(math.Round(*v) / 1000)
}

func moneyOrNull(currency, amount string) nullable.Nullable[Money] {
	if amount == "" {
		return nullable.NewNullNullable[Money]()
	}
	return nullable.NewNullableWithValue(Money{Currency: currency, Amount: amount})
}

// etag is the entity tag of a resource's version.
func etag(version int64) *string {
	tag := `"` + strconv.FormatInt(version, 10) + `"`
	return &tag
}

// list splits a comma-joined parameter; nil gives nil.
func list(joined *string) []string {
	if joined == nil {
		return nil
	}
	return strings.Split(*joined, ",")
}

// orZero reads an optional parameter.
func orZero[T any](v *T) T {
	if v == nil {
		var zero T
		return zero
	}
	return *v
}

package httpapi

import (
	"context"
	"math"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/vehicle"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/curve"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// ListVehicles implements StrictServerInterface.
func (a *API) ListVehicles(_ context.Context, request ListVehiclesRequestObject) (ListVehiclesResponseObject, error) {
	out := ListVehicles200JSONResponse{Items: []Vehicle{}}
	for _, v := range a.Vehicles.Find(orZero(request.Params.Q)) {
		item := Vehicle{Id: v.ID, Name: v.Name, UsableKwh: v.UsableKWh, MaxAcKw: v.MaxACKW, Measured: v.Measured, Curve: []VehiclePower{}}
		if v.Year > 0 {
			item.Year = &v.Year
		}
		for _, p := range v.Curve {
			item.Curve = append(item.Curve, VehiclePower{SocPercent: p.SoCPercent, PowerKw: p.KW})
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// checkVehicle refuses one that is not in the catalogue; none at all is right.
func (a *API) checkVehicle(id string) error {
	if id == "" {
		return nil
	}
	if _, err := a.Vehicles.Get(id); err != nil {
		return vehicle.ErrUnknown.At(fault.Field{Pointer: "/vehicle", Code: "unknown", Detail: "must be the id of a vehicle of /v1/vehicles"})
	}
	return nil
}

// GetEstimate implements StrictServerInterface.
func (a *API) GetEstimate(ctx context.Context, request GetEstimateRequestObject) (GetEstimateResponseObject, error) {
	s, err := a.visible(ctx, request.SessionId)
	if err != nil {
		return nil, err
	}
	if s.State != session.Active || s.SoCPercent == nil {
		return nil, vehicle.ErrNoEstimate
	}
	readings, _, err := a.Sessions.CurveReadings(ctx, s, defaultPoints)
	if err != nil {
		return nil, err
	}
	now := vehicle.Now{SoCPercent: *s.SoCPercent}
	if s.PowerW != nil {
		now.PowerKW = *s.PowerW / 1000
	}
	first := math.NaN()
	for _, r := range readings {
		if !math.IsNaN(r.PowerW) {
			now.MaxKW = max(now.MaxKW, r.PowerW/1000)
		}
		if math.IsNaN(first) {
			first = r.SoCPercent
		}
	}
	if s.EnergyWh != nil {
		now.BatteryKWh = vehicle.Battery(*s.EnergyWh/1000, first, now.SoCPercent)
	}
	var car *vehicle.Vehicle
	if v, err := a.Vehicles.Get(s.Vehicle); err == nil {
		car = &v
	}
	e, err := a.Vehicles.Estimate(car, now, float64(request.Params.SocPercent))
	if err != nil {
		return nil, err
	}
	return GetEstimate200JSONResponse{
		SocPercent: curve.Round(now.SoCPercent), TargetSocPercent: float64(request.Params.SocPercent), ReadAt: s.ReadAt,
		ReadyAt: s.ReadAt.Add(e.Duration.Round(time.Second)), DurationS: int(e.Duration.Round(time.Second).Seconds()),
		EnergyKwh: curve.Round(e.EnergyKWh), Basis: EstimateBasis(e.Basis),
	}, nil
}

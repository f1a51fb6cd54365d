package ocpp

import (
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func toProfile201(p chargepoint.ChargingProfile) *types.ChargingProfile {
	schedule := types.ChargingSchedule{
		ID: p.ID, Duration: p.Schedule.DurationS, StartSchedule: toTime201(p.Schedule.StartsAt),
		ChargingRateUnit: types.ChargingRateUnitType(p.Schedule.Unit), MinChargingRate: p.Schedule.MinRate,
	}
	for _, period := range p.Schedule.Periods {
		schedule.ChargingSchedulePeriod = append(schedule.ChargingSchedulePeriod, types.ChargingSchedulePeriod{
			StartPeriod: period.StartS, Limit: period.Limit, NumberPhases: period.Phases,
		})
	}
	return &types.ChargingProfile{
		ID: p.ID, StackLevel: p.StackLevel, ChargingProfilePurpose: types.ChargingProfilePurposeType(p.Purpose),
		ChargingProfileKind: types.ChargingProfileKindType(p.Kind), RecurrencyKind: types.RecurrencyKindType(p.Recurrency),
		ValidFrom: toTime201(p.ValidFrom), ValidTo: toTime201(p.ValidTo), TransactionID: string(p.Transaction),
		ChargingSchedule: []types.ChargingSchedule{schedule},
	}
}

// fromProfile201 keeps the first schedule: the others only suit cars that negotiate by ISO 15118.
func fromProfile201(evse int, p types.ChargingProfile) chargepoint.ChargingProfile {
	out := chargepoint.ChargingProfile{
		ID: p.ID, Connector: evse, StackLevel: p.StackLevel, Purpose: chargepoint.ProfilePurpose(p.ChargingProfilePurpose),
		Kind: string(p.ChargingProfileKind), Recurrency: string(p.RecurrencyKind), Transaction: chargepoint.TransactionID(p.TransactionID),
		ValidFrom: fromTime201(p.ValidFrom), ValidTo: fromTime201(p.ValidTo),
	}
	if len(p.ChargingSchedule) > 0 {
		out.Schedule = fromSchedule201(p.ChargingSchedule[0])
	}
	return out
}

func fromSchedule201(s types.ChargingSchedule) chargepoint.ChargingSchedule {
	out := chargepoint.ChargingSchedule{
		StartsAt: fromTime201(s.StartSchedule), DurationS: s.Duration, Unit: chargepoint.RateUnit(s.ChargingRateUnit), MinRate: s.MinChargingRate,
	}
	for _, p := range s.ChargingSchedulePeriod {
		out.Periods = append(out.Periods, chargepoint.SchedulePeriod{StartS: p.StartPeriod, Limit: p.Limit, Phases: p.NumberPhases})
	}
	return out
}

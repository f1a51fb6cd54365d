package ocpp

import (
	"context"
	"math"

	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// scale applies the exponent of a value's unit, within what a float64 can hold; NewSample refuses what is not finite.
func scale(sampled *types.SampledValue) {
	if unit := sampled.UnitOfMeasure; unit != nil && unit.Multiplier != nil {
		sampled.Value *= math.Pow10(*unit.Multiplier)
		unit.Multiplier = nil
	}
}

// samples201 is samples16 for 2.0.1.
func (s *Server) samples201(ctx context.Context, c *conn, values []types.MeterValue) []chargepoint.Sample {
	samples := make([]chargepoint.Sample, 0, 8*len(values))
	for _, value := range values {
		for _, sampled := range value.SampledValue {
			sample, err := fromSampledValue201(value.Timestamp, sampled)
			if err != nil {
				c.log.WarnContext(ctx, "ocpp reading ignored", "measurand", string(sampled.Measurand), "error", err)
				continue
			}
			samples = append(samples, sample)
		}
	}
	return samples
}

func fromSampledValue201(at types.DateTime, sampled types.SampledValue) (chargepoint.Sample, error) {
	value, unit := sampled.Value, ""
	if sampled.UnitOfMeasure != nil {
		value, unit = celsius(value, sampled.UnitOfMeasure.Unit)
	}
	return chargepoint.NewSample(chargepoint.Reading{
		At: at.UTC(), Measurand: string(sampled.Measurand), Phase: string(sampled.Phase), Location: string(sampled.Location),
		Context: string(sampled.Context), Unit: unit, Value: value,
	})
}

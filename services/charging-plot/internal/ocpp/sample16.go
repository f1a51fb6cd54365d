package ocpp

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// samples16 flattens the meter values of a message, in their order. A reading that makes no sense is left out and logged; the others
// of the message count, since a station would only repeat the same words.
func (s *Server) samples16(ctx context.Context, c *conn, values []types.MeterValue) []chargepoint.Sample {
	samples := make([]chargepoint.Sample, 0, 8*len(values))
	for _, value := range values {
		for _, sampled := range value.SampledValue {
			sample, err := fromSampledValue16(value.Timestamp, sampled)
			if err != nil {
				c.log.WarnContext(ctx, "ocpp reading ignored", "measurand", string(sampled.Measurand), "error", err)
				continue
			}
			samples = append(samples, sample)
		}
	}
	return samples
}

// fromSampledValue16 reads one sampled value. Temperatures come in any of three units and are kept in degrees Celsius; the other
// units are chargepoint's to normalise. Signed values (a meter's sealed data block) are not numbers and are not read.
func fromSampledValue16(at *types.DateTime, sampled types.SampledValue) (chargepoint.Sample, error) {
	if sampled.Format == types.ValueFormatSignedData {
		return chargepoint.Sample{}, fmt.Errorf("signed data is not read")
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(sampled.Value), 64)
	if err != nil {
		return chargepoint.Sample{}, fmt.Errorf("the value is no number")
	}
	value, unit := celsius(value, string(sampled.Unit))
	return chargepoint.NewSample(chargepoint.Reading{
		At: fromTime(at), Measurand: string(sampled.Measurand), Phase: string(sampled.Phase), Location: string(sampled.Location),
		Context: string(sampled.Context), Unit: unit, Value: value,
	})
}

// celsius turns the two other units of temperature into degrees Celsius and leaves every other unit alone.
func celsius(value float64, unit string) (float64, string) {
	switch unit {
	case "K":
		return value - 273.15, "Celsius"
	case "Fahrenheit":
		return (value - 32) / 1.8, "Celsius"
	}
	return value, unit
}

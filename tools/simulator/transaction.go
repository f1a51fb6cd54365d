package simulator

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
)

// A transaction is a charge and where its messages stand.
type transaction struct {
	Transaction
	hopeless bool // the central system refused its start for good
}

// begin starts a charge on a tag.
func (c *connector) begin(idTag string) {
	if c.tx != nil || c.vehicle == nil || c.faulted {
		return
	}
	now := moment()
	tx := &transaction{Transaction: Transaction{Connector: c.number, IDTag: idTag, StartedAt: now, MeterStartWh: c.register()}}
	c.tx, c.authorized, c.finished, c.suspended = tx, "", false, false
	c.expiry.cancel()
	c.charge = NewCharge(*c.vehicle, c.plug, c.station.options.Speed, now)
	c.last = c.charge.Advance(now)
	s := c.station
	s.records = append(s.records, tx)
	s.stats.started.Add(1)

	var reservationID *int
	if c.reserved != nil && c.reserved.idTag == idTag {
		id := c.reserved.id
		reservationID = &id
		c.reserved.ends.cancel()
		c.reserved = nil
	}
	s.say(&message{
		keep: true,
		compose: func() ocpp.Request {
			request := core.NewStartTransactionRequest(c.number, idTag, tx.MeterStartWh, types.NewDateTime(now))
			request.ReservationId = reservationID
			return request
		},
		answered: func(response ocpp.Response, refused error) {
			confirmation, ok := response.(*core.StartTransactionConfirmation)
			if refused != nil || !ok {
				tx.hopeless = true
				c.end(tx, core.ReasonOther)
				return
			}
			tx.ID = confirmation.TransactionId
			if confirmation.IdTagInfo.Status != types.AuthorizationStatusAccepted {
				c.end(tx, core.ReasonDeAuthorized)
			}
		},
	})
	c.tellReading(tx, c.last, types.ReadingContextTransactionBegin)
	c.sampling = s.after(s.options.SampleInterval, c.sample)
	c.update()
}

// end stops a transaction if it is still the one that runs.
func (c *connector) end(tx *transaction, reason core.Reason) {
	if c.tx == tx {
		c.stop(reason)
		c.update()
	}
}

// sample reads the meter, reports it and intends the next reading.
func (c *connector) sample() {
	if c.tx == nil {
		return
	}
	c.sampling = c.station.after(c.station.options.SampleInterval, c.sample)
	c.read(types.ReadingContextSamplePeriodic)
	if c.last.Done && !c.suspended {
		c.suspended = true
		c.leave(leastLinger, mostLinger)
		c.update()
	}
}

// read reads the meter now and reports it.
func (c *connector) read(context types.ReadingContext) {
	if c.tx == nil {
		return
	}
	c.last = c.charge.Advance(moment())
	c.tellReading(c.tx, c.last, context)
}

// stop ends the charge that runs, if any.
func (c *connector) stop(reason core.Reason) {
	tx := c.tx
	if tx == nil {
		return
	}
	if !c.halted {
		c.halt(moment())
	}
	c.conclude(tx, reason)
	c.leave(leastUnplugDelay, mostUnplugDelay)
}

// halt stops the energy at a moment and reads the meter for the last time.
func (c *connector) halt(at time.Time) {
	c.sampling.cancel()
	c.halted = true
	c.last = c.charge.Advance(at)
	c.tx.StoppedAt, c.tx.MeterStopWh = c.last.At, c.register()
}

// conclude reports the end of a transaction whose energy has stopped.
func (c *connector) conclude(tx *transaction, reason core.Reason) {
	s := c.station
	tx.Reason = reason
	last := c.last
	final := c.values(last, types.ReadingContextTransactionEnd)
	c.registerWh += last.EnergyWh
	c.charge, c.tx, c.last = nil, nil, Reading{SoC: last.SoC}
	c.finished, c.suspended, c.halted = true, false, false
	if c.vehicle != nil {
		c.vehicle.ArrivalSoC = last.SoC
	}
	if c.closing {
		c.closing, c.operative = false, false
	}
	s.say(&message{
		keep: true,
		compose: func() ocpp.Request {
			if tx.hopeless {
				return nil
			}
			request := core.NewStopTransactionRequest(tx.MeterStopWh, types.NewDateTime(tx.StoppedAt), tx.ID)
			request.Reason, request.IdTag = reason, tx.IDTag
			request.TransactionData = []types.MeterValue{final}
			return request
		},
		answered: func(_ ocpp.Response, refused error) {
			tx.Acknowledged = refused == nil
			if refused == nil {
				s.stats.stopped.Add(1)
			}
		},
	})
}

func (c *connector) tellReading(tx *transaction, reading Reading, context types.ReadingContext) {
	value := c.values(reading, context)
	c.station.say(&message{
		keep: true, reading: true,
		compose: func() ocpp.Request {
			if tx.hopeless {
				return nil
			}
			request := core.NewMeterValuesRequest(c.number, []types.MeterValue{value})
			request.TransactionId = &tx.ID
			return request
		},
	})
}

// values expresses a reading as the plug's electronics would: DC plugs know the state of charge and one voltage, AC plugs three
// phases and nothing of the battery.
func (c *connector) values(reading Reading, context types.ReadingContext) types.MeterValue {
	value := types.MeterValue{Timestamp: types.NewDateTime(reading.At)}
	add := func(m types.Measurand, unit types.UnitOfMeasure, phase types.Phase, decimals int, v float64) {
		value.SampledValue = append(value.SampledValue, types.SampledValue{
			Value: strconv.FormatFloat(v, 'f', decimals, 64), Context: context, Measurand: m, Phase: phase, Unit: unit,
			Location: types.LocationOutlet,
		})
	}
	if c.kilo {
		add(types.MeasurandEnergyActiveImportRegister, types.UnitOfMeasureKWh, "", 3, float64(c.register())/1000)
		add(types.MeasurandPowerActiveImport, types.UnitOfMeasureKW, "", 3, reading.PowerW/1000)
	} else {
		add(types.MeasurandEnergyActiveImportRegister, types.UnitOfMeasureWh, "", 0, float64(c.register()))
		add(types.MeasurandPowerActiveImport, types.UnitOfMeasureW, "", 0, reading.PowerW)
	}
	if c.plug.DC {
		volts := 340 + 0.7*reading.SoC
		add(types.MeasurandVoltage, types.UnitOfMeasureV, "", 1, volts)
		add(types.MeasurandCurrentImport, types.UnitOfMeasureA, "", 1, reading.PowerW/volts)
		add(types.MeasurandSoC, types.UnitOfMeasurePercent, "", 0, math.Floor(reading.SoC))
		value.SampledValue[len(value.SampledValue)-1].Location = types.LocationEV
		return value
	}
	phases := max(1, c.plug.Phases)
	for i := range phases {
		wire, neutral := types.Phase(fmt.Sprintf("L%d", i+1)), types.Phase(fmt.Sprintf("L%d-N", i+1))
		add(types.MeasurandVoltage, types.UnitOfMeasureV, neutral, 1, 230)
		add(types.MeasurandCurrentImport, types.UnitOfMeasureA, wire, 1, reading.PowerW/230/float64(phases))
	}
	return value
}

// moment is the present as the meter's clock counts it. Readings are told to the millisecond, and power and energy are those of
// exactly that moment.
func moment() time.Time {
	return time.Now().Truncate(time.Millisecond)
}

package simulator

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	types16 "github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/authorization"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/availability"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/data"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/diagnostics"
	firmware201 "github.com/lorenzodonini/ocpp-go/ocpp2.0.1/firmware"
	meter201 "github.com/lorenzodonini/ocpp-go/ocpp2.0.1/meter"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/provisioning"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/remotecontrol"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/transactions"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// The versions of OCPP that a station may speak.
const (
	OCPP16  = types16.V16Subprotocol
	OCPP201 = types.V201Subprotocol
)

// endpoint201 is endpoint for OCPP 2.0.1.
var endpoint201 = newEndpoint201()

func newEndpoint201() *ocppj.Endpoint {
	var e ocppj.Endpoint
	e.SetDialect(ocpp.V2)
	for _, profile := range []*ocpp.Profile{
		authorization.Profile, availability.Profile, data.Profile, diagnostics.Profile, firmware201.Profile, meter201.Profile, provisioning.Profile,
		remotecontrol.Profile, reservation.Profile, transactions.Profile,
	} {
		e.AddProfile(profile)
	}
	return &e
}

// ocpp-go keeps a format of timestamps for each version; see link.go.
func init() {
	types.DateTimeFormat = types16.DateTimeFormat
}

// A tongue is how a station speaks 2.0.1. Inside, a station thinks in the messages of 1.6; here they become those of 2.0.1 on their way
// out, and its answers and orders those of 1.6 on their way in. An EVSE has one plug and is what a connector is in 1.6.
type tongue struct {
	byKey    map[string]*named // by connector and time of the beginning: a start that is said again is the same
	byNumber map[int]*named
	byName   map[string]*named
	asked    map[string]ocpp.Request // orders that have no answer yet, by message id
}

// named is a transaction under the name that the station gave it, and under the number that 1.6 would have been given.
type named struct {
	name   string
	number int
	evse   int
	said   map[string]int // sequence numbers of what was said, so that a repeat bears the number of the first time
}

func newTongue() *tongue {
	return &tongue{byKey: map[string]*named{}, byNumber: map[int]*named{}, byName: map[string]*named{}, asked: map[string]ocpp.Request{}}
}

func (t *tongue) begin(connector int, at time.Time) *named {
	key := fmt.Sprint(connector, at.UnixMilli())
	n := t.byKey[key]
	if n == nil {
		n = &named{name: uuid.NewString(), number: len(t.byKey) + 1, evse: connector, said: map[string]int{}}
		t.byKey[key], t.byNumber[n.number], t.byName[n.name] = n, n, n
	}
	return n
}

// seq numbers what is said of a transaction.
func (n *named) seq(what string) int {
	seq, before := n.said[what]
	if !before {
		seq = len(n.said)
		n.said[what] = seq
	}
	return seq
}

func token(tag string) types.IdToken {
	return types.IdToken{IdToken: tag, Type: types.IdTokenTypeISO14443}
}

// request translates what the station says, nil when 2.0.1 has nothing to say there.
func (t *tongue) request(request ocpp.Request) ocpp.Request {
	switch r := request.(type) {
	case *core.BootNotificationRequest:
		out := provisioning.NewBootNotificationRequest(provisioning.BootReasonPowerUp, r.ChargePointModel, r.ChargePointVendor)
		out.ChargingStation.SerialNumber, out.ChargingStation.FirmwareVersion = r.ChargePointSerialNumber, r.FirmwareVersion
		return out
	case *core.HeartbeatRequest:
		return availability.NewHeartbeatRequest()
	case *core.StatusNotificationRequest:
		if r.ConnectorId == 0 {
			return nil
		}
		at := time.Now()
		if r.Timestamp != nil {
			at = r.Timestamp.Time
		}
		return availability.NewStatusNotificationRequest(types.NewDateTime(at), connectorStatus(r.Status), r.ConnectorId, 1)
	case *core.AuthorizeRequest:
		return authorization.NewAuthorizationRequest(r.IdTag, types.IdTokenTypeISO14443)
	case *core.StartTransactionRequest:
		return t.started(r)
	case *core.MeterValuesRequest:
		if r.TransactionId == nil || t.byNumber[*r.TransactionId] == nil {
			return meter201.NewMeterValuesRequest(r.ConnectorId, readings201(r.MeterValue))
		}
		return t.updated(r)
	case *core.StopTransactionRequest:
		return t.ended(r)
	case *firmware.FirmwareStatusNotificationRequest:
		return firmware201.NewFirmwareStatusNotificationRequest(firmware201.FirmwareStatusIdle)
	case *firmware.DiagnosticsStatusNotificationRequest:
		return diagnostics.NewLogStatusNotificationRequest(diagnostics.UploadLogStatusIdle, 0)
	}
	return nil
}

// statuses that 2.0.1 knows too; every other one of 1.6 is Occupied there.
var statuses = map[core.ChargePointStatus]availability.ConnectorStatus{
	core.ChargePointStatusAvailable: availability.ConnectorStatusAvailable, core.ChargePointStatusReserved: availability.ConnectorStatusReserved,
	core.ChargePointStatusUnavailable: availability.ConnectorStatusUnavailable, core.ChargePointStatusFaulted: availability.ConnectorStatusFaulted,
}

func connectorStatus(status core.ChargePointStatus) availability.ConnectorStatus {
	return cmp.Or(statuses[status], availability.ConnectorStatusOccupied)
}

func (t *tongue) started(r *core.StartTransactionRequest) ocpp.Request {
	n := t.begin(r.ConnectorId, r.Timestamp.Time)
	out := transactions.NewTransactionEventRequest(transactions.TransactionEventStarted, types.NewDateTime(r.Timestamp.Time),
		transactions.TriggerReasonAuthorized, n.seq("start"), transactions.Transaction{TransactionID: n.name, ChargingState: transactions.ChargingStateCharging})
	plug, shown := 1, token(r.IdTag)
	out.Evse, out.IDToken, out.ReservationID = &types.EVSE{ID: n.evse, ConnectorID: &plug}, &shown, r.ReservationId
	out.MeterValue = []types.MeterValue{{
		Timestamp:    *types.NewDateTime(r.Timestamp.Time),
		SampledValue: []types.SampledValue{{Value: float64(r.MeterStart), Context: types.ReadingContextTransactionBegin}},
	}}
	return out
}

func (t *tongue) updated(r *core.MeterValuesRequest) ocpp.Request {
	n, first := t.byNumber[*r.TransactionId], r.MeterValue[0]
	reason := transactions.TriggerReasonMeterValuePeriodic
	if first.SampledValue[0].Context == types16.ReadingContextTrigger {
		reason = transactions.TriggerReasonTrigger
	}
	out := transactions.NewTransactionEventRequest(transactions.TransactionEventUpdated, types.NewDateTime(first.Timestamp.Time), reason,
		n.seq(fmt.Sprint(first.Timestamp.UnixMilli(), first.SampledValue[0].Context)),
		transactions.Transaction{TransactionID: n.name, ChargingState: transactions.ChargingStateCharging})
	out.MeterValue = readings201(r.MeterValue)
	return out
}

// reasons are those that 2.0.1 has other words for.
var reasons = map[core.Reason]transactions.Reason{
	core.ReasonHardReset: transactions.ReasonImmediateReset, core.ReasonSoftReset: transactions.ReasonReboot,
	core.ReasonUnlockCommand: transactions.ReasonOther,
}

func (t *tongue) ended(r *core.StopTransactionRequest) ocpp.Request {
	n := t.byNumber[r.TransactionId]
	if n == nil {
		return nil
	}
	reason, other := reasons[r.Reason]
	if !other {
		reason = transactions.Reason(r.Reason)
	}
	out := transactions.NewTransactionEventRequest(transactions.TransactionEventEnded, types.NewDateTime(r.Timestamp.Time),
		transactions.TriggerReasonStopAuthorized, n.seq("stop"), transactions.Transaction{TransactionID: n.name, StoppedReason: reason})
	out.MeterValue = readings201(r.TransactionData)
	out.MeterValue = append(out.MeterValue, types.MeterValue{
		Timestamp:    *types.NewDateTime(r.Timestamp.Time),
		SampledValue: []types.SampledValue{{Value: float64(r.MeterStop), Context: types.ReadingContextTransactionEnd}},
	})
	return out
}

// readings201 expresses units with exponents, as 2.0.1 has them.
func readings201(values []types16.MeterValue) []types.MeterValue {
	out := make([]types.MeterValue, 0, len(values))
	for _, value := range values {
		reading := types.MeterValue{Timestamp: *types.NewDateTime(value.Timestamp.Time)}
		for _, s := range value.SampledValue {
			number, err := strconv.ParseFloat(s.Value, 64)
			if err != nil || math.IsNaN(number) {
				continue
			}
			sampled := types.SampledValue{
				Value: number, Context: types.ReadingContext(s.Context), Measurand: types.Measurand(s.Measurand), Phase: types.Phase(s.Phase),
				Location: types.Location(s.Location), UnitOfMeasure: &types.UnitOfMeasure{Unit: string(s.Unit)},
			}
			switch s.Unit { //nolint:exhaustive // the others stay
			case types16.UnitOfMeasureKWh, types16.UnitOfMeasureKW:
				three := 3
				sampled.UnitOfMeasure = &types.UnitOfMeasure{Unit: string(s.Unit[1:]), Multiplier: &three}
			}
			reading.SampledValue = append(reading.SampledValue, sampled)
		}
		out = append(out, reading)
	}
	return out
}

// response translates the answer to what was said.
func (t *tongue) response(asked ocpp.Request, response any) ocpp.Response {
	switch r := response.(type) {
	case *provisioning.BootNotificationResponse:
		return core.NewBootNotificationConfirmation(types16.NewDateTime(r.CurrentTime.Time), r.Interval, core.RegistrationStatus(r.Status))
	case *authorization.AuthorizeResponse:
		return core.NewAuthorizationConfirmation(tagInfo(&r.IdTokenInfo))
	case *transactions.TransactionEventResponse:
		switch asked := asked.(type) {
		case *core.StartTransactionRequest:
			return core.NewStartTransactionConfirmation(tagInfo(r.IDTokenInfo), t.begin(asked.ConnectorId, asked.Timestamp.Time).number)
		case *core.StopTransactionRequest:
			return core.NewStopTransactionConfirmation()
		}
		return core.NewMeterValuesConfirmation()
	}
	return nil
}

func tagInfo(info *types.IdTokenInfo) *types16.IdTagInfo {
	status := types16.AuthorizationStatusInvalid
	if info != nil && info.Status == types.AuthorizationStatusAccepted {
		status = types16.AuthorizationStatusAccepted
	}
	return types16.NewIdTagInfo(status)
}

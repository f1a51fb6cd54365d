package ocpp

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/authorization"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/availability"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/data"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/diagnostics"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/iso15118"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/meter"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/provisioning"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/security"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/smartcharging"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/transactions"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"
)

// v201 is OCPP 2.0.1. An EVSE of a charging station is what a connector is in 1.6: the outlet that charges one car at a time.
type v201 struct{}

func (v201) protocol() string { return SubprotocolV201 }

func (v201) spelling(code ocpp.ErrorCode) ocpp.ErrorCode {
	switch code {
	case codeFormation:
		return "FormatViolation"
	case codeOccurence:
		return "OccurrenceConstraintViolation"
	}
	return code
}

// unreadable is what OCPP-J 2.0.1, section 4.2.3, has in the place of a message id that cannot be read.
func (v201) unreadable() string { return "-1" }

func (v201) knows(action string) bool { return actions201[action] != nil }

func (v201) decode(action string, payload json.RawMessage) (ocpp.Request, *callError) {
	return decodeRequest(actions201, tolerate201, action, payload)
}

// The actions that a station of OCPP 2.0.1 may call. Those about customer information, displays and published firmware are no business of
// this service.
var actions201 = map[string]reflect.Type{
	authorization.AuthorizeFeatureName:                reflect.TypeFor[authorization.AuthorizeRequest](),
	availability.HeartbeatFeatureName:                 reflect.TypeFor[availability.HeartbeatRequest](),
	availability.StatusNotificationFeatureName:        reflect.TypeFor[availability.StatusNotificationRequest](),
	data.DataTransferFeatureName:                      reflect.TypeFor[data.DataTransferRequest](),
	diagnostics.LogStatusNotificationFeatureName:      reflect.TypeFor[diagnostics.LogStatusNotificationRequest](),
	diagnostics.NotifyEventFeatureName:                reflect.TypeFor[diagnostics.NotifyEventRequest](),
	firmware.FirmwareStatusNotificationFeatureName:    reflect.TypeFor[firmware.FirmwareStatusNotificationRequest](),
	iso15118.Get15118EVCertificateFeatureName:         reflect.TypeFor[iso15118.Get15118EVCertificateRequest](),
	iso15118.GetCertificateStatusFeatureName:          reflect.TypeFor[iso15118.GetCertificateStatusRequest](),
	meter.MeterValuesFeatureName:                      reflect.TypeFor[meter.MeterValuesRequest](),
	provisioning.BootNotificationFeatureName:          reflect.TypeFor[provisioning.BootNotificationRequest](),
	provisioning.NotifyReportFeatureName:              reflect.TypeFor[provisioning.NotifyReportRequest](),
	reservation.ReservationStatusUpdateFeatureName:    reflect.TypeFor[reservation.ReservationStatusUpdateRequest](),
	security.SignCertificateFeatureName:               reflect.TypeFor[security.SignCertificateRequest](),
	security.SecurityEventNotificationFeatureName:     reflect.TypeFor[security.SecurityEventNotificationRequest](),
	smartcharging.ClearedChargingLimitFeatureName:     reflect.TypeFor[smartcharging.ClearedChargingLimitRequest](),
	smartcharging.NotifyChargingLimitFeatureName:      reflect.TypeFor[smartcharging.NotifyChargingLimitRequest](),
	smartcharging.NotifyEVChargingNeedsFeatureName:    reflect.TypeFor[smartcharging.NotifyEVChargingNeedsRequest](),
	smartcharging.NotifyEVChargingScheduleFeatureName: reflect.TypeFor[smartcharging.NotifyEVChargingScheduleRequest](),
	smartcharging.ReportChargingProfilesFeatureName:   reflect.TypeFor[smartcharging.ReportChargingProfilesRequest](),
	transactions.TransactionEventFeatureName:          reflect.TypeFor[transactions.TransactionEventRequest](),
}

// tolerate201 is tolerate16 for 2.0.1: the words that only say why are replaced by the general one, readings that the standard does not
// define are left out.
func tolerate201(request ocpp.Request) bool {
	switch request := request.(type) {
	case *meter.MeterValuesRequest:
		before := len(request.MeterValue)
		request.MeterValue = knownReadings201(request.MeterValue)
		return before == 0 || len(request.MeterValue) > 0
	case *transactions.TransactionEventRequest:
		request.MeterValue = knownReadings201(request.MeterValue)
		info := &request.TransactionInfo
		if request.TriggerReason != "" && types.Validate.Var(request.TriggerReason, "triggerReason") != nil {
			request.TriggerReason = transactions.TriggerReasonTrigger
		}
		if info.StoppedReason != "" && types.Validate.Var(info.StoppedReason, "stoppedReason") != nil {
			info.StoppedReason = transactions.ReasonOther
		}
		if info.ChargingState != "" && types.Validate.Var(info.ChargingState, "chargingState") != nil {
			info.ChargingState = ""
		}
	}
	return true
}

// knownReadings201 removes the readings that the standard does not define, and the meter values of which none is left. ocpp-go takes a
// negative exponent for a fault, which the standard does not: milliamperes are as good as kilowatts.
func knownReadings201(values []types.MeterValue) []types.MeterValue {
	kept := values[:0]
	for _, value := range values {
		reported := len(value.SampledValue)
		value.SampledValue = slices.DeleteFunc(value.SampledValue, func(sample types.SampledValue) bool {
			sample.UnitOfMeasure = nil
			return types.Validate.Struct(sample) != nil
		})
		for i := range value.SampledValue {
			scale(&value.SampledValue[i])
		}
		if reported == 0 || len(value.SampledValue) > 0 {
			kept = append(kept, value)
		}
	}
	return kept
}

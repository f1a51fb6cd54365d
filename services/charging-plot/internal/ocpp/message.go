package ocpp

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/logging"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/securefirmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/security"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"gopkg.in/go-playground/validator.v9"
)

// The actions that a charge point of OCPP 1.6 may call, and the type of each request, those of the security extension among them. What
// is not in it is answered with NotImplemented.
var actions16 = map[string]reflect.Type{
	core.AuthorizeFeatureName:                                  reflect.TypeFor[core.AuthorizeRequest](),
	core.BootNotificationFeatureName:                           reflect.TypeFor[core.BootNotificationRequest](),
	core.DataTransferFeatureName:                               reflect.TypeFor[core.DataTransferRequest](),
	core.HeartbeatFeatureName:                                  reflect.TypeFor[core.HeartbeatRequest](),
	core.MeterValuesFeatureName:                                reflect.TypeFor[core.MeterValuesRequest](),
	core.StartTransactionFeatureName:                           reflect.TypeFor[core.StartTransactionRequest](),
	core.StatusNotificationFeatureName:                         reflect.TypeFor[core.StatusNotificationRequest](),
	core.StopTransactionFeatureName:                            reflect.TypeFor[core.StopTransactionRequest](),
	firmware.DiagnosticsStatusNotificationFeatureName:          reflect.TypeFor[firmware.DiagnosticsStatusNotificationRequest](),
	firmware.FirmwareStatusNotificationFeatureName:             reflect.TypeFor[firmware.FirmwareStatusNotificationRequest](),
	logging.LogStatusNotificationFeatureName:                   reflect.TypeFor[logging.LogStatusNotificationRequest](),
	security.SignCertificateFeatureName:                        reflect.TypeFor[security.SignCertificateRequest](),
	security.SecurityEventNotificationFeatureName:              reflect.TypeFor[security.SecurityEventNotificationRequest](),
	securefirmware.SignedFirmwareStatusNotificationFeatureName: reflect.TypeFor[securefirmware.SignedFirmwareStatusNotificationRequest](),
}

// decodeRequest reads and checks the payload of a call: an unknown action, a wrong type, a missing field and a value outside its
// bounds each come back under the standard's code for it. Fields nobody knows are let through, as vendors add their own.
func decodeRequest(
	actions map[string]reflect.Type, tolerate func(ocpp.Request) bool, action string, payload json.RawMessage,
) (ocpp.Request, *callError) {
	requestType, known := actions[action]
	if !known {
		return nil, refuse(codeNotImplemented, "the action %.40q is unknown", action)
	}
	request, _ := reflect.New(requestType).Interface().(ocpp.Request)
	if err := json.Unmarshal(payload, request); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, refuse(codeTypeConstraint, "%s.%s is a %s, which is not its type", action, wrong.Field, wrong.Value)
		}
		return nil, refuse(codeTypeConstraint, "%s has a field that is not of its type: %v", action, err)
	}
	if !tolerate(request) {
		return request, nil
	}
	return request, check(action, request)
}

// tolerate16 repairs what would otherwise make a transaction impossible to account for. Vendors report measurands, units and stop
// reasons of their own making; refusing the whole message for one of them would lose the energy it reports, because a station gives
// up after a few refusals. An unknown reading is left out, an unknown reason becomes Other. It returns false when nothing that the
// standard knows is left of a request: that one is acknowledged and has no effect.
func tolerate16(request ocpp.Request) bool {
	switch request := request.(type) {
	case *core.MeterValuesRequest:
		before := len(request.MeterValue)
		request.MeterValue = knownReadings(request.MeterValue)
		return before == 0 || len(request.MeterValue) > 0
	case *core.StopTransactionRequest:
		request.TransactionData = knownReadings(request.TransactionData)
		if request.Reason != "" && types.Validate.Var(request.Reason, "reason") != nil {
			request.Reason = core.ReasonOther
		}
	}
	return true
}

// knownReadings removes the readings that the standard does not define, and the meter values of which none is left. One that had no
// reading to begin with stays for check to refuse.
func knownReadings(values []types.MeterValue) []types.MeterValue {
	kept := values[:0]
	for _, value := range values {
		reported := len(value.SampledValue)
		value.SampledValue = slices.DeleteFunc(value.SampledValue, func(sample types.SampledValue) bool {
			return types.Validate.Struct(sample) != nil
		})
		if reported == 0 || len(value.SampledValue) > 0 {
			kept = append(kept, value)
		}
	}
	return kept
}

// check applies the bounds that ocpp-go declares for each field of a message.
func check(action string, message any) *callError {
	err := types.Validate.Struct(message)
	if err == nil {
		return nil
	}
	faults, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok || len(faults) == 0 {
		return refuse(codeFormation, "%s cannot be checked: %v", action, err)
	}
	first := faults[0]
	switch first.ActualTag() {
	case "required":
		return refuse(codeOccurence, "%s is missing", first.Namespace())
	case "max", "min", "gt", "gte", "lt", "lte":
		return refuse(codePropertyConstraint, "%s is out of bounds: %s %s", first.Namespace(), first.ActualTag(), first.Param())
	default:
		return refuse(codePropertyConstraint, "%s is not one of the values it may have", first.Namespace())
	}
}

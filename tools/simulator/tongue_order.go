package simulator

import (
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/remotetrigger"
	reservation16 "github.com/lorenzodonini/ocpp-go/ocpp1.6/reservation"
	types16 "github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/authorization"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/availability"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/data"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/provisioning"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/remotecontrol"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"
)

// order translates what the central system wants, nil when the station does not do it.
func (t *tongue) order(id string, request ocpp.Request) ocpp.Request {
	t.asked[id] = request
	switch r := request.(type) {
	case *remotecontrol.RequestStartTransactionRequest:
		out := core.NewRemoteStartTransactionRequest(r.IDToken.IdToken)
		out.ConnectorId = r.EvseID
		return out
	case *remotecontrol.RequestStopTransactionRequest:
		number := -1
		if n := t.byName[r.TransactionID]; n != nil {
			number = n.number
		}
		return core.NewRemoteStopTransactionRequest(number)
	case *provisioning.ResetRequest:
		if r.Type == provisioning.ResetTypeImmediate {
			return core.NewResetRequest(core.ResetTypeHard)
		}
		return core.NewResetRequest(core.ResetTypeSoft)
	case *remotecontrol.UnlockConnectorRequest:
		return core.NewUnlockConnectorRequest(r.EvseID)
	case *availability.ChangeAvailabilityRequest:
		return core.NewChangeAvailabilityRequest(evseOf(r.Evse), core.AvailabilityType(r.OperationalStatus))
	case *remotecontrol.TriggerMessageRequest:
		message := remotetrigger.MessageTrigger(r.RequestedMessage)
		switch r.RequestedMessage { //nolint:exhaustive // the others have the same name
		case remotecontrol.MessageTriggerLogStatusNotification:
			message = "DiagnosticsStatusNotification"
		case remotecontrol.MessageTriggerTransactionEvent:
			message = core.MeterValuesFeatureName
		}
		out := remotetrigger.NewTriggerMessageRequest(message)
		if evse := evseOf(r.Evse); evse > 0 {
			out.ConnectorId = &evse
		}
		return out
	case *reservation.ReserveNowRequest:
		evse := 0
		if r.EvseID != nil {
			evse = *r.EvseID
		}
		return reservation16.NewReserveNowRequest(evse, types16.NewDateTime(r.ExpiryDateTime.Time), r.IdToken.IdToken, r.ID)
	case *reservation.CancelReservationRequest:
		return reservation16.NewCancelReservationRequest(r.ReservationID)
	case *provisioning.GetVariablesRequest:
		var keys []string
		for _, v := range r.GetVariableData {
			keys = append(keys, v.Variable.Name)
		}
		return core.NewGetConfigurationRequest(keys)
	case *provisioning.SetVariablesRequest: // one at a time is all that the simulator is asked for
		return core.NewChangeConfigurationRequest(r.SetVariableData[0].Variable.Name, r.SetVariableData[0].AttributeValue)
	case *authorization.ClearCacheRequest:
		return core.NewClearCacheRequest()
	case *data.DataTransferRequest:
		return core.NewDataTransferRequest(r.VendorID)
	}
	return nil
}

func evseOf(evse *types.EVSE) int {
	if evse == nil {
		return 0
	}
	return evse.ID
}

// answer translates the station's answer to an order.
func (t *tongue) answer(id string, confirmation ocpp.Response) ocpp.Response {
	asked := t.asked[id]
	delete(t.asked, id)
	switch c := confirmation.(type) {
	case *core.RemoteStartTransactionConfirmation:
		return remotecontrol.NewRequestStartTransactionResponse(remotecontrol.RequestStartStopStatus(c.Status))
	case *core.RemoteStopTransactionConfirmation:
		return remotecontrol.NewRequestStopTransactionResponse(remotecontrol.RequestStartStopStatus(c.Status))
	case *core.ResetConfirmation:
		return provisioning.NewResetResponse(provisioning.ResetStatus(c.Status))
	case *core.UnlockConnectorConfirmation:
		if c.Status == core.UnlockStatusNotSupported {
			return remotecontrol.NewUnlockConnectorResponse(remotecontrol.UnlockStatusUnknownConnector)
		}
		return remotecontrol.NewUnlockConnectorResponse(remotecontrol.UnlockStatus(c.Status))
	case *core.ChangeAvailabilityConfirmation:
		return availability.NewChangeAvailabilityResponse(availability.ChangeAvailabilityStatus(c.Status))
	case *remotetrigger.TriggerMessageConfirmation:
		return remotecontrol.NewTriggerMessageResponse(remotecontrol.TriggerMessageStatus(c.Status))
	case *reservation16.ReserveNowConfirmation:
		return reservation.NewReserveNowResponse(reservation.ReserveNowStatus(c.Status))
	case *reservation16.CancelReservationConfirmation:
		return reservation.NewCancelReservationResponse(reservation.CancelReservationStatus(c.Status))
	case *core.ClearCacheConfirmation:
		return authorization.NewClearCacheResponse(authorization.ClearCacheStatus(c.Status))
	case *core.DataTransferConfirmation:
		return data.NewDataTransferResponse(data.DataTransferStatus(c.Status))
	case *core.GetConfigurationConfirmation:
		if asked, ok := asked.(*provisioning.GetVariablesRequest); ok {
			return variables(asked, c)
		}
	case *core.ChangeConfigurationConfirmation:
		if asked, ok := asked.(*provisioning.SetVariablesRequest); ok {
			status := provisioning.SetVariableStatus(c.Status)
			if c.Status == core.ConfigurationStatusNotSupported {
				status = provisioning.SetVariableStatusUnknownVariable
			}
			var results []provisioning.SetVariableResult
			for _, v := range asked.SetVariableData {
				results = append(results, provisioning.SetVariableResult{AttributeStatus: status, Component: v.Component, Variable: v.Variable})
			}
			return provisioning.NewSetVariablesResponse(results)
		}
	}
	return nil
}

func variables(asked *provisioning.GetVariablesRequest, c *core.GetConfigurationConfirmation) ocpp.Response {
	known := map[string]string{}
	for _, key := range c.ConfigurationKey {
		if key.Value != nil {
			known[key.Key] = *key.Value
		}
	}
	var results []provisioning.GetVariableResult
	for _, v := range asked.GetVariableData {
		result := provisioning.GetVariableResult{AttributeStatus: provisioning.GetVariableStatusUnknownVariable, Component: v.Component, Variable: v.Variable}
		if value, there := known[v.Variable.Name]; there {
			result.AttributeStatus, result.AttributeValue = provisioning.GetVariableStatusAccepted, value
		}
		results = append(results, result)
	}
	return provisioning.NewGetVariablesResponse(results)
}

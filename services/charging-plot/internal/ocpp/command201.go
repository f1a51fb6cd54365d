package ocpp

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/authorization"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/availability"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/data"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/diagnostics"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/iso15118"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/localauth"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/provisioning"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/remotecontrol"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/smartcharging"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func (v201) requests(command chargepoint.Command) ([]ocpp.Request, chargepoint.CommandStatus) {
	request, refused := request201(command)
	if refused != "" {
		return nil, refused
	}
	return []ocpp.Request{request}, ""
}

func request201(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	switch command.Kind {
	case chargepoint.RemoteStart:
		request := remotecontrol.NewRequestStartTransactionRequest(chargepoint.RemoteStartID(command.IDTag), toToken(command.IDTag))
		request.EvseID = orNone(command.Connector)
		return request, ""
	case chargepoint.RemoteStop:
		return remotecontrol.NewRequestStopTransactionRequest(string(command.Transaction)), ""
	case chargepoint.Reset:
		request := provisioning.NewResetRequest(provisioning.ResetTypeOnIdle)
		if command.Hard {
			request.Type = provisioning.ResetTypeImmediate
		}
		request.EvseID = orNone(command.Connector)
		return request, ""
	case chargepoint.UnlockConnector:
		return remotecontrol.NewUnlockConnectorRequest(command.Connector, 1), ""
	case chargepoint.ChangeAvailability:
		request := availability.NewChangeAvailabilityRequest(availability.OperationalStatusInoperative)
		if command.Operative {
			request.OperationalStatus = availability.OperationalStatusOperative
		}
		if command.Connector > 0 {
			request.Evse = &types.EVSE{ID: command.Connector}
		}
		return request, ""
	case chargepoint.TriggerMessage:
		return trigger201(command)
	case chargepoint.ReserveNow:
		request := reservation.NewReserveNowRequest(command.ReservationID, types.NewDateTime(command.ExpiresAt), toToken(command.IDTag))
		request.EvseID = orNone(command.Connector)
		return request, ""
	case chargepoint.CancelReservation:
		return reservation.NewCancelReservationRequest(command.ReservationID), ""
	default:
		return upkeepRequest201(command)
	}
}

// trigger201 asks for a message by the name it has in 1.6, or by its own.
func trigger201(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	message := remotecontrol.MessageTrigger(command.Message)
	if message == "DiagnosticsStatusNotification" {
		message = remotecontrol.MessageTriggerLogStatusNotification
	}
	request := remotecontrol.NewTriggerMessageRequest(message)
	if command.Connector > 0 {
		request.Evse = &types.EVSE{ID: command.Connector}
		if message == remotecontrol.MessageTriggerStatusNotification { // which is about one plug
			request.Evse.ConnectorID = orNone(1)
		}
	}
	if check(request.GetFeatureName(), request) != nil {
		return nil, chargepoint.CommandNotImplemented
	}
	return request, ""
}

// upkeepRequest201 are the commands about settings, lists, files and profiles.
func upkeepRequest201(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	switch command.Kind {
	case chargepoint.GetConfiguration:
		if len(command.Variables) == 0 { // all of them, which come as reports
			return provisioning.NewGetBaseReportRequest(command.RequestID, provisioning.ReportTypeFullInventory), ""
		}
		wanted := make([]provisioning.GetVariableData, 0, len(command.Variables))
		for _, v := range command.Variables {
			component, variable := toVariable201(v)
			wanted = append(wanted, provisioning.GetVariableData{AttributeType: types.Attribute(v.Attribute), Component: component, Variable: variable})
		}
		return provisioning.NewGetVariablesRequest(wanted), ""
	case chargepoint.ChangeConfiguration:
		wanted := make([]provisioning.SetVariableData, 0, len(command.Variables))
		for _, v := range command.Variables {
			component, variable := toVariable201(v)
			wanted = append(wanted, provisioning.SetVariableData{
				AttributeType: types.Attribute(v.Attribute), AttributeValue: v.Value, Component: component, Variable: variable,
			})
		}
		return provisioning.NewSetVariablesRequest(wanted), ""
	case chargepoint.ClearCache:
		return authorization.NewClearCacheRequest(), ""
	case chargepoint.GetListVersion:
		return localauth.NewGetLocalListVersionRequest(), ""
	case chargepoint.SendLocalList:
		return toLocalList201(command.List), ""
	case chargepoint.UpdateFirmware:
		t := command.Transfer
		request := firmware.NewUpdateFirmwareRequest(command.RequestID, firmware.Firmware{
			Location: t.URL, RetrieveDateTime: types.NewDateTime(t.At), InstallDateTime: toTime201(t.InstallAt),
		})
		request.Retries, request.RetryInterval = t.Retries, t.RetryIntervalS
		return request, ""
	case chargepoint.GetDiagnostics:
		t, kind := command.Transfer, diagnostics.LogTypeDiagnostics
		if t.Security {
			kind = diagnostics.LogTypeSecurity
		}
		request := diagnostics.NewGetLogRequest(kind, command.RequestID, diagnostics.LogParameters{
			RemoteLocation: t.URL, OldestTimestamp: toTime201(t.From), LatestTimestamp: toTime201(t.To),
		})
		request.Retries, request.RetryInterval = t.Retries, t.RetryIntervalS
		return request, ""
	case chargepoint.SetProfile:
		return smartcharging.NewSetChargingProfileRequest(command.Profile.Connector, toProfile201(*command.Profile)), ""
	case chargepoint.ClearProfile:
		request := smartcharging.NewClearChargingProfileRequest()
		if f := *command.Clear; f.ID != nil {
			request.ChargingProfileID = f.ID
		} else if f != (chargepoint.ProfileFilter{}) {
			request.ChargingProfileCriteria = &smartcharging.ClearChargingProfileType{
				EvseID: f.Connector, StackLevel: f.StackLevel, ChargingProfilePurpose: types.ChargingProfilePurposeType(f.Purpose),
			}
		}
		return request, ""
	case chargepoint.GetProfiles:
		request := smartcharging.NewGetChargingProfilesRequest(smartcharging.ChargingProfileCriterion{
			ChargingLimitSource: []types.ChargingLimitSourceType{
				types.ChargingLimitSourceCSO, types.ChargingLimitSourceEMS, types.ChargingLimitSourceSO, types.ChargingLimitSourceOther,
			},
		})
		request.RequestID = command.RequestID
		return request, ""
	case chargepoint.CompositeSchedule:
		request := smartcharging.NewGetCompositeScheduleRequest(command.DurationS, command.Connector)
		request.ChargingRateUnit = types.ChargingRateUnitType(command.Unit)
		return request, ""
	case chargepoint.DataTransfer:
		request := data.NewDataTransferRequest(command.Vendor.VendorID)
		request.MessageID = command.Vendor.MessageID
		if command.Vendor.Data != "" {
			request.Data = command.Vendor.Data
		}
		return request, ""
	default:
		return certificateRequest201(command)
	}
}

func (v201) outcome(request ocpp.Request, payload json.RawMessage, sofar *chargepoint.Outcome) error {
	switch request := request.(type) {
	case *remotecontrol.RequestStartTransactionRequest:
		body, err := readAnswer[remotecontrol.RequestStartTransactionResponse](payload)
		if err != nil {
			return err
		}
		sofar.Transaction = chargepoint.TransactionID(body.TransactionID)
	case *provisioning.GetVariablesRequest:
		body, err := readAnswer[provisioning.GetVariablesResponse](payload)
		sofar.Status = chargepoint.CommandAccepted
		for _, r := range body.GetVariableResult {
			v := fromVariable201(r.Component, r.Variable, r.AttributeType)
			v.Value, v.Status = r.AttributeValue, chargepoint.CommandStatus(r.AttributeStatus)
			if v.Status == chargepoint.CommandAccepted {
				sofar.Variables = append(sofar.Variables, v)
			} else {
				sofar.Unknown = append(sofar.Unknown, v.Name)
			}
		}
		return err
	case *provisioning.SetVariablesRequest:
		body, err := readAnswer[provisioning.SetVariablesResponse](payload)
		sofar.Status = chargepoint.CommandAccepted
		for i, r := range body.SetVariableResult {
			v := fromVariable201(r.Component, r.Variable, r.AttributeType)
			v.Status = chargepoint.CommandStatus(r.AttributeStatus)
			if i < len(request.SetVariableData) {
				v.Value = request.SetVariableData[i].AttributeValue
			}
			if v.Status != chargepoint.CommandAccepted {
				sofar.Status = v.Status
			}
			sofar.Variables = append(sofar.Variables, v)
		}
		return err
	case *localauth.GetLocalListVersionRequest:
		body, err := readAnswer[localauth.GetLocalListVersionResponse](payload)
		sofar.Status, sofar.ListVersion = chargepoint.CommandAccepted, &body.VersionNumber
		return err
	case *diagnostics.GetLogRequest:
		body, err := readAnswer[diagnostics.GetLogResponse](payload)
		if err != nil {
			return err
		}
		sofar.File = body.Filename
	case *smartcharging.GetCompositeScheduleRequest:
		body, err := readAnswer[smartcharging.GetCompositeScheduleResponse](payload)
		if err != nil {
			return err
		}
		if body.Schedule != nil && body.Schedule.ChargingSchedule != nil {
			schedule := fromSchedule201(*body.Schedule.ChargingSchedule)
			if body.Schedule.StartDateTime != nil {
				schedule.StartsAt = body.Schedule.StartDateTime.UTC()
			}
			sofar.Schedule = &schedule
		}
	case *iso15118.GetInstalledCertificateIdsRequest:
		body, err := readAnswer[iso15118.GetInstalledCertificateIdsResponse](payload)
		if err != nil {
			return err
		}
		sofar.Certificates = fromInstalled201(body.CertificateHashDataChain)
	case *data.DataTransferRequest:
		body, err := readAnswer[data.DataTransferResponse](payload)
		if err != nil {
			return err
		}
		sofar.Data = vendorData(body.Data)
	}
	return answered(payload, sofar)
}

// toToken makes the token of a tag that was issued here: one that no card bears.
func toToken(idTag string) types.IdToken {
	return types.IdToken{IdToken: idTag, Type: types.IdTokenTypeCentral}
}

func orNone(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

func toTime201(at time.Time) *types.DateTime {
	if at.IsZero() {
		return nil
	}
	return types.NewDateTime(at)
}

// homes are the components of the settings that 1.6 names without one and that are asked for by their old name most often.
var homes = map[string]string{
	"HeartbeatInterval": "OCPPCommCtrlr", "WebSocketPingInterval": "OCPPCommCtrlr", "BasicAuthPassword": "SecurityCtrlr",
	"LocalAuthorizeOffline": "AuthCtrlr", "AuthorizeRemoteStart": "AuthCtrlr", "EVConnectionTimeOut": "TxCtrlr",
}

func toVariable201(v chargepoint.Variable) (types.Component, types.Variable) {
	component := types.Component{Name: cmp.Or(v.Component, homes[v.Name], "ChargingStation"), Instance: v.ComponentInstance}
	if v.EVSE > 0 {
		component.EVSE = &types.EVSE{ID: v.EVSE, ConnectorID: orNone(v.Connector)}
	}
	return component, types.Variable{Name: v.Name, Instance: v.Instance}
}

func toLocalList201(list *chargepoint.LocalList) ocpp.Request {
	kind := localauth.UpdateTypeDifferential
	if list.Full {
		kind = localauth.UpdateTypeFull
	}
	request := localauth.NewSendLocalListRequest(list.Version, kind)
	for _, entry := range list.Entries {
		listed := localauth.AuthorizationData{IdToken: types.IdToken{IdToken: entry.IDTag, Type: types.IdTokenTypeISO14443}}
		if entry.Status != "" {
			listed.IdTokenInfo = toIDTokenInfo(entry.Status)
			listed.IdTokenInfo.CacheExpiryDateTime = toTime201(entry.ExpiresAt)
		}
		request.LocalAuthorizationList = append(request.LocalAuthorizationList, listed)
	}
	return request
}

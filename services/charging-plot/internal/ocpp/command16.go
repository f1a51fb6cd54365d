package ocpp

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/certificates"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/localauth"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/remotetrigger"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/smartcharging"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func (v16) requests(command chargepoint.Command) ([]ocpp.Request, chargepoint.CommandStatus) {
	if command.Kind == chargepoint.ChangeConfiguration { // one call changes one key
		requests := make([]ocpp.Request, 0, len(command.Variables))
		for _, v := range command.Variables {
			requests = append(requests, core.NewChangeConfigurationRequest(v.Name, v.Value))
		}
		return requests, ""
	}
	if command.Kind == chargepoint.ListCertificates { // one call lists one kind
		return listCertificates16(command.Certificate)
	}
	request, refused := request16(command)
	if refused != "" {
		return nil, refused
	}
	return []ocpp.Request{request}, ""
}

func request16(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	switch command.Kind {
	case chargepoint.RemoteStart:
		request := core.NewRemoteStartTransactionRequest(command.IDTag)
		if command.Connector > 0 {
			request.ConnectorId = &command.Connector
		}
		return request, ""
	case chargepoint.RemoteStop:
		number, err := strconv.Atoi(string(command.Transaction))
		if err != nil {
			return nil, chargepoint.CommandRejected
		}
		return core.NewRemoteStopTransactionRequest(number), ""
	case chargepoint.Reset:
		if command.Hard {
			return core.NewResetRequest(core.ResetTypeHard), ""
		}
		return core.NewResetRequest(core.ResetTypeSoft), ""
	case chargepoint.UnlockConnector:
		return core.NewUnlockConnectorRequest(command.Connector), ""
	case chargepoint.ChangeAvailability:
		if command.Operative {
			return core.NewChangeAvailabilityRequest(command.Connector, core.AvailabilityTypeOperative), ""
		}
		return core.NewChangeAvailabilityRequest(command.Connector, core.AvailabilityTypeInoperative), ""
	case chargepoint.TriggerMessage:
		if extended16[command.Message] != "" {
			return triggerExtended16(command), ""
		}
		request := remotetrigger.NewTriggerMessageRequest(remotetrigger.MessageTrigger(command.Message))
		if command.Connector > 0 {
			request.ConnectorId = &command.Connector
		}
		if check(request.GetFeatureName(), request) != nil {
			return nil, chargepoint.CommandNotImplemented
		}
		return request, ""
	case chargepoint.ReserveNow:
		return reservation.NewReserveNowRequest(command.Connector, types.NewDateTime(command.ExpiresAt), command.IDTag,
			command.ReservationID), ""
	case chargepoint.CancelReservation:
		return reservation.NewCancelReservationRequest(command.ReservationID), ""
	default:
		return upkeep16(command)
	}
}

// upkeep16 are the commands about settings, lists, files and profiles.
func upkeep16(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	switch command.Kind {
	case chargepoint.GetConfiguration:
		keys := make([]string, 0, len(command.Variables))
		for _, v := range command.Variables {
			keys = append(keys, v.Name)
		}
		return core.NewGetConfigurationRequest(keys), ""
	case chargepoint.ClearCache:
		return core.NewClearCacheRequest(), ""
	case chargepoint.GetListVersion:
		return localauth.NewGetLocalListVersionRequest(), ""
	case chargepoint.SendLocalList:
		return toLocalList16(command.List), ""
	case chargepoint.UpdateFirmware:
		request := firmware.NewUpdateFirmwareRequest(command.Transfer.URL, types.NewDateTime(command.Transfer.At))
		request.Retries, request.RetryInterval = command.Transfer.Retries, command.Transfer.RetryIntervalS
		return request, ""
	case chargepoint.GetDiagnostics:
		request := firmware.NewGetDiagnosticsRequest(command.Transfer.URL)
		request.Retries, request.RetryInterval = command.Transfer.Retries, command.Transfer.RetryIntervalS
		request.StartTime, request.StopTime = toTime16(command.Transfer.From), toTime16(command.Transfer.To)
		return request, ""
	case chargepoint.SetProfile:
		profile, ok := toProfile16(*command.Profile)
		if !ok {
			return nil, chargepoint.CommandRejected
		}
		return smartcharging.NewSetChargingProfileRequest(command.Profile.Connector, profile), ""
	case chargepoint.ClearProfile:
		return &smartcharging.ClearChargingProfileRequest{
			Id: command.Clear.ID, ConnectorId: command.Clear.Connector, StackLevel: command.Clear.StackLevel,
			ChargingProfilePurpose: toPurpose16(command.Clear.Purpose),
		}, ""
	case chargepoint.CompositeSchedule:
		request := smartcharging.NewGetCompositeScheduleRequest(command.Connector, command.DurationS)
		request.ChargingRateUnit = types.ChargingRateUnitType(command.Unit)
		return request, ""
	case chargepoint.DataTransfer:
		request := core.NewDataTransferRequest(command.Vendor.VendorID)
		request.MessageId = command.Vendor.MessageID
		if command.Vendor.Data != "" {
			request.Data = command.Vendor.Data
		}
		return request, ""
	default:
		return certificateRequest16(command)
	}
}

func (v16) outcome(request ocpp.Request, payload json.RawMessage, sofar *chargepoint.Outcome) error {
	switch request := request.(type) {
	case *core.GetConfigurationRequest:
		body, err := readAnswer[core.GetConfigurationConfirmation](payload)
		sofar.Status, sofar.Unknown = chargepoint.CommandAccepted, body.UnknownKey
		for _, key := range body.ConfigurationKey {
			v := chargepoint.Variable{Name: key.Key, ReadOnly: key.Readonly}
			if key.Value != nil {
				v.Value = *key.Value
			}
			sofar.Variables = append(sofar.Variables, v)
		}
		return err
	case *core.ChangeConfigurationRequest:
		// The answer to several changes is the worst of the answers.
		before := sofar.Status
		if err := answered(payload, sofar); err != nil {
			return err
		}
		sofar.Variables = append(sofar.Variables, chargepoint.Variable{Name: request.Key, Value: request.Value, Status: sofar.Status})
		if before != "" && sofar.Status == chargepoint.CommandAccepted {
			sofar.Status = before
		}
		return nil
	case *localauth.GetLocalListVersionRequest:
		body, err := readAnswer[localauth.GetLocalListVersionConfirmation](payload)
		sofar.Status, sofar.ListVersion = chargepoint.CommandAccepted, &body.ListVersion
		return err
	case *firmware.UpdateFirmwareRequest: // its answer is empty
		sofar.Status = chargepoint.CommandAccepted
		return nil
	case *firmware.GetDiagnosticsRequest:
		body, err := readAnswer[firmware.GetDiagnosticsConfirmation](payload)
		sofar.Status, sofar.File = chargepoint.CommandAccepted, body.FileName
		return err
	case *smartcharging.GetCompositeScheduleRequest:
		body, err := readAnswer[smartcharging.GetCompositeScheduleConfirmation](payload)
		if err != nil {
			return err
		}
		if body.ChargingSchedule != nil {
			schedule := fromSchedule16(*body.ChargingSchedule)
			if body.ScheduleStart != nil {
				schedule.StartsAt = body.ScheduleStart.UTC()
			}
			sofar.Schedule = &schedule
		}
		return answered(payload, sofar)
	case *certificates.GetInstalledCertificateIdsRequest:
		return certificatesListed16(request, payload, sofar)
	case *core.DataTransferRequest:
		body, err := readAnswer[core.DataTransferConfirmation](payload)
		if err != nil {
			return err
		}
		sofar.Data = vendorData(body.Data)
		return answered(payload, sofar)
	}
	return answered(payload, sofar)
}

// vendorData is a vendor's answer as text: itself when it is one, else as JSON.
func vendorData(data any) string {
	if text, ok := data.(string); ok || data == nil {
		return text
	}
	text, err := json.Marshal(data)
	if err != nil {
		return ""
	}
	return string(text)
}

func toTime16(at time.Time) *types.DateTime {
	if at.IsZero() {
		return nil
	}
	return types.NewDateTime(at)
}

func toLocalList16(list *chargepoint.LocalList) ocpp.Request {
	kind := localauth.UpdateTypeDifferential
	if list.Full {
		kind = localauth.UpdateTypeFull
	}
	request := localauth.NewSendLocalListRequest(list.Version, kind)
	for _, entry := range list.Entries {
		data := localauth.AuthorizationData{IdTag: entry.IDTag}
		if entry.Status != "" {
			data.IdTagInfo = types.NewIdTagInfo(types.AuthorizationStatus(entry.Status))
			data.IdTagInfo.ExpiryDate = toTime16(entry.ExpiresAt)
		}
		request.LocalAuthorizationList = append(request.LocalAuthorizationList, data)
	}
	return request
}

// toPurpose16 translates the one purpose that 1.6 has another word for.
func toPurpose16(purpose chargepoint.ProfilePurpose) types.ChargingProfilePurposeType {
	if purpose == chargepoint.StationMaxProfile {
		return types.ChargingProfilePurposeChargePointMaxProfile
	}
	return types.ChargingProfilePurposeType(purpose)
}

// toProfile16 returns false for a profile of a transaction that 1.6 cannot name.
func toProfile16(p chargepoint.ChargingProfile) (*types.ChargingProfile, bool) {
	schedule := types.ChargingSchedule{
		Duration: p.Schedule.DurationS, StartSchedule: toTime16(p.Schedule.StartsAt),
		ChargingRateUnit: types.ChargingRateUnitType(p.Schedule.Unit), MinChargingRate: p.Schedule.MinRate,
	}
	for _, period := range p.Schedule.Periods {
		schedule.ChargingSchedulePeriod = append(schedule.ChargingSchedulePeriod, types.ChargingSchedulePeriod{
			StartPeriod: period.StartS, Limit: period.Limit, NumberPhases: period.Phases,
		})
	}
	profile := &types.ChargingProfile{
		ChargingProfileId: p.ID, StackLevel: p.StackLevel, ChargingProfilePurpose: toPurpose16(p.Purpose),
		ChargingProfileKind: types.ChargingProfileKindType(p.Kind), RecurrencyKind: types.RecurrencyKindType(p.Recurrency),
		ValidFrom: toTime16(p.ValidFrom), ValidTo: toTime16(p.ValidTo), ChargingSchedule: &schedule,
	}
	if p.Transaction == "" {
		return profile, true
	}
	number, err := strconv.Atoi(string(p.Transaction))
	profile.TransactionId = number
	return profile, err == nil
}

func fromSchedule16(s types.ChargingSchedule) chargepoint.ChargingSchedule {
	out := chargepoint.ChargingSchedule{
		DurationS: s.Duration, Unit: chargepoint.RateUnit(s.ChargingRateUnit), MinRate: s.MinChargingRate,
	}
	if s.StartSchedule != nil {
		out.StartsAt = s.StartSchedule.UTC()
	}
	for _, p := range s.ChargingSchedulePeriod {
		out.Periods = append(out.Periods, chargepoint.SchedulePeriod{StartS: p.StartPeriod, Limit: p.Limit, Phases: p.NumberPhases})
	}
	return out
}

package ocpp

import (
	"context"
	"time"

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

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func (v201) dispatch(ctx context.Context, s *Server, c *conn, request ocpp.Request) (any, error) {
	switch request := request.(type) {
	case *provisioning.BootNotificationRequest:
		return s.boot201(ctx, c, request)
	case *availability.HeartbeatRequest:
		now, err := s.central.Heartbeat(ctx, c.cp.ID)
		return availability.NewHeartbeatResponse(*types.NewDateTime(now)), err
	case *availability.StatusNotificationRequest:
		return availability.NewStatusNotificationResponse(), s.central.StatusChanged(ctx, c.cp.ID, chargepoint.StatusReport{
			Connector: request.EvseID, Outlet: request.ConnectorID, Status: chargepoint.ConnectorStatus(request.ConnectorStatus),
			At: fromTime201(request.Timestamp),
		})
	case *authorization.AuthorizeRequest:
		return s.authorize201(ctx, c, request)
	case *transactions.TransactionEventRequest:
		response := transactions.NewTransactionEventResponse()
		word, err := s.central.TransactionEvent(ctx, c.cp.ID, s.fromTransactionEvent(ctx, c, request))
		if request.IDToken != nil {
			response.IDTokenInfo = toIDTokenInfo(word)
		}
		return response, err
	case *meter.MeterValuesRequest:
		if samples := s.samples201(ctx, c, request.MeterValue); len(samples) > 0 {
			return meter.NewMeterValuesResponse(), s.central.MeterValues(ctx, c.cp.ID, request.EvseID, "", samples)
		}
		return meter.NewMeterValuesResponse(), nil
	case *reservation.ReservationStatusUpdateRequest:
		return reservation.NewReservationStatusUpdateResponse(),
			s.central.ReservationEnded(ctx, c.cp.ID, request.ReservationID, string(request.Status))
	default:
		return s.upkeep201(ctx, c, request)
	}
}

// upkeep201 are the messages about settings, files, profiles and events.
func (s *Server) upkeep201(ctx context.Context, c *conn, request ocpp.Request) (any, error) {
	switch request := request.(type) {
	case *provisioning.NotifyReportRequest:
		return provisioning.NewNotifyReportResponse(), s.central.Configured(ctx, c.cp.ID, fromReport(request.ReportData))
	case *firmware.FirmwareStatusNotificationRequest:
		return firmware.NewFirmwareStatusNotificationResponse(),
			s.progressed(ctx, c, chargepoint.UpdateFirmware, string(request.Status), request.RequestID)
	case *diagnostics.LogStatusNotificationRequest:
		return diagnostics.NewLogStatusNotificationResponse(),
			s.progressed(ctx, c, chargepoint.GetDiagnostics, string(request.Status), &request.RequestID)
	case *diagnostics.NotifyEventRequest:
		for _, e := range request.EventData {
			c.log.InfoContext(ctx, "ocpp event", "component", e.Component.Name, "variable", e.Variable.Name, "trigger", string(e.Trigger), "code", e.TechCode)
		}
		_, err := s.central.Heartbeat(ctx, c.cp.ID)
		return diagnostics.NewNotifyEventResponse(), err
	case *security.SecurityEventNotificationRequest:
		return security.NewSecurityEventNotificationResponse(), s.alarmed(ctx, c, request.Type, request.TechInfo)
	case *security.SignCertificateRequest:
		signed, why, err := s.sign(ctx, c, request.CSR, chargepoint.CertificateUse(request.CertificateType))
		response := security.NewSignCertificateResponse(types.GenericStatus(signed))
		if why != "" {
			response.StatusInfo = types.NewStatusInfo("NotSigned", why)
		}
		return response, err
	case *iso15118.GetCertificateStatusRequest:
		return s.certificateStatus201(ctx, c, request)
	case *iso15118.Get15118EVCertificateRequest:
		return s.contractCertificate201(ctx, c, request)
	case *data.DataTransferRequest:
		c.log.InfoContext(ctx, "ocpp data transfer refused", "vendor", request.VendorID, "message", request.MessageID)
		return data.NewDataTransferResponse(data.DataTransferStatusUnknownVendorId), nil
	case *smartcharging.ReportChargingProfilesRequest:
		profiles := make([]chargepoint.ChargingProfile, 0, len(request.ChargingProfile))
		for _, p := range request.ChargingProfile {
			profiles = append(profiles, fromProfile201(request.EvseID, p))
		}
		return smartcharging.NewReportChargingProfilesResponse(), s.central.ProfilesReported(ctx, c.cp.ID, profiles)
	case *smartcharging.NotifyChargingLimitRequest:
		return smartcharging.NewNotifyChargingLimitResponse(), nil
	case *smartcharging.ClearedChargingLimitRequest:
		return smartcharging.NewClearedChargingLimitResponse(), nil
	case *smartcharging.NotifyEVChargingNeedsRequest: // no schedule is made here, so that none will follow
		return smartcharging.NewNotifyEVChargingNeedsResponse(smartcharging.EVChargingNeedsStatusRejected), nil
	case *smartcharging.NotifyEVChargingScheduleRequest:
		return smartcharging.NewNotifyEVChargingScheduleResponse(types.GenericStatusAccepted), nil
	default:
		return nil, errNoHandler
	}
}

func (s *Server) boot201(ctx context.Context, c *conn, request *provisioning.BootNotificationRequest) (any, error) {
	station := request.ChargingStation
	boot := chargepoint.BootInfo{
		Vendor: station.VendorName, Model: station.Model, SerialNumber: station.SerialNumber, FirmwareVersion: station.FirmwareVersion,
	}
	if station.Modem != nil {
		boot.ICCID, boot.IMSI = station.Modem.Iccid, station.Modem.Imsi
	}
	registration, err := s.central.Booted(ctx, c.cp.ID, boot)
	if err != nil {
		return nil, err
	}
	return provisioning.NewBootNotificationResponse(types.NewDateTime(registration.Now),
		int(registration.HeartbeatInterval/time.Second), provisioning.RegistrationStatusAccepted), nil
}

// states are the charging states in a connector's words. A car that is connected occupies the EVSE; what Idle leaves behind, the next
// StatusNotification says.
var states = map[transactions.ChargingState]chargepoint.ConnectorStatus{
	transactions.ChargingStateCharging: chargepoint.Charging, transactions.ChargingStateEVConnected: chargepoint.Occupied,
	transactions.ChargingStateSuspendedEV: chargepoint.SuspendedEV, transactions.ChargingStateSuspendedEVSE: chargepoint.SuspendedEVSE,
}

func (s *Server) fromTransactionEvent(ctx context.Context, c *conn, request *transactions.TransactionEventRequest) chargepoint.TransactionEvent {
	info := request.TransactionInfo
	event := chargepoint.TransactionEvent{
		Kind: chargepoint.EventKind(request.EventType), Transaction: chargepoint.TransactionID(info.TransactionID),
		Seq: request.SequenceNo, Offline: request.Offline, At: fromTime201(request.Timestamp), Trigger: string(request.TriggerReason),
		State: states[info.ChargingState], Reason: string(info.StoppedReason), Samples: s.samples201(ctx, c, request.MeterValue),
	}
	if request.Evse != nil {
		event.Connector = request.Evse.ID
	}
	if request.IDToken != nil {
		event.IDTag, event.Shown = request.IDToken.IdToken, true
	}
	if info.RemoteStartID != nil {
		event.RemoteStart = *info.RemoteStartID
	}
	if request.ReservationID != nil {
		event.ReservationID = *request.ReservationID
	}
	return event
}

func fromReport(report []provisioning.ReportData) []chargepoint.Variable {
	variables := make([]chargepoint.Variable, 0, len(report))
	for _, r := range report {
		for _, attribute := range r.VariableAttribute {
			v := fromVariable201(r.Component, r.Variable, attribute.Type)
			v.Value, v.ReadOnly = attribute.Value, attribute.Mutability == provisioning.MutabilityReadOnly
			variables = append(variables, v)
		}
	}
	return variables
}

func fromVariable201(component types.Component, variable types.Variable, attribute types.Attribute) chargepoint.Variable {
	v := chargepoint.Variable{
		Component: component.Name, ComponentInstance: component.Instance, Name: variable.Name, Instance: variable.Instance,
		Attribute: string(attribute),
	}
	if component.EVSE != nil {
		v.EVSE = component.EVSE.ID
		if component.EVSE.ConnectorID != nil {
			v.Connector = *component.EVSE.ConnectorID
		}
	}
	return v
}

func fromTime201(at *types.DateTime) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}

func toIDTokenInfo(word chargepoint.Authorization) *types.IdTokenInfo {
	return types.NewIdTokenInfo(types.AuthorizationStatus(word))
}

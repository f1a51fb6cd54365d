package ocpp

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/logging"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/securefirmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/security"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// v16 is OCPP 1.6J.
type v16 struct{}

func (v16) protocol() string                            { return SubprotocolV16 }
func (v16) spelling(code ocpp.ErrorCode) ocpp.ErrorCode { return code }
func (v16) unreadable() string                          { return "" }
func (v16) knows(action string) bool                    { return actions16[action] != nil }

func (v16) decode(action string, payload json.RawMessage) (ocpp.Request, *callError) {
	return decodeRequest(actions16, tolerate16, action, payload)
}

func (v16) dispatch(ctx context.Context, s *Server, c *conn, request ocpp.Request) (any, error) {
	switch request := request.(type) {
	case *core.BootNotificationRequest:
		return s.boot(ctx, c, request)
	case *core.HeartbeatRequest:
		now, err := s.central.Heartbeat(ctx, c.cp.ID)
		return core.NewHeartbeatConfirmation(types.NewDateTime(now)), err
	case *core.StatusNotificationRequest:
		return core.NewStatusNotificationConfirmation(), s.central.StatusChanged(ctx, c.cp.ID, fromStatus(request))
	case *core.AuthorizeRequest:
		authorization, err := s.central.Authorize(ctx, c.cp.ID, request.IdTag)
		return core.NewAuthorizationConfirmation(toIDTagInfo(authorization)), err
	case *core.StartTransactionRequest:
		return s.startTransaction(ctx, c, request)
	case *core.MeterValuesRequest:
		samples := s.samples16(ctx, c, request.MeterValue)
		if len(samples) == 0 {
			return core.NewMeterValuesConfirmation(), nil
		}
		err := s.central.MeterValues(ctx, c.cp.ID, request.ConnectorId, fromTransactionID(request.TransactionId), samples)
		return core.NewMeterValuesConfirmation(), err
	case *core.StopTransactionRequest:
		stop := chargepoint.TransactionStop{
			Transaction: chargepoint.TransactionID(strconv.Itoa(request.TransactionId)), IDTag: request.IdTag,
			At: fromTime(request.Timestamp), Reason: string(request.Reason), Samples: s.samples16(ctx, c, request.TransactionData),
		}
		stop.MeterWh, stop.NoMeter = s.register16(ctx, c, request.MeterStop)
		return core.NewStopTransactionConfirmation(), s.central.StopTransaction(ctx, c.cp.ID, stop)
	case *core.DataTransferRequest:
		// No vendor's extension is known here, so that there is nothing to keep.
		c.log.InfoContext(ctx, "ocpp data transfer refused", "vendor", request.VendorId, "message", request.MessageId)
		return core.NewDataTransferConfirmation(core.DataTransferStatusUnknownVendorId), nil
	case *firmware.FirmwareStatusNotificationRequest:
		return firmware.NewFirmwareStatusNotificationConfirmation(), s.progressed(ctx, c, chargepoint.UpdateFirmware, string(request.Status), nil)
	case *securefirmware.SignedFirmwareStatusNotificationRequest:
		return &securefirmware.SignedFirmwareStatusNotificationResponse{},
			s.progressed(ctx, c, chargepoint.UpdateFirmware, string(request.Status), request.RequestID)
	case *firmware.DiagnosticsStatusNotificationRequest:
		return firmware.NewDiagnosticsStatusNotificationConfirmation(),
			s.progressed(ctx, c, chargepoint.GetDiagnostics, string(request.Status), nil)
	case *logging.LogStatusNotificationRequest:
		return &logging.LogStatusNotificationResponse{},
			s.progressed(ctx, c, chargepoint.GetDiagnostics, string(request.Status), &request.RequestID)
	case *security.SecurityEventNotificationRequest:
		return &security.SecurityEventNotificationResponse{}, s.alarmed(ctx, c, request.Type, request.TechInfo)
	case *security.SignCertificateRequest:
		signed, _, err := s.sign(ctx, c, request.CSR, chargepoint.CertificateUse(request.CertificateType))
		return security.NewSignCertificateResponse(types.GenericStatus(signed)), err
	default:
		return nil, errNoHandler
	}
}

func (s *Server) boot(ctx context.Context, c *conn, request *core.BootNotificationRequest) (any, error) {
	serial := request.ChargePointSerialNumber
	if serial == "" {
		serial = request.ChargeBoxSerialNumber
	}
	registration, err := s.central.Booted(ctx, c.cp.ID, chargepoint.BootInfo{
		Vendor: request.ChargePointVendor, Model: request.ChargePointModel, SerialNumber: serial,
		FirmwareVersion: request.FirmwareVersion, ICCID: request.Iccid, IMSI: request.Imsi,
		MeterType: request.MeterType, MeterSerial: request.MeterSerialNumber,
	})
	if err != nil {
		return nil, err
	}
	return core.NewBootNotificationConfirmation(types.NewDateTime(registration.Now),
		int(registration.HeartbeatInterval/time.Second), core.RegistrationStatusAccepted), nil
}

func (s *Server) startTransaction(ctx context.Context, c *conn, request *core.StartTransactionRequest) (any, error) {
	start := chargepoint.TransactionStart{
		Connector: request.ConnectorId, IDTag: request.IdTag, At: fromTime(request.Timestamp),
	}
	start.MeterWh, start.NoMeter = s.register16(ctx, c, request.MeterStart)
	if request.ReservationId != nil {
		start.ReservationID = *request.ReservationId
	}
	started, err := s.central.StartTransaction(ctx, c.cp.ID, start)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(string(started.Transaction))
	if err != nil {
		return nil, errTransactionID.Because(err)
	}
	return core.NewStartTransactionConfirmation(toIDTagInfo(started.Authorization), number), nil
}

// register16 reads the register at an end of a transaction. One that no meter counts to counts as not read: refusing the message would lose
// the transaction with it.
func (s *Server) register16(ctx context.Context, c *conn, wh int) (int64, bool) {
	if math.Abs(float64(wh)) <= chargepoint.MostValue {
		return int64(wh), false
	}
	c.log.WarnContext(ctx, "ocpp register ignored", "wh", wh)
	return 0, true
}

func fromStatus(request *core.StatusNotificationRequest) chargepoint.StatusReport {
	return chargepoint.StatusReport{
		Connector: request.ConnectorId, Status: chargepoint.ConnectorStatus(request.Status),
		ErrorCode: string(request.ErrorCode), Info: request.Info, At: fromTime(request.Timestamp),
	}
}

// fromTransactionID reads the optional number of a transaction. Some stations write 0 or -1 for none.
func fromTransactionID(number *int) chargepoint.TransactionID {
	if number == nil || *number <= 0 {
		return ""
	}
	return chargepoint.TransactionID(strconv.Itoa(*number))
}

func fromTime(at *types.DateTime) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}

func toIDTagInfo(authorization chargepoint.Authorization) *types.IdTagInfo {
	return types.NewIdTagInfo(types.AuthorizationStatus(authorization))
}

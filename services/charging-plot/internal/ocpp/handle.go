package ocpp

import (
	"context"
	"strconv"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"go.opentelemetry.io/otel/codes"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

var (
	errNoHandler     = fault.Define(fault.Internal, "ocpp_no_handler", "The action has no handler")
	errTransactionID = fault.Define(fault.Internal, "ocpp_transaction_id", "OCPP 1.6 wants a number for a transaction")
)

// handle serves one call and returns the payload of its result, or the refusal.
func (s *Server) handle(ctx context.Context, c *conn, call frame) (any, *callError) {
	start := time.Now()
	request, refused := decodeRequest(call.action, call.payload)
	if refused != nil {
		c.log.WarnContext(ctx, "ocpp call refused", "action", call.action, "code", refused.code, "reason", refused.description)
		s.metrics.called(ctx, call.action, "refused", start)
		return nil, refused
	}
	ctx, span := s.tracer.Start(ctx, "ocpp "+call.action)
	defer span.End()
	result, err := s.dispatch(ctx, c, request)
	if err != nil {
		span.SetStatus(codes.Error, fault.Of(err).Code())
		c.log.ErrorContext(ctx, "ocpp call failed", "action", call.action, "fault", fault.Of(err).Code(), "error", err)
		s.metrics.called(ctx, call.action, "failed", start)
		return nil, fromFault(err)
	}
	s.metrics.called(ctx, call.action, "ok", start)
	return result, nil
}

// fromFault is what a charge point learns of a failure of ours: nothing but whether the message itself was at fault.
func fromFault(err error) *callError {
	switch f := fault.Of(err); f.Kind() {
	case fault.Invalid, fault.Unprocessable:
		return refuse(codePropertyConstraint, "%s: %s", f.Title(), f.Detail())
	case fault.Unauthenticated, fault.Forbidden:
		return refuse(codeSecurity, "%s", f.Title())
	default:
		return refuse(codeInternal, "The message was not kept. Send it again.")
	}
}

func (s *Server) dispatch(ctx context.Context, c *conn, request ocpp.Request) (any, error) {
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
		samples := s.samples(ctx, c, request.MeterValue)
		if len(samples) == 0 {
			return core.NewMeterValuesConfirmation(), nil
		}
		err := s.central.MeterValues(ctx, c.cp.ID, request.ConnectorId, fromTransactionID(request.TransactionId), samples)
		return core.NewMeterValuesConfirmation(), err
	case *core.StopTransactionRequest:
		return core.NewStopTransactionConfirmation(), s.central.StopTransaction(ctx, c.cp.ID, chargepoint.TransactionStop{
			Transaction: chargepoint.TransactionID(strconv.Itoa(request.TransactionId)), IDTag: request.IdTag,
			MeterWh: int64(request.MeterStop), At: fromTime(request.Timestamp), Reason: string(request.Reason),
			Samples: s.samples(ctx, c, request.TransactionData),
		})
	case *core.DataTransferRequest:
		// No vendor's extension is known here, so that there is nothing to keep.
		c.log.InfoContext(ctx, "ocpp data transfer refused", "vendor", request.VendorId, "message", request.MessageId)
		return core.NewDataTransferConfirmation(core.DataTransferStatusUnknownVendorId), nil
	case *firmware.FirmwareStatusNotificationRequest:
		c.log.InfoContext(ctx, "ocpp firmware status", "status", string(request.Status))
		_, err := s.central.Heartbeat(ctx, c.cp.ID)
		return firmware.NewFirmwareStatusNotificationConfirmation(), err
	case *firmware.DiagnosticsStatusNotificationRequest:
		c.log.InfoContext(ctx, "ocpp diagnostics status", "status", string(request.Status))
		_, err := s.central.Heartbeat(ctx, c.cp.ID)
		return firmware.NewDiagnosticsStatusNotificationConfirmation(), err
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
		Connector: request.ConnectorId, IDTag: request.IdTag, MeterWh: int64(request.MeterStart), At: fromTime(request.Timestamp),
	}
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

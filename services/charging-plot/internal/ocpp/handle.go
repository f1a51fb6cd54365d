package ocpp

import (
	"context"
	"time"

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
	request, refused := c.speaks.decode(call.action, call.payload)
	if refused != nil {
		c.log.WarnContext(ctx, "ocpp call refused", "action", call.action, "code", refused.code, "reason", refused.description)
		s.metrics.called(ctx, call.action, "refused", start)
		return nil, refused
	}
	ctx, span := s.tracer.Start(ctx, "ocpp "+call.action)
	defer span.End()
	result, err := c.speaks.dispatch(ctx, s, c, request)
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

// progressed passes on how far a charge point is with a command that takes its time.
func (s *Server) progressed(ctx context.Context, c *conn, kind chargepoint.CommandKind, status string, request *int) error {
	progress := chargepoint.Progress{Kind: kind, Status: status}
	if request != nil {
		progress.RequestID = *request
	}
	c.log.InfoContext(ctx, "ocpp progress", "command", string(kind), "status", status)
	return s.central.Progressed(ctx, c.cp.ID, progress)
}

// alarmed notes a security event; the message log keeps it.
func (s *Server) alarmed(ctx context.Context, c *conn, kind, info string) error {
	c.log.WarnContext(ctx, "ocpp security event", "type", kind, "info", info)
	_, err := s.central.Heartbeat(ctx, c.cp.ID)
	return err
}

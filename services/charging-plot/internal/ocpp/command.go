package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/remotetrigger"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

var _ chargepoint.Commander = (*Server)(nil)

var errDisconnected = errors.New("the connection ended")

// Send tells the charge point of one of our sockets what to do and waits for its answer, at most as long as CommandTimeout and
// ctx. Commands to one charge point go out one after the other, as the standard wants.
func (s *Server) Send(ctx context.Context, id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	start := time.Now()
	outcome, err := s.send(ctx, id, command)
	word := string(outcome.Status)
	switch {
	case errors.Is(err, chargepoint.ErrNotConnected):
		word = "not connected"
	case errors.Is(err, chargepoint.ErrNoAnswer):
		word = "no answer"
	case err != nil:
		word = "failed"
	}
	s.metrics.commanded(ctx, string(command.Kind), word, start)
	return outcome, err
}

func (s *Server) send(ctx context.Context, id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	request, refused := toRequest(command)
	if refused != "" {
		return chargepoint.Outcome{Status: refused}, nil
	}
	if e := check(request.GetFeatureName(), request); e != nil {
		return chargepoint.Outcome{}, chargepoint.ErrCommandFailed.Detailf("The command does not fit OCPP 1.6: %s.", e.description)
	}
	c := s.conn(id)
	if c == nil {
		return chargepoint.Outcome{}, chargepoint.ErrNotConnected
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommandTimeout)
	defer cancel()
	answer, err := c.call(ctx, uuid.NewString(), request.GetFeatureName(), request)
	switch {
	case errors.Is(err, errDisconnected):
		return chargepoint.Outcome{}, chargepoint.ErrNotConnected.Because(err)
	case err != nil:
		return chargepoint.Outcome{}, chargepoint.ErrNoAnswer.Because(err)
	}
	outcome, err := fromAnswer(answer)
	c.log.InfoContext(ctx, "ocpp command answered", "action", request.GetFeatureName(), "status", string(outcome.Status), "error", err)
	return outcome, err
}

// toRequest translates a command into a request of OCPP 1.6, or returns the outcome of one that the protocol cannot express.
func toRequest(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
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
		return nil, chargepoint.CommandNotSupported
	}
}

// fromAnswer reads the station's word. Every answer to a command of ours has the one field status.
func fromAnswer(answer reply) (chargepoint.Outcome, error) {
	if e := answer.refused; e != nil {
		if e.code == codeNotImplemented || e.code == codeNotSupported {
			return chargepoint.Outcome{Status: chargepoint.CommandNotSupported}, nil
		}
		return chargepoint.Outcome{}, chargepoint.ErrCommandFailed.Detailf("The charge point answered %s.", e.code).Because(e)
	}
	var body struct {
		Status chargepoint.CommandStatus `json:"status"`
	}
	if err := json.Unmarshal(answer.payload, &body); err != nil {
		return chargepoint.Outcome{}, chargepoint.ErrCommandFailed.Detailf("The answer of the charge point cannot be read.").Because(err)
	}
	switch body.Status {
	case chargepoint.CommandAccepted, chargepoint.CommandRejected, chargepoint.CommandScheduled, chargepoint.CommandUnlocked,
		chargepoint.CommandUnlockFailed, chargepoint.CommandNotSupported, chargepoint.CommandNotImplemented,
		chargepoint.CommandFaulted, chargepoint.CommandOccupied, chargepoint.CommandUnavailable:
		return chargepoint.Outcome{Status: body.Status}, nil
	}
	return chargepoint.Outcome{}, chargepoint.ErrCommandFailed.Detailf("The charge point answered with an unknown status.")
}

package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

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
	c := s.conn(id)
	if c == nil {
		return chargepoint.Outcome{}, chargepoint.ErrNotConnected
	}
	requests, refused := c.speaks.requests(command)
	if refused != "" {
		return chargepoint.Outcome{Status: refused}, nil
	}
	for _, request := range requests {
		if e := check(request.GetFeatureName(), request); e != nil {
			return chargepoint.Outcome{}, chargepoint.ErrCommandFailed.Detailf("The command does not fit %s: %s.", c.speaks.protocol(), e.description)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CommandTimeout)
	defer cancel()
	var outcome chargepoint.Outcome
	for _, request := range requests {
		answer, err := c.call(ctx, uuid.NewString(), request.GetFeatureName(), request)
		switch {
		case errors.Is(err, errDisconnected):
			return outcome, chargepoint.ErrNotConnected.Because(err)
		case err != nil:
			return outcome, chargepoint.ErrNoAnswer.Because(err)
		}
		if e := answer.refused; e != nil {
			if e.code != codeNotImplemented && e.code != codeNotSupported {
				return outcome, chargepoint.ErrCommandFailed.Detailf("The charge point answered %s.", e.code).Because(e)
			}
			outcome.Status = chargepoint.CommandNotSupported
		} else if err := c.speaks.outcome(request, answer.payload, &outcome); err != nil {
			return outcome, err
		}
		c.log.InfoContext(ctx, "ocpp command answered", "action", request.GetFeatureName(), "status", string(outcome.Status))
	}
	return outcome, nil
}

// readAnswer reads the payload of an answer into the type that ocpp-go gives it.
func readAnswer[T any](payload json.RawMessage) (T, error) {
	var body T
	if err := json.Unmarshal(payload, &body); err != nil {
		return body, chargepoint.ErrCommandFailed.Detailf("The answer of the charge point cannot be read.").Because(err)
	}
	return body, nil
}

// answered takes the one word that most answers consist of, with the reason that 2.0.1 may give for it.
func answered(payload json.RawMessage, sofar *chargepoint.Outcome) error {
	body, err := readAnswer[struct {
		Status chargepoint.CommandStatus `json:"status"`
		Info   struct {
			Code string `json:"reasonCode"`
			More string `json:"additionalInfo"`
		} `json:"statusInfo"`
	}](payload)
	if err != nil {
		return err
	}
	if !body.Status.Known() {
		return chargepoint.ErrCommandFailed.Detailf("The charge point answered with an unknown status.")
	}
	sofar.Status, sofar.Reason = body.Status, body.Info.Code
	if body.Info.More != "" {
		sofar.Reason += ": " + body.Info.More
	}
	return nil
}

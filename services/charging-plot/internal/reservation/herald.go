package reservation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Holds keeps what charge points are told of claims.
type Holds interface {
	// DueHolds gives what charge points are to be told now, and nobody else for as long as the lease.
	DueHolds(ctx context.Context, lease time.Duration, limit int) ([]Hold, error)
	// AnswerHold keeps what came of it. The reason is for Refused.
	AnswerHold(ctx context.Context, h Hold, a Answer, reason string) error
	// DueSurveys gives charge points that nobody has asked since they booted, and nobody else for as long as the lease.
	DueSurveys(ctx context.Context, lease time.Duration, limit int) ([]Survey, error)
	AnswerSurvey(ctx context.Context, chargePoint uuid.UUID, reserves bool) error
}

// Herald tells charge points of claims. Every replica has one; the store gives each thing to do to one of them, and when that one dies,
// to another once its lease is over. A charge point that is told twice does the same thing once.
type Herald struct {
	holds    Holds
	commands chargepoint.Commander
	timeout  time.Duration
	log      *slog.Logger
	woken    chan struct{}
	sending  sync.WaitGroup
}

// NewHerald makes a herald. timeout bounds how long a charge point may take to answer.
func NewHerald(holds Holds, commands chargepoint.Commander, timeout time.Duration, log *slog.Logger) *Herald {
	return &Herald{holds: holds, commands: commands, timeout: timeout, log: log, woken: make(chan struct{}, 1)}
}

const heraldLimit = 100

// Wake has the herald look at once: there is something to tell.
func (h *Herald) Wake() {
	select {
	case h.woken <- struct{}{}:
	default: // it is awake
	}
}

// Run tells what is to be told, looking each tick and when it is woken, until ctx ends and what is under way has been answered.
func (h *Herald) Run(ctx context.Context, tick time.Duration) error {
	defer h.sending.Wait()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		if err := h.Tell(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "charge points could not be told of reservations", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-h.woken:
		}
	}
}

// Tell has everything told that is due, without waiting for the answers; Wait does.
func (h *Herald) Tell(ctx context.Context) error {
	// Longer than it takes to be answered and to write that down: whoever finds the lease over finds somebody dead.
	lease := 2*h.timeout + 10*time.Second
	for n := heraldLimit; n == heraldLimit; {
		due, err := h.holds.DueHolds(ctx, lease, heraldLimit)
		if err != nil {
			return err
		}
		for _, hold := range due {
			h.sending.Go(func() { h.tell(context.WithoutCancel(ctx), hold) })
		}
		n = len(due)
	}
	surveys, err := h.holds.DueSurveys(ctx, lease, heraldLimit)
	if err != nil {
		return err
	}
	for _, survey := range surveys {
		h.sending.Go(func() { h.ask(context.WithoutCancel(ctx), survey) })
	}
	return nil
}

// Wait returns when everything that was told has been answered.
func (h *Herald) Wait() { h.sending.Wait() }

func (h *Herald) tell(ctx context.Context, hold Hold) {
	command := chargepoint.Command{Kind: chargepoint.CancelReservation, ReservationID: hold.Number}
	if !hold.Release {
		command = chargepoint.Command{
			Kind: chargepoint.ReserveNow, ReservationID: hold.Number, Connector: hold.Connector, IDTag: hold.IDTag, ExpiresAt: hold.ExpiresAt,
		}
	}
	answered, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	outcome, err := h.commands.Send(answered, hold.ChargePointID, command)
	answer, reason := judge(hold, outcome.Status, err)
	h.log.InfoContext(ctx, "a charge point was told of a reservation", "reservation_id", hold.ReservationID, "charge_point_id", hold.ChargePointID,
		"command", string(command.Kind), "status", string(outcome.Status), "error", err)
	if err := h.holds.AnswerHold(ctx, hold, answer, reason); err != nil {
		h.log.WarnContext(ctx, "a charge point's answer is lost, and it will be told again", "reservation_id", hold.ReservationID, "error", err)
	}
}

// judge reads an answer. A charge point that is asked to let go and says anything at all does not hold the claim any more: it refuses
// to let go of what it does not know. One that fails at keeping a claim has not said that it would not: it is told again.
func judge(hold Hold, status chargepoint.CommandStatus, err error) (Answer, string) {
	switch {
	case errors.Is(err, chargepoint.ErrCommandFailed) && hold.Release:
		return Kept, ""
	case err != nil:
		return Unreached, ""
	case hold.Release, status == chargepoint.CommandAccepted:
		return Kept, ""
	case status == chargepoint.CommandNotSupported, status == chargepoint.CommandNotImplemented:
		return Incapable, ""
	case status == chargepoint.CommandOccupied:
		return Refused, ReasonChargePointOccupied
	case status == chargepoint.CommandFaulted:
		return Refused, ReasonChargePointFaulted
	case status == chargepoint.CommandUnavailable:
		return Refused, ReasonChargePointUnavailable
	}
	return Refused, ReasonChargePointRejected
}

// The settings that say whether a charge point takes reservations: a feature profile in 1.6, a component that is there and switched on in
// 2.0.1.
const (
	profilesSetting = "SupportedFeatureProfiles"
	profile         = "Reservation"
	component       = "ReservationCtrlr"
)

func (h *Herald) ask(ctx context.Context, survey Survey) {
	variables := []chargepoint.Variable{{Name: profilesSetting}}
	if survey.Protocol != "ocpp1.6" {
		variables = []chargepoint.Variable{{Component: component, Name: "Available"}, {Component: component, Name: "Enabled"}}
	}
	answered, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	outcome, err := h.commands.Send(answered, survey.ChargePointID, chargepoint.Command{Kind: chargepoint.GetConfiguration, Variables: variables})
	if err != nil && !errors.Is(err, chargepoint.ErrCommandFailed) {
		return // it could not be reached; it is asked again
	}
	if err := h.holds.AnswerSurvey(ctx, survey.ChargePointID, takesReservations(outcome.Variables)); err != nil {
		h.log.WarnContext(ctx, "whether a charge point takes reservations could not be written down", "charge_point_id", survey.ChargePointID, "error", err)
	}
}

// takesReservations reads the settings: one at least says yes, and none no.
func takesReservations(settings []chargepoint.Variable) bool {
	takes := false
	for _, v := range settings {
		switch {
		case v.Name == profilesSetting:
			for name := range strings.SplitSeq(v.Value, ",") {
				takes = takes || strings.TrimSpace(name) == profile
			}
		case v.Component != component || v.Value == "":
		case !strings.EqualFold(v.Value, "true"):
			return false
		default:
			takes = true
		}
	}
	return takes
}

package central

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Book keeps commands and what they changed.
type Book interface {
	RecordCommand(ctx context.Context, record chargepoint.Record) error
	RecordOutcome(ctx context.Context, record chargepoint.Record) error
	StoreVariables(ctx context.Context, id uuid.UUID, variables []chargepoint.Variable, at time.Time) error
	StoreProfiles(ctx context.Context, id uuid.UUID, profiles []chargepoint.ChargingProfile, at time.Time) error
	ClearProfiles(ctx context.Context, id uuid.UUID, filter chargepoint.ProfileFilter) error
}

// Recorder is a chargepoint.Commander that keeps what is asked of charge points, before it is asked, and what came of it: settings and
// profiles that a charge point accepted are known from then on.
type Recorder struct {
	next chargepoint.Commander
	book Book
	now  func() time.Time
	log  *slog.Logger
}

var _ chargepoint.Commander = (*Recorder)(nil)

// NewRecorder makes a recorder of what next is told.
func NewRecorder(next chargepoint.Commander, book Book, now func() time.Time, log *slog.Logger) *Recorder {
	return &Recorder{next: next, book: book, now: now, log: log}
}

// recordPatience is how long the record of an answer may take: the caller's own time may be up by then.
const recordPatience = 5 * time.Second

// Send implements chargepoint.Commander. A command that cannot be recorded is not sent.
func (r *Recorder) Send(ctx context.Context, id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	//nolint:gosec // it ties later reports to the command and protects nothing
	command.RequestID = 1 + rand.IntN(math.MaxInt32-1)
	record := chargepoint.Record{
		ID: uuid.Must(uuid.NewV7()), ChargePointID: id, Command: command.Redacted(), AskedBy: chargepoint.AskerOf(ctx), CreatedAt: r.now().UTC(),
	}
	if err := r.book.RecordCommand(ctx, record); err != nil {
		return chargepoint.Outcome{}, err
	}
	outcome, err := r.next.Send(ctx, id, command)
	outcome.ID = record.ID
	record.AnsweredAt = r.now().UTC()
	if err != nil {
		record.Fault = fault.Of(err).Code()
	} else {
		kept := outcome.Redacted()
		record.Outcome = &kept
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordPatience)
	defer cancel()
	if failed := r.book.RecordOutcome(ctx, record); failed != nil {
		r.log.WarnContext(ctx, "the answer to a command could not be recorded", "charge_point_id", id, "command", string(command.Kind), "error", failed)
	}
	if err == nil {
		if failed := r.learn(ctx, id, command, outcome); failed != nil {
			r.log.WarnContext(ctx, "what a command changed could not be recorded", "charge_point_id", id, "command", string(command.Kind), "error", failed)
		}
	}
	return outcome, err
}

// learn keeps what the answer to a command says of the charge point.
func (r *Recorder) learn(ctx context.Context, id uuid.UUID, command chargepoint.Command, outcome chargepoint.Outcome) error {
	switch command.Kind {
	case chargepoint.GetConfiguration, chargepoint.ChangeConfiguration:
		var known []chargepoint.Variable
		for _, v := range outcome.Variables {
			if v.Status == "" || v.Status == chargepoint.CommandAccepted || v.Status == chargepoint.CommandRebootRequired {
				known = append(known, v)
			}
		}
		return r.book.StoreVariables(ctx, id, known, r.now())
	case chargepoint.SetProfile:
		if outcome.Status == chargepoint.CommandAccepted {
			return r.book.StoreProfiles(ctx, id, []chargepoint.ChargingProfile{*command.Profile}, r.now())
		}
	case chargepoint.ClearProfile:
		if outcome.Status == chargepoint.CommandAccepted {
			return r.book.ClearProfiles(ctx, id, *command.Clear)
		}
	default:
	}
	return nil
}

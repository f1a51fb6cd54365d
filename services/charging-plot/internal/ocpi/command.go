package ocpi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// order is the body of any command; each has some of the fields.
type order struct {
	ResponseURL   string    `json:"response_url"`
	Token         *Token    `json:"token"`
	LocationID    string    `json:"location_id"`
	EVSEUID       string    `json:"evse_uid"`
	SessionID     string    `json:"session_id"`
	ReservationID string    `json:"reservation_id"`
	ExpiryDate    ocpi.Time `json:"expiry_date"`
	Reference     string    `json:"authorization_reference"`
}

// CommandResponse says whether a command was taken, and within how many seconds its result comes.
type CommandResponse struct {
	Result  string        `json:"result"`
	Timeout int           `json:"timeout"`
	Message []DisplayText `json:"message,omitempty"`
}

// CommandResult says what came of a command.
type CommandResult struct {
	Result  string        `json:"result"`
	Message []DisplayText `json:"message,omitempty"`
}

// DisplayText is a text for people.
type DisplayText struct {
	Language string `json:"language"`
	Text     string `json:"text"`
}

// The words of answer.
const (
	accepted           = "ACCEPTED"
	rejected           = "REJECTED"
	unsupported        = "NOT_SUPPORTED"
	unknownSession     = "UNKNOWN_SESSION"
	unknownReservation = "UNKNOWN_RESERVATION"
	occupied           = "EVSE_OCCUPIED"
	inoperative        = "EVSE_INOPERATIVE"
	failed             = "FAILED"
	timedOut           = "TIMEOUT"
)

// unlockWithin is how long after its charge a partner may have a connector unlocked.
const unlockWithin = time.Hour

var (
	errNoLocation = ocpi.As(fault.Define(fault.Unprocessable, "location_not_found", "There is no such location or EVSE"), ocpi.UnknownLocation)
	errNoCommand  = fault.Define(fault.NotFound, "no_such_command", "There is no such command")
)

// command answers at once whether a command is taken. What comes of it is posted to the address that it names.
func (a *API) command(c *fiber.Ctx) error {
	p, err := a.partner(c)
	if err != nil {
		return err
	}
	var o order
	if err := read(c, &o); err != nil {
		return err
	}
	if err := a.CheckURL(o.ResponseURL); err != nil {
		return errBody.Detailf("response_url: %s", fault.Of(err).Detail()).At(fault.Field{Pointer: "/response_url", Code: "format", Detail: "must be an address on the internet"})
	}
	work, refused, err := a.prepare(c, p, o)
	if err != nil {
		return err
	}
	if refused != "" {
		return ocpi.Write(c, http.StatusOK, CommandResponse{Result: refused})
	}
	ctx := context.WithoutCancel(c.UserContext())
	correlation := c.Get(ocpi.HeaderCorrelationID)
	a.running.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, a.CommandTimeout+resultPatience)
		defer cancel()
		work(ctx, func(result CommandResult) { a.tell(ctx, p, o.ResponseURL, correlation, result) })
	})
	return ocpi.Write(c, http.StatusOK, CommandResponse{Result: accepted, Timeout: int((a.CommandTimeout + resultPatience).Seconds())})
}

// work does what a command wants, and tells what came of it, once.
type work func(ctx context.Context, tell func(CommandResult))

// prepare makes the work of a command, or says in a word why it is not taken.
func (a *API) prepare(c *fiber.Ctx, p roaming.Partner, o order) (work, string, error) {
	switch c.Params("command") {
	case "START_SESSION":
		return a.startSession(c.UserContext(), p, o)
	case "STOP_SESSION":
		return a.stopSession(c.UserContext(), p, o)
	case "RESERVE_NOW":
		return a.reserveNow(c.UserContext(), p, o)
	case "CANCEL_RESERVATION":
		return a.cancelReservation(c.UserContext(), p, o)
	case "UNLOCK_CONNECTOR":
		return a.unlock(c.UserContext(), p, o)
	}
	return nil, "", errNoCommand
}

// contract reads the token of a command, which must be of a contract of the partner's.
func contract(p roaming.Partner, o order) (token.Token, string, error) {
	if o.Token == nil {
		return token.Token{}, "", errBody.Detailf("token is missing").At(fault.Field{Pointer: "/token", Code: "required", Detail: "is missing"})
	}
	t, err := fromToken(*o.Token)
	if err != nil {
		return t, "", err
	}
	if !p.Speaks(t.Party) || !t.Valid {
		return t, rejected, nil
	}
	return t, "", nil
}

// outlets are those that a command names: an EVSE, or any of a location.
func (a *API) outlets(ctx context.Context, o order) ([]roaming.Outlet, error) {
	station, err := uuid.Parse(o.LocationID)
	if err != nil {
		return nil, errNoLocation
	}
	var evse *uuid.UUID
	if o.EVSEUID != "" {
		id, err := uuid.Parse(o.EVSEUID)
		if err != nil {
			return nil, errNoLocation
		}
		evse = &id
	}
	found, err := a.Places.OutletsAt(ctx, station, evse)
	if err == nil && len(found) == 0 {
		err = errNoLocation
	}
	return found, err
}

func (a *API) startSession(ctx context.Context, p roaming.Partner, o order) (work, string, error) {
	t, refused, err := contract(p, o)
	if err != nil || refused != "" {
		return nil, refused, err
	}
	found, err := a.outlets(ctx, o)
	if err != nil {
		return nil, "", err
	}
	snapshot := t.Snapshot()
	wanted := session.Order{PlotID: found[0].Plot, DriverID: t.Driver(), Token: &snapshot, Reference: o.Reference}
	return func(ctx context.Context, tell func(CommandResult)) {
		told := make(chan string, 1)
		if _, err := a.Desk.OrderAndTell(ctx, wanted, func(reason string) { told <- reason }); err != nil {
			tell(resultOf(err))
			return
		}
		tell(startResult(<-told))
	}, "", nil
}

// startResult says what became of an order, by the reason for which it ended; none: the charge point will start.
func startResult(reason string) CommandResult {
	switch reason {
	case "":
		return CommandResult{Result: accepted}
	case session.ReasonTimeout:
		return CommandResult{Result: timedOut}
	case session.ReasonOffline:
		return CommandResult{Result: inoperative}
	}
	return CommandResult{Result: rejected}
}

func (a *API) stopSession(ctx context.Context, p roaming.Partner, o order) (work, string, error) {
	if uuid.Validate(o.SessionID) != nil {
		return nil, unknownSession, nil //nolint:nilerr // that there is none is the answer
	}
	id := uuid.MustParse(o.SessionID)
	s, err := a.Places.GetSession(ctx, id)
	switch {
	case errors.Is(err, session.ErrNotFound), err == nil && (s.Token == nil || !p.Speaks(partyOf(s.Token))):
		return nil, unknownSession, nil
	case err != nil:
		return nil, "", err
	case !s.State.Open():
		return nil, rejected, nil
	}
	return func(ctx context.Context, tell func(CommandResult)) {
		_, err := a.Desk.Stop(ctx, id)
		tell(resultOf(err))
	}, "", nil
}

func partyOf(t *token.Snapshot) token.Party {
	return token.Party{CountryCode: t.CountryCode, PartyID: t.PartyID}
}

func (a *API) reserveNow(ctx context.Context, p roaming.Partner, o order) (work, string, error) {
	t, refused, err := contract(p, o)
	if err != nil || refused != "" {
		return nil, refused, err
	}
	found, err := a.outlets(ctx, o)
	if err != nil {
		return nil, "", err
	}
	until := time.Time(o.ExpiryDate)
	if o.ReservationID == "" || len(o.ReservationID) > 36 || until.IsZero() {
		return nil, "", errBody.Detailf("reservation_id or expiry_date is missing").At(
			fault.Field{Pointer: "/reservation_id", Code: "required", Detail: "is missing, or expiry_date is"})
	}
	return func(ctx context.Context, tell func(CommandResult)) {
		tell(resultOf(a.reserve(ctx, t, o.ReservationID, found[0].Plot, until)))
	}, "", nil
}

// reserve claims a plot from now on, or moves the end of what is reserved under the name already.
func (a *API) reserve(ctx context.Context, t token.Token, name string, bay uuid.UUID, until time.Time) error {
	now := a.Now()
	id, err := a.Reservations.PartnerReservation(ctx, []token.Party{t.Party}, name)
	if err == nil {
		_, err = a.Reservations.ChangeReservation(ctx, id, func(r reservation.Reservation, own reservation.OperatorTerms) (reservation.Reservation, error) {
			if !r.State.Open() || r.PlotID != bay {
				return r, reservation.ErrEnded
			}
			moved, err := a.Terms.Move(r, time.Time{}, until.Sub(r.StartsAt), now)
			if err != nil {
				return r, err
			}
			return moved, own.MayChange(r, now)
		})
		return err
	}
	if !errors.Is(err, roaming.ErrNoReservation) {
		return err
	}
	planned, err := a.Terms.Plan(reservation.Claim{PlotID: bay, DriverID: t.Driver(), Duration: until.Sub(now)}, now)
	if err != nil {
		return err
	}
	made, err := a.Reservations.CreateReservation(ctx, planned)
	if err != nil {
		return err
	}
	return a.Reservations.NameReservation(ctx, t.Party, name, made.ID)
}

func (a *API) cancelReservation(_ context.Context, p roaming.Partner, o order) (work, string, error) {
	return func(ctx context.Context, tell func(CommandResult)) {
		id, err := a.Reservations.PartnerReservation(ctx, p.Parties(), o.ReservationID)
		if err == nil {
			now := a.Now()
			_, err = a.Reservations.ChangeReservation(ctx, id, func(r reservation.Reservation, own reservation.OperatorTerms) (reservation.Reservation, error) {
				if !r.State.CanBecome(reservation.Canceled) {
					return r, reservation.ErrEnded
				}
				if err := own.MayCancel(r, now); err != nil {
					return r, err
				}
				r.State, r.StateSince, r.Reason = reservation.Canceled, now, reservation.ReasonDriver
				return r, nil
			})
		}
		tell(resultOf(err))
	}, "", nil
}

// unlock is for a driver whose cable is stuck: where a contract of the partner's charges, or has within the hour.
func (a *API) unlock(ctx context.Context, p roaming.Partner, o order) (work, string, error) {
	if o.EVSEUID == "" {
		return nil, "", errNoLocation
	}
	found, err := a.outlets(ctx, o)
	if err != nil {
		return nil, "", err
	}
	outlet := found[0]
	there, err := a.Places.ChargedAt(ctx, p.Parties(), outlet.EVSE, a.Now().Add(-unlockWithin))
	if err != nil {
		return nil, "", err
	}
	if !there || outlet.ChargePoint == uuid.Nil {
		return nil, rejected, nil
	}
	return func(ctx context.Context, tell func(CommandResult)) {
		answered, cancel := context.WithTimeout(ctx, a.CommandTimeout)
		defer cancel()
		outcome, err := a.Commands.Send(answered, outlet.ChargePoint, chargepoint.Command{Kind: chargepoint.UnlockConnector, Connector: outlet.Connector})
		switch {
		case err != nil:
			tell(resultOf(err))
		case outcome.Status == chargepoint.CommandUnlocked:
			tell(CommandResult{Result: accepted})
		case outcome.Status == chargepoint.CommandNotSupported:
			tell(CommandResult{Result: unsupported})
		default:
			tell(CommandResult{Result: failed})
		}
	}, "", nil
}

// resultOf says by a word of OCPI's, and in words of ours, why something could not be done.
func resultOf(err error) CommandResult {
	if err == nil {
		return CommandResult{Result: accepted}
	}
	f := fault.Of(err)
	out := CommandResult{Result: rejected, Message: []DisplayText{{"en", ocpi.Cut(strings.TrimSpace(f.Title()+". "+f.Detail()), maxText)}}}
	switch {
	case errors.Is(err, roaming.ErrNoReservation):
		out.Result = unknownReservation
	case errors.Is(err, session.ErrOccupied), errors.Is(err, session.ErrReserved), errors.Is(err, reservation.ErrTaken), errors.Is(err, reservation.ErrNotFree):
		out.Result = occupied
	case errors.Is(err, session.ErrUnusable), errors.Is(err, session.ErrNoChargePoint), errors.Is(err, chargepoint.ErrNotConnected), errors.Is(err, plot.ErrRemoved):
		out.Result = inoperative
	case errors.Is(err, chargepoint.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		out.Result = timedOut
	case f.Kind() == fault.Internal, f.Kind() == fault.Unavailable:
		out.Result = failed
	}
	return out
}

const (
	maxText = 512
	// resultPatience is how long a result is tried to be told.
	resultPatience = 20 * time.Second
	resultTries    = 3
)

// tell posts the result of a command. A partner that cannot be told, after a few tries, takes its own timeout for the answer.
func (a *API) tell(ctx context.Context, p roaming.Partner, url, correlation string, result CommandResult) {
	body, err := json.Marshal(result)
	if err != nil {
		a.Log.ErrorContext(ctx, "the result of a command cannot be written", "error", err)
		return
	}
	for try, wait := 1, time.Second; ; try, wait = try+1, 2*wait {
		if err = a.post(ctx, p, url, correlation, body); err == nil {
			return
		}
		if try == resultTries || pause.For(ctx, pause.Around(wait, 0.5)) != nil {
			a.Log.WarnContext(ctx, "a partner could not be told the result of a command", "partner", p.ID, "result", result.Result, "error", err)
			return
		}
	}
}

func (a *API) post(ctx context.Context, p roaming.Partner, url, correlation string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	sign(request, p.Token, correlation)
	answer, err := a.Client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d", answer.StatusCode)
	}
	return nil
}

// sign puts on a request to a partner what every one has.
func sign(request *http.Request, partnerToken, correlation string) {
	if correlation == "" {
		correlation = uuid.NewString()
	}
	request.Header.Set(fiber.HeaderAuthorization, ocpi.Authorization(partnerToken))
	request.Header.Set("X-Request-ID", uuid.NewString())
	request.Header.Set(ocpi.HeaderCorrelationID, correlation)
}

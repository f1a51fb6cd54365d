package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestSendCarriesOutEachCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	for _, c := range []struct {
		name          string
		command       chargepoint.Command
		action, asked string
		answer        string
		want          chargepoint.CommandStatus
	}{
		{
			"start",
			chargepoint.Command{Kind: chargepoint.RemoteStart, Connector: 2, IDTag: "TAG"},
			"RemoteStartTransaction", `{"connectorId":2,"idTag":"TAG"}`, `{"status":"Accepted"}`, chargepoint.CommandAccepted,
		},
		{
			"start anywhere",
			chargepoint.Command{Kind: chargepoint.RemoteStart, IDTag: "TAG"},
			"RemoteStartTransaction", `{"idTag":"TAG"}`, `{"status":"Rejected"}`, chargepoint.CommandRejected,
		},
		{
			"stop",
			chargepoint.Command{Kind: chargepoint.RemoteStop, Transaction: "4711"},
			"RemoteStopTransaction", `{"transactionId":4711}`, `{"status":"Accepted"}`, chargepoint.CommandAccepted,
		},
		{
			"reset",
			chargepoint.Command{Kind: chargepoint.Reset},
			"Reset", `{"type":"Soft"}`,
			`{"status":"Accepted"}`, chargepoint.CommandAccepted,
		},
		{
			"reset hard",
			chargepoint.Command{Kind: chargepoint.Reset, Hard: true},
			"Reset", `{"type":"Hard"}`,
			`{"status":"Rejected"}`, chargepoint.CommandRejected,
		},
		{
			"unlock",
			chargepoint.Command{Kind: chargepoint.UnlockConnector, Connector: 1},
			"UnlockConnector", `{"connectorId":1}`,
			`{"status":"UnlockFailed"}`, chargepoint.CommandUnlockFailed,
		},
		{
			"out of service",
			chargepoint.Command{Kind: chargepoint.ChangeAvailability},
			"ChangeAvailability",
			`{"connectorId":0,"type":"Inoperative"}`, `{"status":"Scheduled"}`, chargepoint.CommandScheduled,
		},
		{
			"in service",
			chargepoint.Command{Kind: chargepoint.ChangeAvailability, Connector: 1, Operative: true},
			"ChangeAvailability",
			`{"connectorId":1,"type":"Operative"}`, `{"status":"Accepted"}`, chargepoint.CommandAccepted,
		},
		{
			"trigger",
			chargepoint.Command{Kind: chargepoint.TriggerMessage, Message: "MeterValues", Connector: 1},
			"TriggerMessage",
			`{"requestedMessage":"MeterValues","connectorId":1}`, `{"status":"NotImplemented"}`, chargepoint.CommandNotImplemented,
		},
		{
			"reserve",
			chargepoint.Command{
				Kind: chargepoint.ReserveNow, Connector: 1, IDTag: "TAG", ReservationID: 7, ExpiresAt: now,
			},
			"ReserveNow",
			`{"connectorId":1,"expiryDate":"2026-11-23T12:00:00Z","idTag":"TAG","reservationId":7}`, `{"status":"Occupied"}`,
			chargepoint.CommandOccupied,
		},
		{
			"cancel",
			chargepoint.Command{Kind: chargepoint.CancelReservation, ReservationID: 7},
			"CancelReservation",
			`{"reservationId":7}`, `{"status":"Accepted"}`, chargepoint.CommandAccepted,
		},
	} {
		got := send(t.Context(), w, c.command)
		parts := p.hear()
		if string(parts[2]) != fmt.Sprintf("%q", c.action) || string(parts[3]) != c.asked {
			t.Errorf("%s: the charge point was told %s %s", c.name, parts[2], parts[3])
		}
		p.say(fmt.Sprintf(`[3,%s,%s]`, parts[1], c.answer))
		if r := <-got; r.err != nil || r.outcome.Status != c.want {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}

type sent struct {
	outcome chargepoint.Outcome
	err     error
}

// send sends a command to cp-1 and returns at once.
func send(ctx context.Context, w *world, command chargepoint.Command) <-chan sent {
	got := make(chan sent, 1)
	go func() {
		outcome, err := w.edge.Send(ctx, w.ids["cp-1"], command)
		got <- sent{outcome, err}
	}()
	return got
}

func TestSendTellsWhatTheProtocolLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	w.dial(t, "cp-1").ask("1", "Heartbeat", `{}`) // which version it is about is known once it is connected
	for _, c := range []struct {
		command chargepoint.Command
		want    chargepoint.CommandStatus
	}{
		{chargepoint.Command{Kind: "brew"}, chargepoint.CommandNotSupported},
		{chargepoint.Command{Kind: chargepoint.TriggerMessage, Message: "Coffee"}, chargepoint.CommandNotImplemented},
		{chargepoint.Command{Kind: chargepoint.RemoteStop, Transaction: "of another protocol"}, chargepoint.CommandRejected},
	} {
		if outcome, err := w.edge.Send(t.Context(), w.ids["cp-1"], c.command); err != nil || outcome.Status != c.want {
			t.Errorf("%+v: %+v, %v", c.command, outcome, err)
		}
	}
	_, err := w.edge.Send(t.Context(), w.ids["cp-1"], chargepoint.Command{Kind: chargepoint.RemoteStart, IDTag: "a tag of more than twenty letters"})
	if !errors.Is(err, chargepoint.ErrCommandFailed) {
		t.Errorf("an impossible tag: %v", err)
	}
}

func TestSendFailsWithAFaultWhenTheChargePointDoesNotAnswerWell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.CommandTimeout = time.Second }, "cp-1")
	reset := chargepoint.Command{Kind: chargepoint.Reset}
	if _, err := w.edge.Send(t.Context(), uuid.New(), reset); !errors.Is(err, chargepoint.ErrNotConnected) {
		t.Errorf("not connected: %v", err)
	}
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	for _, c := range []struct {
		name, answer string
		status       chargepoint.CommandStatus
		err          error
	}{
		{"an error", `[4,%s,"GenericError","no",{}]`, "", chargepoint.ErrCommandFailed},
		{"not implemented", `[4,%s,"NotImplemented","",{}]`, chargepoint.CommandNotSupported, nil},
		{"not supported", `[4,%s,"NotSupported","",{}]`, chargepoint.CommandNotSupported, nil},
		{"an unknown status", `[3,%s,{"status":"Maybe"}]`, "", chargepoint.ErrCommandFailed},
		{"no status", `[3,%s,{}]`, "", chargepoint.ErrCommandFailed},
		{"nonsense", `[3,%s,"yes"]`, "", chargepoint.ErrCommandFailed},
		{"another id", `[3,"x%s",{"status":"Accepted"}]`, "", chargepoint.ErrNoAnswer},
		{"silence", "", "", chargepoint.ErrNoAnswer},
	} {
		got := send(t.Context(), w, reset)
		id := p.hear()[1]
		if c.answer != "" {
			p.say(fmt.Sprintf(c.answer, id))
		}
		if r := <-got; !errors.Is(r.err, c.err) || r.outcome.Status != c.status {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
	got := send(t.Context(), w, reset)
	p.hear()
	p.Close()
	if r := <-got; !errors.Is(r.err, chargepoint.ErrNotConnected) {
		t.Errorf("the socket ended: %+v", r)
	}
}

func TestSendWaitsForNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	ctx, cancel := context.WithCancel(t.Context())
	got := send(ctx, w, chargepoint.Command{Kind: chargepoint.Reset})
	p.hear()
	cancel()
	if r := <-got; !errors.Is(r.err, chargepoint.ErrNoAnswer) {
		t.Errorf("%+v", r)
	}
}

// The standard allows one call under way in each direction.
func TestSendHasOneCommandUnderWayAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	const commands = 8
	var all sync.WaitGroup
	for range commands {
		all.Go(func() {
			if _, err := w.edge.Send(t.Context(), w.ids["cp-1"], chargepoint.Command{Kind: chargepoint.Reset}); err != nil {
				t.Error(err)
			}
		})
	}
	for range commands {
		parts := p.hear()
		// While a command is under way the charge point's own calls are served, and no second command comes between.
		var answer string
		if answer = p.ask("beat", "Heartbeat", `{}`); answer == "" {
			t.Error("no answer to a heartbeat")
		}
		p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
	}
	all.Wait()
}

// A command may be sent while a call of the same charge point is being handled, even out of its handler.
func TestSendWorksFromWithinAHandler(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	outcomes := make(chan sent, 1)
	w.meddle(func(ctx context.Context, what any) error {
		if _, ok := what.(chargepoint.BootInfo); ok {
			outcome, err := w.edge.Send(ctx, w.ids["cp-1"], chargepoint.Command{Kind: chargepoint.TriggerMessage, Message: "StatusNotification"})
			outcomes <- sent{outcome, err}
		}
		return nil
	})
	p := w.dial(t, "cp-1")
	p.say(`[2,"boot","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]`)
	parts := p.hear()
	var id string
	if err := json.Unmarshal(parts[1], &id); err != nil || string(parts[2]) != `"TriggerMessage"` {
		t.Fatalf("heard %s", parts)
	}
	p.say(fmt.Sprintf(`[3,%q,{"status":"Accepted"}]`, id))
	if r := <-outcomes; r.err != nil || r.outcome.Status != chargepoint.CommandAccepted {
		t.Errorf("%+v", r)
	}
	if parts := p.hear(); string(parts[1]) != `"boot"` {
		t.Errorf("heard %s", parts)
	}
}

package simulator

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/availability"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/transactions"
)

// newStation201 starts a station of OCPP 2.0.1 at a desk and waits until it has booted.
func newStation201(t *testing.T, d *desk) *Station {
	t.Helper()
	d.set(func(c call) string {
		switch c.action {
		case "Authorize":
			return `[3,%q,{"idTokenInfo":{"status":"Accepted"}}]`
		case "TransactionEvent":
			if string(c.payload) != "" && slices.Contains([]string{"Started"}, eventOf(c).EventType) {
				return `[3,%q,{"idTokenInfo":{"status":"Accepted"}}]`
			}
			return `[3,%q,{}]`
		}
		return ""
	})
	s := NewStation(StationConfig{Identity: "cp-1", Password: "secret", Protocol: OCPP201, Plugs: []Plug{dc, ac}}, Options{
		URL: d.url, Seed: 1, Speed: 2000, SampleInterval: 20 * time.Millisecond, ReconnectMin: time.Millisecond,
		ReconnectMax: 10 * time.Millisecond, RetryInterval: 10 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-s.ended })
	await(t, s, "boot", func(now Snapshot) bool { return now.Registered })
	return s
}

// told is what the tests look at of a TransactionEvent.
type told struct {
	EventType       string
	SeqNo           int
	TransactionInfo struct{ TransactionID, StoppedReason string }
	MeterValue      []struct {
		SampledValue []struct {
			Value                     float64
			Measurand, Context, Phase string
			UnitOfMeasure             struct {
				Unit       string
				Multiplier int
			}
		}
	}
}

func eventOf(c call) (e told) {
	_ = json.Unmarshal(c.payload, &e)
	return e
}

// Everything that a station of 2.0.1 says passes the checks of ocpp-go, and tells of a charge from its beginning to its end: numbered
// without a gap, whatever was said while the network was away.
func TestAStationOf201TellsOfItsCharge(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStation201(t, d)
	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "TAG"))
	d.next(t, "TransactionEvent")
	await(t, s, "a number", func(now Snapshot) bool { return now.Connectors[0].Transaction != 0 })
	must(t, s.Cut())
	await(t, s, "readings that nobody hears of yet", func(now Snapshot) bool { return now.Queued >= 3 })
	must(t, s.Restore())
	settle(t, s)
	must(t, s.Unplug(1))
	settle(t, s)
	records := s.Transactions()
	if len(records) != 1 || !records[0].Acknowledged {
		t.Fatalf("%+v", records)
	}
	seqs := map[int]told{}
	for _, c := range d.heard("TransactionEvent") {
		e := eventOf(c)
		if before, heard := seqs[e.SeqNo]; heard && before.EventType != e.EventType {
			t.Errorf("the number %d was given to %+v and to %+v", e.SeqNo, before, e)
		}
		seqs[e.SeqNo] = e
	}
	for i := range len(seqs) {
		e, there := seqs[i]
		want := string(transactions.TransactionEventUpdated)
		switch i {
		case 0:
			want = string(transactions.TransactionEventStarted)
		case len(seqs) - 1:
			want = string(transactions.TransactionEventEnded)
		}
		if !there || e.EventType != want || e.TransactionInfo.TransactionID != seqs[0].TransactionInfo.TransactionID {
			t.Errorf("event %d is %+v, want %s", i, e, want)
		}
	}
	last := seqs[len(seqs)-1]
	values := last.MeterValue[len(last.MeterValue)-1].SampledValue
	if last.TransactionInfo.StoppedReason != "EVDisconnected" || values[0].Value != float64(records[0].MeterStopWh) {
		t.Errorf("the end is %+v, the meter stood at %d", last, records[0].MeterStopWh)
	}
	if first := seqs[0].MeterValue[0].SampledValue[0]; first.Value != float64(records[0].MeterStartWh) || first.Context != "Transaction.Begin" {
		t.Errorf("the beginning is %+v, the meter stood at %d", first, records[0].MeterStartWh)
	}
	if totals := s.stats.Totals(); totals.Failures != 0 {
		t.Errorf("%+v", totals)
	}
}

func TestAStationOf201Obeys(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStation201(t, d)
	order := func(want, action, payload string) {
		t.Helper()
		if got := d.command(t, action, payload); got != want {
			t.Errorf("%s %s was answered %s, want %s", action, payload, got, want)
		}
	}
	must(t, s.Plug(1, hungry))
	order("Accepted", "RequestStartTransaction", `{"evseId":1,"remoteStartId":7,"idToken":{"idToken":"TAG","type":"Central"}}`)
	started := eventOf(d.next(t, "TransactionEvent"))
	order("Rejected", "RequestStopTransaction", `{"transactionId":"another"}`)
	await(t, s, "a number", func(now Snapshot) bool { return now.Connectors[0].Transaction != 0 })
	order("Accepted", "TriggerMessage", `{"requestedMessage":"TransactionEvent","evse":{"id":1}}`)
	order("Accepted", "RequestStopTransaction", `{"transactionId":"`+started.TransactionInfo.TransactionID+`"}`)
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	order("Accepted", "ReserveNow", `{"id":5,"expiryDateTime":"`+soon+`","evseId":2,"idToken":{"idToken":"MINE","type":"Central"}}`)
	order("Occupied", "ReserveNow", `{"id":6,"expiryDateTime":"`+soon+`","evseId":2,"idToken":{"idToken":"OTHER","type":"Central"}}`)
	order("Accepted", "CancelReservation", `{"reservationId":5}`)
	order("Accepted", "ChangeAvailability", `{"operationalStatus":"Inoperative","evse":{"id":2}}`)
	for {
		var status availability.StatusNotificationRequest
		d.next(t, "StatusNotification").into(t, &status)
		if status.EvseID == 2 && status.ConnectorStatus == availability.ConnectorStatusUnavailable {
			break
		}
	}
	order("UnknownConnector", "UnlockConnector", `{"evseId":9,"connectorId":1}`)
	order(`{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"2","component":{"name":"ChargingStation"},"variable":{"name":"NumberOfConnectors"}}]}`,
		"GetVariables", `{"getVariableData":[{"component":{"name":"ChargingStation"},"variable":{"name":"NumberOfConnectors"}}]}`)
	order(`{"setVariableResult":[{"attributeStatus":"UnknownVariable","component":{"name":"X"},"variable":{"name":"Y"}}]}`,
		"SetVariables", `{"setVariableData":[{"attributeValue":"1","component":{"name":"X"},"variable":{"name":"Y"}}]}`)
	order("Accepted", "ClearCache", `{}`)
	order("NotImplemented", "GetBaseReport", `{"requestId":1,"reportBase":"FullInventory"}`)
	order("Accepted", "Reset", `{"type":"Immediate"}`)
}

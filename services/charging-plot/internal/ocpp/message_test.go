package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocpp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

// sample is one as NewSample makes it, changed as the test wants.
func sample(when string, m chargepoint.Measurand, value float64, change func(*chargepoint.Sample)) chargepoint.Sample {
	s := chargepoint.Sample{At: at(when), Measurand: m, Location: "Outlet", Context: "Sample.Periodic", Value: value}
	if change != nil {
		change(&s)
	}
	return s
}

// Each call of a charge point, what the domain is told of it, and the answer.
func TestCallsReachTheDomainAndAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	for _, c := range []struct {
		name, action, payload, answer string
		told                          any
	}{
		{
			name: "boot", action: "BootNotification",
			payload: `{"chargePointVendor":"V","chargePointModel":"M","chargeBoxSerialNumber":"S","firmwareVersion":"1.2","iccid":"I",
				"imsi":"J","meterType":"T","meterSerialNumber":"N"}`,
			answer: `{"currentTime":"2026-11-23T12:00:00Z","interval":300,"status":"Accepted"}`,
			told: chargepoint.BootInfo{
				Vendor: "V", Model: "M", SerialNumber: "S", FirmwareVersion: "1.2", ICCID: "I", IMSI: "J", MeterType: "T", MeterSerial: "N",
			},
		},
		{
			name: "heartbeat", action: "Heartbeat", payload: `{}`, answer: `{"currentTime":"2026-11-23T12:00:00Z"}`,
			told: beat{w.ids["cp-1"]},
		},
		{
			name: "status", action: "StatusNotification",
			payload: `{"connectorId":1,"errorCode":"GroundFailure","status":"Faulted","info":"wet","timestamp":"2026-11-23T11:59:58+01:00"}`,
			answer:  `{}`,
			told: chargepoint.StatusReport{
				Connector: 1, Status: chargepoint.Faulted, ErrorCode: "GroundFailure", Info: "wet", At: at("2026-11-23T10:59:58Z"),
			},
		},
		{
			name: "status without a time, of the whole", action: "StatusNotification",
			payload: `{"connectorId":0,"errorCode":"NoError","status":"Available"}`, answer: `{}`,
			told: chargepoint.StatusReport{Connector: 0, Status: chargepoint.Available, ErrorCode: "NoError"},
		},
		{
			name: "authorize", action: "Authorize", payload: `{"idTag":"TAG"}`,
			answer: `{"idTagInfo":{"status":"Accepted"}}`, told: asked{"TAG"},
		},
		{
			name: "authorize a stolen tag", action: "Authorize", payload: `{"idTag":"stolen"}`,
			answer: `{"idTagInfo":{"status":"Blocked"}}`, told: asked{"stolen"},
		},
		{
			name: "start, from a clock in 1970", action: "StartTransaction",
			payload: `{"connectorId":2,"idTag":"TAG","meterStart":1200,"reservationId":9,"timestamp":"1970-01-01T00:00:07Z","vendorThing":1}`,
			answer:  `{"idTagInfo":{"status":"Accepted"},"transactionId":4711}`,
			told: chargepoint.TransactionStart{
				Connector: 2, IDTag: "TAG", MeterWh: 1200, ReservationID: 9, At: at("1970-01-01T00:00:07Z"),
			},
		},
		{
			name: "readings in every unit and phase", action: "MeterValues",
			payload: `{"connectorId":2,"transactionId":4711,"meterValue":[
				{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":"1500"},{"value":"1.75","measurand":"Energy.Active.Import.Register","unit":"kWh","context":"Transaction.Begin"},
					{"value":"7.4","measurand":"Power.Active.Import","unit":"kW","phase":"L1"},{"value":"32","measurand":"Current.Import","unit":"A","phase":"L2"},
					{"value":"230.5","measurand":"Voltage","phase":"L1-N","unit":"V"},{"value":"42","measurand":"SoC","unit":"Percent","location":"EV"}]},
				{"timestamp":"2026-11-23T11:00:10Z","sampledValue":[{"value":" 1490 ","unit":"Wh"},{"value":"298.15","measurand":"Temperature","unit":"K"},
					{"value":"77","measurand":"Temperature","unit":"Fahrenheit"}]}]}`,
			answer: `{}`,
			told: readings{2, "4711", []chargepoint.Sample{
				sample("2026-11-23T11:00:00Z", chargepoint.EnergyImportRegister, 1500, nil),
				sample("2026-11-23T11:00:00Z", chargepoint.EnergyImportRegister, 1750, func(s *chargepoint.Sample) { s.Context = "Transaction.Begin" }),
				sample("2026-11-23T11:00:00Z", chargepoint.PowerImport, 7400, func(s *chargepoint.Sample) { s.Phase = "L1" }),
				sample("2026-11-23T11:00:00Z", chargepoint.CurrentImport, 32, func(s *chargepoint.Sample) { s.Phase = "L2" }),
				sample("2026-11-23T11:00:00Z", chargepoint.Voltage, 230.5, func(s *chargepoint.Sample) { s.Phase = "L1-N" }),
				sample("2026-11-23T11:00:00Z", chargepoint.StateOfCharge, 42, func(s *chargepoint.Sample) { s.Location = "EV" }),
				// The register runs backwards here. The edge passes on what it hears; the domain judges.
				sample("2026-11-23T11:00:10Z", chargepoint.EnergyImportRegister, 1490, nil),
				sample("2026-11-23T11:00:10Z", "Temperature", 25, nil),
				sample("2026-11-23T11:00:10Z", "Temperature", 25, nil),
			}},
		},
		{
			name: "readings outside a transaction, in part nonsense", action: "MeterValues",
			payload: `{"connectorId":1,"transactionId":-1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[
				{"value":"NaN"},{"value":"-"},{"value":"120","measurand":"SoC"},{"value":"5","measurand":"Voltage","unit":"kWh"},
				{"value":"1","measurand":"Vendor.Magic"},{"value":"c2ln","format":"SignedData"},{"value":"12"}]}]}`,
			answer: `{}`,
			told:   readings{1, "", []chargepoint.Sample{sample("2026-11-23T11:00:00Z", chargepoint.EnergyImportRegister, 12, nil)}},
		},
		{
			name: "stop, for a reason of the vendor's", action: "StopTransaction",
			payload: `{"transactionId":4711,"meterStop":21200,"timestamp":"2026-11-23T11:30:00Z","reason":"Boredom","idTag":"TAG",
				"transactionData":[{"timestamp":"2026-11-23T11:30:00Z","sampledValue":[{"value":"21.2","unit":"kWh","context":"Transaction.End"}]}]}`,
			answer: `{}`,
			told: chargepoint.TransactionStop{
				Transaction: "4711", IDTag: "TAG", MeterWh: 21200, At: at("2026-11-23T11:30:00Z"), Reason: "Other",
				Samples: []chargepoint.Sample{sample("2026-11-23T11:30:00Z", chargepoint.EnergyImportRegister, 21200,
					func(s *chargepoint.Sample) { s.Context = "Transaction.End" })},
			},
		},
		{
			name: "stop, at a register that no meter counts to", action: "StopTransaction",
			payload: `{"transactionId":4711,"meterStop":9223372036854775807,"timestamp":"2026-11-23T11:30:00Z"}`, answer: `{}`,
			told: chargepoint.TransactionStop{Transaction: "4711", NoMeter: true, At: at("2026-11-23T11:30:00Z"), Samples: []chargepoint.Sample{}},
		},
		{
			name: "stop without a start", action: "StopTransaction",
			payload: `{"transactionId":0,"meterStop":-5,"timestamp":"2026-11-23T11:30:00Z"}`, answer: `{}`,
			told: chargepoint.TransactionStop{Transaction: "0", MeterWh: -5, At: at("2026-11-23T11:30:00Z"), Samples: []chargepoint.Sample{}},
		},
		{
			name: "firmware status", action: "FirmwareStatusNotification", payload: `{"status":"Installed"}`, answer: `{}`,
			told: chargepoint.Progress{Kind: chargepoint.UpdateFirmware, Status: "Installed"},
		},
		{
			name: "diagnostics status", action: "DiagnosticsStatusNotification", payload: `{"status":"Uploaded"}`, answer: `{}`,
			told: chargepoint.Progress{Kind: chargepoint.GetDiagnostics, Status: "Uploaded"},
		},
		{
			name: "log status, of the security extension", action: "LogStatusNotification", payload: `{"status":"Uploading","requestId":7}`,
			answer: `{}`, told: chargepoint.Progress{Kind: chargepoint.GetDiagnostics, RequestID: 7, Status: "Uploading"},
		},
		{
			name: "security event", action: "SecurityEventNotification", payload: `{"type":"FirmwareUpdated","timestamp":"2026-11-23T11:30:00Z"}`,
			answer: `{}`, told: beat{w.ids["cp-1"]},
		},
	} {
		answer := p.ask("1", c.action, c.payload)
		var got, want any
		if err := errors.Join(json.Unmarshal([]byte(answer), &got), json.Unmarshal([]byte(c.answer), &want)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: answer (-want +got)\n%s", c.name, diff)
		}
		w.mu.Lock()
		told := w.told[len(w.told)-1]
		w.mu.Unlock()
		if diff := cmp.Diff(c.told, told, cmp.AllowUnexported(beat{}, asked{}, readings{})); diff != "" {
			t.Errorf("%s: the domain was told (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestWhatHasNoMeaningHereIsAnsweredAndReachesNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	if got := p.ask("1", "DataTransfer", `{"vendorId":"org.example","messageId":"m","data":"x"}`); got != `{"status":"UnknownVendorId"}` {
		t.Errorf("data transfer: %s", got)
	}
	if got := p.ask("2", "MeterValues", `{"connectorId":1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z",
		"sampledValue":[{"value":"1","measurand":"Vendor.Magic"}]}]}`); got != `{}` {
		t.Errorf("readings of no known kind: %s", got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) != 1 {
		t.Errorf("the domain was told %v", w.told)
	}
}

// Each broken frame, and the code of the CALLERROR, empty where the frame is ignored. The socket stays open through all of them.
var brokenFrames = []struct{ name, frame, code string }{
	{"no JSON", `hello`, ""},
	{"empty", ``, ""},
	{"cut short", `[2,"1","Heartbeat",{`, ""},
	{"an object", `{"2":"1"}`, ""},
	{"null", `null`, ""},
	{"an empty array", `[]`, ""},
	{"two elements", `[2,"1"]`, ""},
	{"no UTF-8", "[2,\"1\",\"\xff\",{}]", ""},
	{"a type that is a word", `["2","1","Heartbeat",{}]`, ""},
	{"a type that is no whole number", `[2.5,"1","Heartbeat",{}]`, ""},
	{"an unknown type", `[5,"1","Heartbeat",{}]`, ""},
	{"an id that is a number", `[2,1,"Heartbeat",{}]`, ""},
	{"an empty id", `[2,"","Heartbeat",{}]`, ""},
	{"an endless id", `[2,"` + strings.Repeat("1", 300) + `","Heartbeat",{}]`, ""},
	{"an id that is too long", `[2,"` + strings.Repeat("1", 37) + `","Heartbeat",{}]`, "FormationViolation"},
	{"three elements", `[2,"1","Heartbeat"]`, "FormationViolation"},
	{"five elements", `[2,"1","Heartbeat",{},{}]`, "FormationViolation"},
	{"an action that is a number", `[2,"1",7,{}]`, "FormationViolation"},
	{"an empty action", `[2,"1","",{}]`, "FormationViolation"},
	{"a payload that is null", `[2,"1","Heartbeat",null]`, "FormationViolation"},
	{"a payload that is a list", `[2,"1","Heartbeat",[]]`, "FormationViolation"},
	{"a NUL", `[2,"1","Authorize",{"idTag":"a\u0000b"}]`, "FormationViolation"},
	{"an unknown action", `[2,"1","MakeCoffee",{}]`, "NotImplemented"},
	{"an action in other letters", `[2,"1","heartbeat",{}]`, "NotImplemented"},
	{"a call that is ours to make", `[2,"1","Reset",{"type":"Hard"}]`, "NotImplemented"},
	{"a missing field", `[2,"1","BootNotification",{"chargePointVendor":"V"}]`, "OccurenceConstraintViolation"},
	{"no fields", `[2,"1","StartTransaction",{}]`, "PropertyConstraintViolation"},
	{"no timestamp", `[2,"1","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":0}]`, "OccurenceConstraintViolation"},
	{"no readings", `[2,"1","MeterValues",{"connectorId":1,"meterValue":[]}]`, "PropertyConstraintViolation"},
	{"a wrong type", `[2,"1","Authorize",{"idTag":12}]`, "TypeConstraintViolation"},
	{"a fraction for a whole number", `[2,"1","StopTransaction",{"meterStop":1.5,"transactionId":1,"timestamp":"2026-01-01T00:00:00Z"}]`, "TypeConstraintViolation"},
	{"a number beyond all", `[2,"1","StopTransaction",{"meterStop":1e30,"transactionId":1,"timestamp":"2026-01-01T00:00:00Z"}]`, "TypeConstraintViolation"},
	{"a time that is none", `[2,"1","StopTransaction",{"meterStop":1,"transactionId":1,"timestamp":"yesterday"}]`, "TypeConstraintViolation"},
	{"a time that is a number", `[2,"1","StopTransaction",{"meterStop":1,"transactionId":1,"timestamp":1790000000}]`, "TypeConstraintViolation"},
	{"a tag that is too long", `[2,"1","Authorize",{"idTag":"` + strings.Repeat("T", 21) + `"}]`, "PropertyConstraintViolation"},
	{"a status nobody knows", `[2,"1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Sleepy"}]`, "PropertyConstraintViolation"},
	{"a connector below zero", `[2,"1","StatusNotification",{"connectorId":-1,"errorCode":"NoError","status":"Available"}]`, "PropertyConstraintViolation"},
	{"an answer to nothing", `[3,"1",{}]`, ""},
	{"an error to nothing", `[4,"1","GenericError","",{}]`, ""},
	{"an error cut short", `[4,"1","GenericError"]`, ""},
}

func TestBrokenFramesAreAnsweredOrIgnoredAndKeepTheSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	for _, c := range brokenFrames {
		p.say(c.frame)
		if c.code == "" {
			continue
		}
		parts := p.hear()
		if len(parts) != 5 || string(parts[0]) != "4" || string(parts[2]) != `"`+c.code+`"` {
			t.Errorf("%s: answered with %s, want %s", c.name, parts, c.code)
		}
	}
	if err := p.WriteMessage(websocket.BinaryMessage, []byte(`[2,"1","Heartbeat",{}]`)); err != nil {
		t.Fatal(err)
	}
	p.ask("last", "Heartbeat", `{}`)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) != 2 {
		t.Errorf("the domain was told %v", w.told)
	}
}

func TestAMessageThatIsNotKeptIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	next[connected](t, w.central)
	for _, c := range []struct {
		err  error
		code string
	}{
		{errors.New("pq: password authentication failed for user postgres"), "InternalError"},
		{fault.Define(fault.Unavailable, "store_away", "The store is away").Because(errors.New("dsn")), "InternalError"},
		{context.DeadlineExceeded, "InternalError"},
		{fault.Define(fault.Unprocessable, "no_such_connector", "There is no such connector"), "PropertyConstraintViolation"},
		{fault.Define(fault.Forbidden, "not_yours", "This is not yours"), "SecurityError"},
	} {
		w.meddle(func(context.Context, any) error { return c.err })
		p.say(`[2,"1","Authorize",{"idTag":"TAG"}]`)
		parts := p.hear()
		if string(parts[0]) != "4" || string(parts[2]) != `"`+c.code+`"` {
			t.Errorf("%v: answered with %s", c.err, parts)
		}
		if strings.Contains(string(parts[3]), "postgres") || strings.Contains(string(parts[3]), "dsn") {
			t.Errorf("the answer tells what it should not: %s", parts[3])
		}
	}
	w.meddle(nil)
	p.ask("2", "Authorize", `{"idTag":"TAG"}`)
}

func TestCallsOfOneChargePointKeepTheirOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial(t, "cp-1")
	const calls = 500 // far more than may wait, all sent before any answer is read
	go func() {
		for i := range calls {
			if p.WriteMessage(websocket.TextMessage, []byte(`[2,"`+time.Duration(i).String()+`","Authorize",{"idTag":"`+time.Duration(i).String()+`"}]`)) != nil {
				return
			}
		}
	}()
	for i := range calls {
		if parts := p.hear(); string(parts[1]) != `"`+time.Duration(i).String()+`"` {
			t.Fatalf("answer %d is to %s", i, parts[1])
		}
		if got := next[asked](t, w.central).idTag; got != time.Duration(i).String() {
			t.Fatalf("call %d reached the domain as %s", i, got)
		}
	}
}

func TestASlowChargePointHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "slow", "quick")
	slow, quick := w.dial(t, "slow"), w.dial(t, "quick")
	leave := make(chan struct{})
	entered := make(chan struct{}, 1)
	w.meddle(func(_ context.Context, what any) error {
		if tag, ok := what.(asked); ok && tag.idTag == "slow" {
			entered <- struct{}{}
			<-leave
		}
		return nil
	})
	slow.say(`[2,"1","Authorize",{"idTag":"slow"}]`)
	<-entered
	for range 50 {
		quick.ask("1", "Heartbeat", `{}`)
	}
	close(leave)
	slow.hear()
}

// A switchboard is a listener that takes connections of the test's own making, too.
type switchboard struct {
	net.Listener
	conns chan net.Conn
}

func newSwitchboard(listener net.Listener) *switchboard {
	s := &switchboard{Listener: listener, conns: make(chan net.Conn)}
	go func() {
		defer close(s.conns)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.conns <- conn
		}
	}()
	return s
}

func (s *switchboard) Accept() (net.Conn, error) {
	if conn, open := <-s.conns; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

// A charge point that talks and never listens is left after the time it has to take a frame; others notice nothing. Its socket is a
// pipe without any buffer, which is what a full one is like.
func TestAChargePointThatDoesNotListenIsLeft(t *testing.T) {
	t.Parallel()
	var board *switchboard
	w := newWorld(t, func(c *Config) {
		c.WriteWait = 2 * time.Second
		board = newSwitchboard(c.Listener)
		c.Listener = board
	}, "deaf", "quick")
	w.forget()
	quick := w.dial(t, "quick")
	near, far := net.Pipe()
	defer near.Close()
	board.conns <- far
	deaf, err := handshake(near, "deaf")
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		for deaf.say(`[2,"1","Heartbeat",{}]`) == nil {
			continue
		}
	}()
	for answered := 0; ; answered++ {
		quick.ask("1", "Heartbeat", `{}`)
		select {
		case <-left:
			if c := w.edge.conn(w.ids["deaf"]); c != nil && c.why() == "" {
				t.Error("the deaf charge point is still there")
			}
			if answered == 0 {
				t.Error("the other one had to wait for the deaf one")
			}
			return
		default:
		}
	}
}

// FuzzFrame looks for a frame that makes the edge panic, or that it answers with a frame which is not OCPP-J, in either version.
func FuzzFrame(f *testing.F) {
	for _, c := range brokenFrames {
		f.Add([]byte(c.frame))
	}
	f.Add([]byte(`[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":"1"}]}]}]`))
	f.Add([]byte(`[2,"1","TransactionEvent",{"eventType":"Started","timestamp":"2026-11-23T11:00:00Z","triggerReason":"Authorized","seqNo":0,` +
		`"transactionInfo":{"transactionId":"t"},"evse":{"id":1},"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":1,` +
		`"unitOfMeasure":{"unit":"kWh","multiplier":-300}}]}]}]`))
	edge := &Server{central: newCentral(), log: slog.New(slog.DiscardHandler)}
	edge.central.(*central).forget()
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, broken := parseFrame(data)
		for _, speaks := range dialects {
			refused := broken
			if refused == nil && parsed.kind == typeCall {
				var request ocpp.Request
				if request, refused = speaks.decode(parsed.action, parsed.payload); refused != nil {
					refused.id = parsed.id
				} else if _, err := speaks.dispatch(t.Context(), edge, &conn{log: edge.log}, request); err != nil {
					t.Fatalf("%s: %v", parsed.action, err)
				}
			}
			if refused == nil || refused.id == "" {
				continue
			}
			answer, err := encodeError(refused, speaks.spelling(refused.code))
			if err != nil {
				t.Fatal(err)
			}
			back, e := parseFrame(answer)
			if e != nil || back.kind != typeCallError || back.id != refused.id {
				t.Fatalf("the answer %s reads as %+v, %v", answer, back, e)
			}
		}
	})
}

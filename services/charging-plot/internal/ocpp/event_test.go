package ocpp

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// A teller is a station of OCPP 2.0.1 in the middle of a transaction.
type teller struct {
	*plug
	f           *field
	transaction string
}

func (f *field) dial201(t *testing.T) *teller {
	t.Helper()
	p := f.connectBy(t, f.ChargePoint.Identity, "correct horse battery", SubprotocolV201)
	p.ask("beat", "Heartbeat", `{}`)
	return &teller{p, f, uuid.NewString()}
}

// order201 has a driver order a session and the station accept it.
func (s *teller) order(t *testing.T) session.Session {
	t.Helper()
	ordered, err := s.f.desk.Order(t.Context(), session.Order{PlotID: s.f.PlotIDs[0], DriverID: uuid.New()})
	s.f.Must(err)
	parts := s.hear()
	var start struct {
		EvseID        int
		RemoteStartID int
		IDToken       struct{ IDToken, Type string }
	}
	s.f.Must(json.Unmarshal(parts[3], &start))
	if string(parts[2]) != `"RequestStartTransaction"` || start.EvseID != 1 || start.IDToken.IDToken != ordered.IDTag ||
		start.IDToken.Type != "Central" || start.RemoteStartID != chargepoint.RemoteStartID(ordered.IDTag) {
		t.Fatalf("the station heard %s; the tag is %s", parts, ordered.IDTag)
	}
	s.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
	return ordered
}

// An event is what the tests vary of a TransactionEvent.
type event struct {
	kind     string
	seq      int
	at       time.Time
	register float64 // below 0: not read
	tag      string
	state    string
	more     string // further members of transactionInfo
}

func (s *teller) tell(e event) string {
	s.t.Helper()
	frame := fmt.Sprintf(`{"eventType":%q,"timestamp":%q,"triggerReason":"Trigger","seqNo":%d,"transactionInfo":{"transactionId":%q%s`,
		e.kind, e.at.Format(time.RFC3339Nano), e.seq, s.transaction, e.more)
	if e.state != "" {
		frame += fmt.Sprintf(`,"chargingState":%q`, e.state)
	}
	frame += "}"
	if e.kind == "Started" {
		frame += `,"evse":{"id":1,"connectorId":1}`
	}
	if e.tag != "" {
		frame += fmt.Sprintf(`,"idToken":{"idToken":%q,"type":"Central"}`, e.tag)
	}
	if e.register >= 0 {
		frame += fmt.Sprintf(`,"meterValue":[{"timestamp":%q,"sampledValue":[{"value":%g},{"value":50,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"kW"}}]}]`,
			e.at.Format(time.RFC3339Nano), e.register)
	}
	return s.ask("event", "TransactionEvent", frame+"}")
}

const welcome = `{"idTokenInfo":{"status":"Accepted"}}`

// states checks how the one session of the plot ended.
func (f *field) ended(t *testing.T, want session.State, energyWh float64, sessions int) session.Session {
	t.Helper()
	var ids []uuid.UUID
	f.Must(f.DB.SelectContext(t.Context(), &ids, `SELECT id FROM sessions WHERE plot_id = $1 ORDER BY id`, f.PlotIDs[0]))
	if len(ids) != sessions {
		t.Fatalf("%d sessions, want %d", len(ids), sessions)
	}
	got := f.session(t, ids[len(ids)-1])
	if got.State != want || got.EnergyWh == nil || *got.EnergyWh != energyWh {
		t.Errorf("the session is %s with %v Wh, want %s with %v", got.State, got.EnergyWh, want, energyWh)
	}
	bills := 0
	if want == session.Completed {
		bills = 1
	}
	if n := f.count(t, countBills, got.ID); n != bills {
		t.Errorf("%d bills, want %d", n, bills)
	}
	if n := f.count(t, `SELECT count(*) FROM transaction_events WHERE charge_point_id = $1`, f.ChargePoint.ID); n != 0 {
		t.Errorf("%d events are kept still", n)
	}
	return got
}

func TestAnOrderBecomesAChargeOver201(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	s.ask("boot", "BootNotification", `{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}`)
	ordered := s.order(t)
	begin := f.Clock.Now()
	if got := s.tell(event{"Started", 0, begin, 1000, ordered.IDTag, "EVConnected", ""}); got != welcome {
		t.Errorf("the start was answered %s", got)
	}
	for i := 1; i <= 6; i++ {
		s.tell(event{"Updated", i, f.Clock.Move(time.Minute), float64(1000 + i*833), "", "Charging", ""})
	}
	if got := f.session(t, ordered.ID); *got.EnergyWh != 6*833 || *got.PowerW != 50_000 || !got.StartedAt.Equal(begin) {
		t.Errorf("while it charges: %v Wh, %v W, since %v", *got.EnergyWh, *got.PowerW, got.StartedAt)
	}
	if cp, err := f.Store.GetChargePoint(t.Context(), f.ChargePoint.ID); err != nil || cp.Protocol != SubprotocolV201 ||
		cp.Connectors[0].Status != chargepoint.Charging {
		t.Errorf("the charge point is %+v, %v", cp, err)
	}
	stopped := make(chan error, 1)
	go func() {
		_, err := f.desk.Stop(t.Context(), ordered.ID)
		stopped <- err
	}()
	parts := s.hear()
	if want := fmt.Sprintf(`{"transactionId":%q}`, s.transaction); string(parts[2]) != `"RequestStopTransaction"` || string(parts[3]) != want {
		t.Errorf("the stop told the station %s", parts)
	}
	s.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
	f.Must(<-stopped)
	s.tell(event{"Ended", 7, f.Clock.Now(), 6100, "", "", `,"stoppedReason":"Remote"`})
	if got := f.ended(t, session.Completed, 5100, 1); got.Reason != "Remote" {
		t.Errorf("it ended for %q", got.Reason)
	}
	s.ask("status", "StatusNotification", fmt.Sprintf(`{"timestamp":%q,"connectorStatus":"Available","evseId":1,"connectorId":1}`,
		f.Clock.Move(time.Second).Format(time.RFC3339)))
	if got := f.Plot(f.PlotIDs[0]); got.Status != "AVAILABLE" {
		t.Errorf("the plot is %s", got.Status)
	}
}

// Every order in which four events can come, each of them twice: one session with the right energy and one bill.
func TestEventsMayComeInAnyOrderAndTwice(t *testing.T) {
	t.Parallel()
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {0, 3, 1, 2}, {1, 3, 2, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			f := newField(t)
			s := f.dial201(t)
			ordered := s.order(t)
			begin := f.Clock.Now()
			f.Clock.Move(time.Hour)
			events := []event{
				{"Started", 0, begin, 1000, ordered.IDTag, "Charging", ""},
				{"Updated", 1, begin.Add(10 * time.Minute), 5000, "", "Charging", ""},
				{"Updated", 2, begin.Add(20 * time.Minute), 9000, "", "SuspendedEV", ""},
				{"Ended", 3, begin.Add(30 * time.Minute), 9500, "", "", `,"stoppedReason":"EVDisconnected"`},
			}
			for _, i := range order {
				s.tell(events[i])
				s.tell(events[i])
			}
			got := f.ended(t, session.Completed, 8500, 1)
			if got.ID != ordered.ID || !got.StartedAt.Equal(begin) || !got.EndedAt.Equal(begin.Add(30*time.Minute)) || got.Reason != "EVDisconnected" {
				t.Errorf("%+v", got)
			}
			if n := f.count(t, countReadings, got.ID); n != 4 {
				t.Errorf("%d readings are kept, want 4", n)
			}
		})
	}
}

// A cable that is plugged in begins a transaction before anybody has shown a tag.
func TestATransactionBelongsToWhoShowsATagLater(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	begin := f.Clock.Now()
	s.tell(event{"Started", 0, begin, 1000, "", "EVConnected", ""})
	ordered := s.order(t)
	if got := s.tell(event{"Updated", 1, f.Clock.Move(time.Minute), 1000, ordered.IDTag, "Charging", ""}); got != welcome {
		t.Errorf("the tag was answered %s", got)
	}
	if got := f.session(t, ordered.ID); got.State != session.Active {
		t.Errorf("the order is %s", got.State)
	}
	s.tell(event{"Ended", 2, f.Clock.Move(time.Minute), 1800, ordered.IDTag, "", ""})
	f.ended(t, session.Completed, 800, 1)
}

func TestAStartIsKnownByTheNumberOfItsOrder(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	ordered := s.order(t)
	s.tell(event{"Started", 0, f.Clock.Now(), 1000, "", "Charging", fmt.Sprintf(`,"remoteStartId":%d`, chargepoint.RemoteStartID(ordered.IDTag))})
	if got := f.session(t, ordered.ID); got.State != session.Active {
		t.Errorf("the order is %s", got.State)
	}
}

func TestARegisterThatNobodyReadAtTheBeginningIsTheFirstThatIsRead(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	ordered := s.order(t)
	s.tell(event{"Started", 0, f.Clock.Now(), -1, ordered.IDTag, "", ""})
	s.tell(event{"Updated", 1, f.Clock.Move(time.Minute), 7000, "", "Charging", ""})
	s.tell(event{"Updated", 2, f.Clock.Move(time.Minute), 7600, "", "Charging", ""})
	s.tell(event{"Ended", 3, f.Clock.Move(time.Minute), -1, "", "", ""})
	f.ended(t, session.Completed, 600, 1)
}

func TestEnergyThatNobodyOrderedIsKeptAndNotBilled(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	if got := s.tell(event{"Started", 0, f.Clock.Now(), 100, "STRANGER", "Charging", ""}); got != `{"idTokenInfo":{"status":"Invalid"}}` {
		t.Errorf("a stranger was answered %s", got)
	}
	s.tell(event{"Ended", 1, f.Clock.Move(time.Minute), 160, "", "", `,"stoppedReason":"DeAuthorized"`})
	f.ended(t, session.Invalid, 60, 1)
	// Without any tag, a session is made of what flowed, and none of a cable that was plugged in and pulled out again.
	s.transaction = uuid.NewString()
	s.tell(event{"Started", 0, f.Clock.Move(time.Minute), 160, "", "Charging", ""})
	s.tell(event{"Ended", 1, f.Clock.Move(time.Minute), 200, "", "", ""})
	f.ended(t, session.Invalid, 40, 2)
	s.transaction = uuid.NewString()
	s.tell(event{"Started", 0, f.Clock.Move(time.Minute), 200, "", "EVConnected", ""})
	s.tell(event{"Ended", 1, f.Clock.Move(time.Minute), 200, "", "", ""})
	f.ended(t, session.Invalid, 40, 2)
}

func TestAnEndWithoutABeginningWaitsAndIsSettled(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	ordered := s.order(t)
	s.tell(event{"Updated", 1, f.Clock.Move(time.Minute), 500, ordered.IDTag, "Charging", ""})
	s.tell(event{"Ended", 2, f.Clock.Move(time.Minute), 900, "", "", ""})
	if got := f.session(t, ordered.ID); got.State != session.Pending {
		t.Errorf("before its first event the order is %s", got.State)
	}
	settle := func(want int) {
		t.Helper()
		if n, err := f.Store.SettleStrayed(t.Context(), f.Clock.Now().Add(-10*time.Minute), 10); err != nil || n != want {
			t.Errorf("settled %d, %v, want %d", n, err, want)
		}
	}
	settle(0) // it may still come
	f.Clock.Move(11 * time.Minute)
	settle(1)
	settle(0)
	if got := f.ended(t, session.Completed, 400, 1); got.ID != ordered.ID {
		t.Errorf("another session: %+v", got)
	}
}

// A station that counts its transactions from 1 after every reset.
func TestANameThatIsUsedAgainIsAnotherTransaction(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	s.transaction = "1"
	for i := range 2 {
		ordered := s.order(t)
		s.tell(event{"Started", 0, f.Clock.Move(time.Minute), 1000, ordered.IDTag, "Charging", ""})
		s.tell(event{"Ended", 1, f.Clock.Move(time.Minute), float64(1100 + 100*i), "", "", ""})
		f.ended(t, session.Completed, float64(100+100*i), i+1)
		s.ask("status", "StatusNotification", fmt.Sprintf(`{"timestamp":%q,"connectorStatus":"Available","evseId":1,"connectorId":1}`,
			f.Clock.Move(time.Second).Format(time.RFC3339)))
	}
}

func TestAClockIn1970AndARegisterThatRunsBackwardsOver201(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	ordered := s.order(t)
	begin, epoch := f.Clock.Now(), time.Unix(60, 0).UTC()
	s.tell(event{"Started", 0, epoch, 5000, ordered.IDTag, "Charging", ""})
	f.Clock.Move(10 * time.Minute)
	s.tell(event{"Updated", 1, epoch.Add(10 * time.Minute), 400, "", "Charging", ""})
	f.Clock.Move(10 * time.Minute)
	s.tell(event{"Ended", 2, epoch.Add(20 * time.Minute), 300, "", "", ""})
	got := f.session(t, ordered.ID)
	if got.State != session.Completed || *got.EnergyWh < 0 || !got.StartedAt.Equal(begin) || !got.EndedAt.Equal(begin.Add(20*time.Minute)) {
		t.Errorf("%+v, %v Wh", got, *got.EnergyWh)
	}
}

func TestAnEVSEIsWhatItsPlugsComeTo(t *testing.T) {
	t.Parallel()
	f := newField(t)
	s := f.dial201(t)
	for _, c := range []struct {
		plug int
		word string
		want status.Status
	}{
		{1, "Available", "AVAILABLE"},
		{2, "Faulted", "AVAILABLE"}, // the other plug is sound
		{2, "Available", "AVAILABLE"},
		{1, "Occupied", "BLOCKED"},
		{2, "Unavailable", "BLOCKED"}, // since the other is occupied
		{2, "Available", "BLOCKED"},
		{1, "Reserved", "RESERVED"},
		{1, "Faulted", "AVAILABLE"},
		{2, "Faulted", "OUTOFORDER"},
	} {
		s.ask("1", "StatusNotification", fmt.Sprintf(`{"timestamp":%q,"connectorStatus":%q,"evseId":1,"connectorId":%d}`,
			f.Clock.Move(time.Second).Format(time.RFC3339), c.word, c.plug))
		if got := f.Plot(f.PlotIDs[0]).Status; got != c.want {
			t.Errorf("plug %d %s makes the plot %s, want %s", c.plug, c.word, got, c.want)
		}
	}
	// What is older than what is known changes nothing.
	s.ask("1", "StatusNotification", fmt.Sprintf(`{"timestamp":%q,"connectorStatus":"Available","evseId":1,"connectorId":1}`,
		f.Clock.Now().Add(-time.Minute).Format(time.RFC3339)))
	if got := f.Plot(f.PlotIDs[0]).Status; got != "OUTOFORDER" {
		t.Errorf("an old report makes the plot %s", got)
	}
}

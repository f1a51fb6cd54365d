package ocpp

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	office "github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// A field is an edge before the real domain and a real database, with one charge point of one plug.
type field struct {
	*postgrestest.World
	*running
	postgrestest.Site
	desk   *session.Desk
	office *office.Central
}

func newField(t *testing.T) *field {
	t.Helper()
	return newFieldWith(t, nil)
}

func newFieldWith(t *testing.T, change func(*Config)) *field {
	t.Helper()
	w := postgrestest.New(t)
	log := slog.New(slog.DiscardHandler)
	domain := office.New(office.Config{Replica: postgrestest.Replica, HeartbeatInterval: 5 * time.Minute, SeenEvery: time.Hour},
		w.Store, w.Store, w.Store, w.Clock.Now, log)
	f := &field{World: w, Site: w.Site(1), running: run(t, change, domain), office: domain}
	f.desk = session.NewDesk(w.Store, f.edge, patience, log)
	t.Cleanup(f.desk.Wait)
	return f
}

func (f *field) dial(t *testing.T) *plug {
	t.Helper()
	return f.connect(t, f.ChargePoint.Identity, "correct horse battery")
}

// order has a driver order a session and the charge point accept it, and returns the session and its tag.
func (f *field) order(t *testing.T, p *plug) session.Session {
	t.Helper()
	// The socket is open before the edge has noted that it is; a call that is answered comes after that.
	p.ask("beat", "Heartbeat", `{}`)
	s, err := f.desk.Order(t.Context(), session.Order{PlotID: f.PlotIDs[0], DriverID: uuid.New()})
	f.Must(err)
	parts := p.hear()
	var start struct {
		ConnectorID int    `json:"connectorId"`
		IDTag       string `json:"idTag"`
	}
	f.Must(json.Unmarshal(parts[3], &start))
	if string(parts[2]) != `"RemoteStartTransaction"` || start.ConnectorID != 1 || start.IDTag != s.IDTag {
		t.Fatalf("the charge point heard %s; the tag is %s", parts, s.IDTag)
	}
	p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
	return s
}

// start says that the transaction of a tag began at a register of 1000 Wh, and returns its number.
func (p *plug) start(idTag string, at time.Time) int {
	p.t.Helper()
	answer := p.ask("start", "StartTransaction", fmt.Sprintf(`{"connectorId":1,"idTag":%q,"meterStart":1000,"timestamp":%q}`,
		idTag, at.Format(time.RFC3339)))
	var started struct {
		TransactionID int `json:"transactionId"`
		IDTagInfo     struct{ Status string }
	}
	if err := json.Unmarshal([]byte(answer), &started); err != nil || started.IDTagInfo.Status != "Accepted" {
		p.t.Fatalf("the start was answered with %s", answer)
	}
	return started.TransactionID
}

func (p *plug) read(transaction int, at time.Time, register int) {
	p.t.Helper()
	p.ask("read", "MeterValues", fmt.Sprintf(`{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":%q,"sampledValue":[
		{"value":"%d"},{"value":"50","measurand":"Power.Active.Import","unit":"kW"},{"value":"41","measurand":"SoC","unit":"Percent"}]}]}`,
		transaction, at.Format(time.RFC3339), register))
}

func (p *plug) stop(transaction int, at time.Time, register int) {
	p.t.Helper()
	p.ask("stop", "StopTransaction", fmt.Sprintf(`{"transactionId":%d,"meterStop":%d,"timestamp":%q,"reason":"Remote"}`,
		transaction, register, at.Format(time.RFC3339)))
}

func (f *field) session(t *testing.T, id uuid.UUID) session.Session {
	t.Helper()
	s, err := f.Store.GetSession(t.Context(), id)
	f.Must(err)
	return s
}

func (f *field) count(t *testing.T, query string, id uuid.UUID) (n int) {
	t.Helper()
	f.Must(f.DB.GetContext(t.Context(), &n, query, id))
	return n
}

const (
	countReadings = `SELECT count(*) FROM meter_values WHERE session_id = $1`
	countBills    = `SELECT count(*) FROM cdrs WHERE session_id = $1`
)

// What a meter says that has lost its mind ends no charge, keeps none from ending, and is billed to nobody.
func TestARegisterGoneMadHarmsNobody(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	p.ask("boot", "BootNotification", `{"chargePointVendor":"V","chargePointModel":"M"}`)
	s := f.order(t, p)
	transaction := p.start(s.IDTag, f.Clock.Now())
	p.read(transaction, f.Clock.Move(time.Minute), 2000)
	p.ask("mad", "MeterValues", fmt.Sprintf(`{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":%q,"sampledValue":[{"value":"1e305"}]}]}`,
		transaction, f.Clock.Move(time.Minute).Format(time.RFC3339)))
	p.read(transaction, f.Clock.Move(time.Minute), 8_000_000_000)
	if got := f.session(t, s.ID); *got.EnergyWh != 1000 {
		t.Errorf("the session has taken %g Wh", *got.EnergyWh)
	}
	p.read(transaction, f.Clock.Move(time.Minute), 3000)
	if answer := p.ask("stop", "StopTransaction", fmt.Sprintf(`{"transactionId":%d,"meterStop":9000000000,"timestamp":%q}`,
		transaction, f.Clock.Move(time.Minute).Format(time.RFC3339))); answer != `{}` {
		t.Fatalf("the stop was answered %s", answer)
	}
	got := f.session(t, s.ID)
	cdr, err := f.Store.GetCDR(t.Context(), s.ID)
	if f.Must(err); got.State != session.Completed || *got.EnergyWh != 2000 || cdr.EnergyKWh != "2" || cdr.RegisterFault == "" {
		t.Errorf("the session is %s with %g Wh, its bill of %s kWh (%s)", got.State, *got.EnergyWh, cdr.EnergyKWh, cdr.RegisterFault)
	}
	if _, _, err := f.Store.CurveReadings(t.Context(), got, 100); err != nil {
		t.Errorf("its curve: %v", err)
	}
}

func TestAnOrderBecomesAChargeAndABill(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	p.ask("boot", "BootNotification", `{"chargePointVendor":"V","chargePointModel":"M"}`)
	s := f.order(t, p)
	begin := f.Clock.Now()
	transaction := p.start(s.IDTag, begin)
	if got := f.session(t, s.ID); got.State != session.Active || !got.StartedAt.Equal(begin) {
		t.Errorf("after the start: %+v", got)
	}
	for i := 1; i <= 6; i++ {
		p.read(transaction, f.Clock.Move(time.Minute), 1000+i*833)
	}
	if got := f.session(t, s.ID); *got.EnergyWh != 6*833 || *got.PowerW != 50_000 || *got.SoCPercent != 41 {
		t.Errorf("while it charges: %v Wh, %v W, %v %%", *got.EnergyWh, *got.PowerW, *got.SoCPercent)
	}

	stopped := make(chan error, 1)
	go func() {
		_, err := f.desk.Stop(t.Context(), s.ID)
		stopped <- err
	}()
	parts := p.hear()
	if want := fmt.Sprintf(`{"transactionId":%d}`, transaction); string(parts[3]) != want {
		t.Errorf("the stop told the charge point %s, want %s", parts[3], want)
	}
	p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
	f.Must(<-stopped)
	p.stop(transaction, f.Clock.Now(), 6100)
	if got := f.session(t, s.ID); got.State != session.Completed || *got.EnergyWh != 5100 || got.Reason != "Remote" {
		t.Errorf("after the stop: %+v", got)
	}
	p.ask("status", "StatusNotification", `{"connectorId":1,"errorCode":"NoError","status":"Available"}`)
	if got := f.Plot(f.PlotIDs[0]); got.Status != "AVAILABLE" {
		t.Errorf("the plot is %s", got.Status)
	}
	bill, err := f.Store.GetCDR(t.Context(), s.ID)
	if f.Must(err); bill.MeterStopWh-bill.MeterStartWh != 5100 {
		t.Errorf("billed: %+v", bill)
	}
}

// The answers are lost, the charge point comes back and says everything again, word for word.
func TestWhatIsSaidTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	s := f.order(t, p)
	begin := f.Clock.Now()
	transaction := p.start(s.IDTag, begin)
	again := func() {
		p.Close()
		p = f.dial(t)
	}
	again()
	if got := p.start(s.IDTag, begin); got != transaction {
		t.Errorf("the second start got the number %d, the first %d", got, transaction)
	}
	read := f.Clock.Move(time.Minute)
	p.read(transaction, read, 1800)
	again()
	p.read(transaction, read, 1800)
	if n := f.count(t, countReadings, s.ID); n != 2 { // the start's and this one
		t.Errorf("%d readings are kept", n)
	}
	end := f.Clock.Move(time.Minute)
	p.stop(transaction, end, 2600)
	again()
	p.stop(transaction, end, 2600)
	p.start(s.IDTag, begin) // a straggler from before
	got := f.session(t, s.ID)
	if got.State != session.Completed || *got.EnergyWh != 1600 || !got.EndedAt.Equal(end) {
		t.Errorf("%+v", got)
	}
	if n := f.count(t, countBills, s.ID); n != 1 {
		t.Errorf("%d bills", n)
	}
	if n := f.count(t, `SELECT count(*) FROM sessions WHERE plot_id = $1`, f.PlotIDs[0]); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestWhatHappenedOfflineIsDatedWhenItHappened(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	s := f.order(t, p)
	begin := f.Clock.Now()
	p.Close()
	f.Clock.Move(40 * time.Minute)
	p = f.dial(t)
	transaction := p.start(s.IDTag, begin.Add(5*time.Second))
	for i := 1; i <= 30; i++ {
		p.read(transaction, begin.Add(time.Duration(i)*time.Minute), 1000+i*800)
	}
	p.stop(transaction, begin.Add(31*time.Minute), 25_000)
	got := f.session(t, s.ID)
	if got.State != session.Completed || *got.EnergyWh != 24_000 || !got.StartedAt.Equal(begin.Add(5*time.Second)) ||
		!got.EndedAt.Equal(begin.Add(31*time.Minute)) {
		t.Errorf("%+v", got)
	}
	if n := f.count(t, countReadings, s.ID); n != 32 {
		t.Errorf("%d readings are kept", n)
	}
}

func TestAClockInNineteenSeventyDoesNotSpoilTheStory(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	s := f.order(t, p)
	begin := f.Clock.Now()
	epoch := time.Unix(60, 0).UTC()
	transaction := p.start(s.IDTag, epoch)
	if again := p.start(s.IDTag, epoch); again != transaction {
		t.Errorf("the second start got the number %d, the first %d", again, transaction)
	}
	f.Clock.Move(10 * time.Minute)
	p.read(transaction, epoch.Add(10*time.Minute), 3000)
	f.Clock.Move(10 * time.Minute)
	p.stop(transaction, epoch.Add(20*time.Minute), 5000)
	got := f.session(t, s.ID)
	if got.State != session.Completed || *got.EnergyWh != 4000 || !got.StartedAt.Equal(begin) || !got.EndedAt.Equal(begin.Add(20*time.Minute)) {
		t.Errorf("%+v", got)
	}
}

func TestARegisterThatRunsBackwardsTakesNothingBack(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	s := f.order(t, p)
	transaction := p.start(s.IDTag, f.Clock.Now())
	p.read(transaction, f.Clock.Move(time.Minute), 2000)
	p.read(transaction, f.Clock.Move(time.Minute), 400)
	if got := f.session(t, s.ID); *got.EnergyWh < 0 {
		t.Errorf("%v Wh after the register went back", *got.EnergyWh)
	}
	p.stop(transaction, f.Clock.Move(time.Minute), 300)
	if got := f.session(t, s.ID); got.State != session.Completed || *got.EnergyWh < 0 {
		t.Errorf("%+v, %v Wh", got.State, *got.EnergyWh)
	}
	// A stop of something that never began is acknowledged too: the charge point would repeat it for ever.
	p.stop(987654, f.Clock.Now(), 300)
}

func TestATagOfNobodyIsNotAccepted(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	if got := p.ask("1", "Authorize", `{"idTag":"STRANGER"}`); got != `{"idTagInfo":{"status":"Invalid"}}` {
		t.Errorf("authorize: %s", got)
	}
	answer := p.ask("2", "StartTransaction", fmt.Sprintf(`{"connectorId":1,"idTag":"STRANGER","meterStart":0,"timestamp":%q}`,
		f.Clock.Now().Format(time.RFC3339)))
	var started struct {
		TransactionID int `json:"transactionId"`
		IDTagInfo     struct{ Status string }
	}
	f.Must(json.Unmarshal([]byte(answer), &started))
	if started.TransactionID <= 0 || started.IDTagInfo.Status != "Invalid" {
		t.Errorf("start: %s", answer)
	}
}

func TestTheDatabaseKnowsWhoIsConnected(t *testing.T) {
	t.Parallel()
	f := newField(t)
	_, response, err := f.open(f.ChargePoint.Identity, f.ChargePoint.Identity, "a wrong one", SubprotocolV16)
	if err == nil || response.StatusCode != 401 {
		t.Fatalf("a wrong password: %v, %v", response, err)
	}
	first := f.dial(t)
	first.ask("1", "Heartbeat", `{}`)
	second := f.dial(t)
	second.ask("1", "Heartbeat", `{}`)
	first.closed()
	connected := func() bool {
		cp, err := f.Store.GetChargePoint(t.Context(), f.ChargePoint.ID)
		f.Must(err)
		return cp.Connected()
	}
	if !connected() {
		t.Error("the end of the replaced socket was taken for the end of the charge point")
	}
	f.Must(f.stop())
	if connected() {
		t.Error("the charge point counts as connected after the edge has drained")
	}
}

// What a charge point says of its plug is what the plot's status becomes.
func TestStatusesReachThePlot(t *testing.T) {
	t.Parallel()
	f := newField(t)
	p := f.dial(t)
	for _, c := range []struct {
		said chargepoint.ConnectorStatus
		want status.Status
	}{
		{chargepoint.Preparing, "BLOCKED"},
		{chargepoint.Faulted, "OUTOFORDER"},
		{chargepoint.Unavailable, "INOPERATIVE"},
		{chargepoint.Available, "AVAILABLE"},
	} {
		p.ask("1", "StatusNotification", fmt.Sprintf(`{"connectorId":1,"errorCode":"NoError","status":%q,"timestamp":%q}`,
			c.said, f.Clock.Move(time.Second).Format(time.RFC3339)))
		if got := f.Plot(f.PlotIDs[0]).Status; got != c.want {
			t.Errorf("%s makes the plot %s, want %s", c.said, got, c.want)
		}
	}
}

package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// patience is how long a test waits for what must happen before it gives up.
const patience = 10 * time.Second

// A central is the domain as the edge sees it: it writes down what it is told and answers what the test wants.
type central struct {
	mu        sync.Mutex
	passwords map[string]string
	ids       map[string]uuid.UUID
	told      []any // what was reported, in order
	news      chan any
	before    func(ctx context.Context, what any) error
	forgetful bool // it writes nothing down
}

// What the central is told, where chargepoint has no type for it.
type (
	connected    struct{ chargepoint.Connection }
	disconnected struct{ chargepoint.Connection }
	beat         struct{ id uuid.UUID }
	asked        struct{ idTag string }
	delivered    struct{}
	letGo        struct {
		number int
		why    string
	}
	readings struct {
		connector   int
		transaction chargepoint.TransactionID
		samples     []chargepoint.Sample
	}
)

func newCentral(identities ...string) *central {
	c := &central{passwords: map[string]string{}, ids: map[string]uuid.UUID{}, news: make(chan any, 10000)}
	for _, identity := range identities {
		c.passwords[identity], c.ids[identity] = "secret of "+identity, uuid.New()
	}
	return c
}

func (c *central) tell(ctx context.Context, what any) error {
	c.mu.Lock()
	before, forgetful := c.before, c.forgetful
	c.mu.Unlock()
	if forgetful {
		return nil
	}
	if before != nil {
		if err := before(ctx, what); err != nil {
			return err
		}
	}
	c.mu.Lock()
	c.told = append(c.told, what)
	c.mu.Unlock()
	c.news <- what
	return nil
}

// meddle makes f run ahead of every report, outside the lock: tests block in it or make it fail.
func (c *central) meddle(f func(ctx context.Context, what any) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// forget makes the central write nothing down from now on, where a test says more than there is room for.
func (c *central) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetful = true
}

func (c *central) Authenticate(_ context.Context, identity string, proof chargepoint.Proof) (chargepoint.ChargePoint, error) {
	if identity == "broken" {
		return chargepoint.ChargePoint{}, errors.New("no database")
	}
	if want, known := c.passwords[identity]; !known || want != proof.Password {
		return chargepoint.ChargePoint{}, chargepoint.ErrRefused
	}
	return chargepoint.ChargePoint{ID: c.ids[identity], Identity: identity}, nil
}

func (c *central) Connected(ctx context.Context, _ uuid.UUID, conn chargepoint.Connection) error {
	return c.tell(ctx, connected{conn})
}

func (c *central) Disconnected(ctx context.Context, _ uuid.UUID, conn chargepoint.Connection) error {
	return c.tell(ctx, disconnected{conn})
}

func (c *central) Booted(ctx context.Context, _ uuid.UUID, boot chargepoint.BootInfo) (chargepoint.Registration, error) {
	return chargepoint.Registration{Now: now, HeartbeatInterval: 5 * time.Minute}, c.tell(ctx, boot)
}

func (c *central) Heartbeat(ctx context.Context, id uuid.UUID) (time.Time, error) {
	return now, c.tell(ctx, beat{id})
}

func (c *central) StatusChanged(ctx context.Context, _ uuid.UUID, report chargepoint.StatusReport) error {
	return c.tell(ctx, report)
}

func (c *central) Authorize(ctx context.Context, _ uuid.UUID, idTag string) (chargepoint.Authorization, error) {
	if idTag == "stolen" {
		return chargepoint.Blocked, c.tell(ctx, asked{idTag})
	}
	return chargepoint.Accepted, c.tell(ctx, asked{idTag})
}

func (c *central) StartTransaction(ctx context.Context, _ uuid.UUID, start chargepoint.TransactionStart) (chargepoint.TransactionStarted, error) {
	return chargepoint.TransactionStarted{Transaction: "4711", Authorization: chargepoint.Accepted}, c.tell(ctx, start)
}

func (c *central) MeterValues(ctx context.Context, _ uuid.UUID, connector int, transaction chargepoint.TransactionID, samples []chargepoint.Sample) error {
	return c.tell(ctx, readings{connector, transaction, samples})
}

func (c *central) TransactionEvent(ctx context.Context, _ uuid.UUID, event chargepoint.TransactionEvent) (chargepoint.Authorization, error) {
	if !event.Shown {
		return "", c.tell(ctx, event)
	}
	return chargepoint.Accepted, c.tell(ctx, event)
}

func (c *central) ReservationEnded(ctx context.Context, _ uuid.UUID, number int, why string) error {
	return c.tell(ctx, letGo{number, why})
}

func (c *central) Configured(ctx context.Context, _ uuid.UUID, variables []chargepoint.Variable) error {
	return c.tell(ctx, variables)
}

func (c *central) ProfilesReported(ctx context.Context, _ uuid.UUID, profiles []chargepoint.ChargingProfile) error {
	return c.tell(ctx, profiles)
}

func (c *central) Progressed(ctx context.Context, _ uuid.UUID, progress chargepoint.Progress) error {
	return c.tell(ctx, progress)
}

func (c *central) StopTransaction(ctx context.Context, _ uuid.UUID, stop chargepoint.TransactionStop) error {
	return c.tell(ctx, stop)
}

func (c *central) AuthorizeContract(
	ctx context.Context, id uuid.UUID, contract chargepoint.Contract,
) (chargepoint.Authorization, chargepoint.CertificateWord, error) {
	if contract.Certificate == "" && contract.Hashes == nil {
		word, err := c.Authorize(ctx, id, contract.EMAID)
		return word, "", err
	}
	return chargepoint.Invalid, chargepoint.CertificateRevoked, c.tell(ctx, contract)
}

func (c *central) CertificateStatus(ctx context.Context, _ uuid.UUID, asked chargepoint.CertificateQuery) ([]byte, error) {
	if asked.ResponderURL == "" {
		return nil, chargepoint.ErrNoStatus
	}
	return []byte("an OCSP response"), c.tell(ctx, asked)
}

func (c *central) ContractCertificate(ctx context.Context, _ uuid.UUID, request chargepoint.ContractRequest) (chargepoint.ContractAnswer, error) {
	if request.Action == "Update" {
		return chargepoint.ContractAnswer{}, chargepoint.ErrNoProvider
	}
	return chargepoint.ContractAnswer{Accepted: true, EXI: "answer"}, c.tell(ctx, request)
}

func (c *central) SignCertificate(ctx context.Context, _ chargepoint.ChargePoint, request chargepoint.SigningRequest) (func(), error) {
	if request.CSR == "x" {
		return nil, chargepoint.ErrNotSigned.Detailf("The request is no PEM.")
	}
	return func() { _ = c.tell(ctx, delivered{}) }, c.tell(ctx, request)
}

// now is the time that the central believes it is.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// next waits for the next report of a type; others that come before it are passed over.
func next[T any](t *testing.T, c *central) T {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case what := <-c.news:
			if want, ok := what.(T); ok {
				return want
			}
		case <-timeout:
			t.Fatalf("no %T was reported", *new(T))
		}
	}
}

// A world is an edge on a loopback port before a central of the test's own.
type world struct {
	*central
	*running
}

// running is an edge that runs.
type running struct {
	edge *Server
	url  string // ws://…/ocpp/
	stop func() error
}

func newWorld(t *testing.T, change func(*Config), identities ...string) *world {
	t.Helper()
	c := newCentral(identities...)
	return &world{central: c, running: run(t, change, c)}
}

// run starts an edge, which ends with the test at the latest.
func run(t *testing.T, change func(*Config), domain chargepoint.Central) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Listener: listener, Limits: Limits{DrainSpread: 10 * time.Millisecond}}
	if change != nil {
		change(&cfg)
	}
	r := &running{url: "ws://" + listener.Addr().String() + "/ocpp/"}
	if r.edge, err = New(cfg, domain, telemetry.Discard()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.edge.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the edge ended with: %v", err)
		}
	})
	return r
}

// A plug is a bare socket of a charge point, which says exactly what the test makes it say.
type plug struct {
	*websocket.Conn
	t *testing.T
}

// dial opens a socket as identity with its right password.
func (w *world) dial(t *testing.T, identity string) *plug {
	t.Helper()
	return w.connect(t, identity, w.passwords[identity])
}

// dial201 is dial for a station of OCPP 2.0.1.
func (w *world) dial201(t *testing.T, identity string) *plug {
	t.Helper()
	return w.connectBy(t, identity, w.passwords[identity], SubprotocolV201)
}

func (r *running) connect(t *testing.T, identity, password string) *plug {
	t.Helper()
	return r.connectBy(t, identity, password, SubprotocolV16)
}

func (r *running) connectBy(t *testing.T, identity, password, protocol string) *plug {
	t.Helper()
	conn, response, err := r.open(identity, identity, password, protocol)
	if err != nil {
		t.Fatalf("dial %s: %v (%v)", identity, err, response)
	}
	t.Cleanup(func() { conn.Close() })
	return &plug{Conn: conn, t: t}
}

func (r *running) open(path, user, password string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	request := http.Request{Header: http.Header{}}
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	dialer := websocket.Dialer{Subprotocols: protocols, HandshakeTimeout: patience}
	conn, response, err := dialer.Dial(r.url+path, request.Header)
	return conn, response, err
}

func (p *plug) say(text string) {
	p.t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

// hear returns the next frame.
func (p *plug) hear() []json.RawMessage {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	_, data, err := p.ReadMessage()
	if err != nil {
		p.t.Fatalf("no frame: %v", err)
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		p.t.Fatalf("frame %s: %v", data, err)
	}
	return parts
}

// ask makes a call and returns the payload of its result.
func (p *plug) ask(id, action, payload string) string {
	p.t.Helper()
	p.say(fmt.Sprintf(`[2,%q,%q,%s]`, id, action, payload))
	parts := p.hear()
	if len(parts) != 3 || string(parts[0]) != "3" || string(parts[1]) != strconv.Quote(id) {
		p.t.Fatalf("%s was answered with %s", action, parts)
	}
	return string(parts[2])
}

// closed waits for the end of the socket and returns the close code.
func (p *plug) closed() int {
	p.t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(patience))
	for {
		_, _, err := p.ReadMessage()
		if e, ok := errors.AsType[*websocket.CloseError](err); ok {
			return e.Code
		}
		if err != nil {
			p.t.Fatalf("the socket ended without a close frame: %v", err)
		}
	}
}

// A scribe is a journal that can be read.
type scribe struct {
	mu    sync.Mutex
	notes []chargepoint.Message
}

func (s *scribe) Note(m chargepoint.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, m)
}

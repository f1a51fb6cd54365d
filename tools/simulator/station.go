package simulator

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// StationConfig is who a station is and what plugs it has; plug i is OCPP's connector i+1.
type StationConfig struct {
	Identity string `json:"identity"`
	Password string `json:"password"`
	// Protocol is OCPP16, the default, or OCPP201.
	Protocol        string `json:"protocol,omitempty"`
	Vendor          string `json:"vendor,omitempty"`
	Model           string `json:"model,omitempty"`
	SerialNumber    string `json:"serial_number,omitempty"`
	FirmwareVersion string `json:"firmware_version,omitempty"`
	Plugs           []Plug `json:"plugs"`
}

// Options is how stations behave. The zero value of a field is its default.
type Options struct {
	// URL of the OCPP endpoint without the identity, such as ws://127.0.0.1:5000/ocpp.
	URL string
	// Seed decides every choice; the identity makes each station's own.
	Seed uint64
	// Speed makes sessions shorter, see the package's comment; 1 by default.
	Speed float64
	// SampleInterval is the time between two meter values; 10 s by default.
	SampleInterval time.Duration
	// ReconnectMin and ReconnectMax bound the wait before another try to connect; 1 s and 30 s by default.
	ReconnectMin, ReconnectMax time.Duration
	// AnswerTimeout is how long an answer may take; 20 s by default.
	AnswerTimeout time.Duration
	// RetryInterval is the wait after a message of a transaction was refused with an internal error; 5 s by default.
	RetryInterval time.Duration
	// AutoPlug lets a vehicle come when somebody starts a charge from afar, and leave when it is over. Without it vehicles come and
	// leave by Plug and Unplug alone.
	AutoPlug bool
	// TroubleEvery is the mean time between two troubles of a station: a lost network, a lost supply, a broken connector. 0: never.
	TroubleEvery time.Duration
	Log          *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Speed = cmp.Or(o.Speed, 1)
	o.SampleInterval = cmp.Or(o.SampleInterval, 10*time.Second)
	o.ReconnectMin = cmp.Or(o.ReconnectMin, time.Second)
	o.ReconnectMax = max(o.ReconnectMin, cmp.Or(o.ReconnectMax, 30*time.Second))
	o.AnswerTimeout = cmp.Or(o.AnswerTimeout, 20*time.Second)
	o.RetryInterval = cmp.Or(o.RetryInterval, 5*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrEnded is returned by the methods of a station that does not run any more.
var ErrEnded = errors.New("simulator: the station has ended")

// ErrNoConnector is returned for a connector number that the station does not have.
var ErrNoConnector = errors.New("simulator: the station has no such connector")

// A Station is one simulated charge point. Run gives it life; the other methods may be called from anywhere while it runs and
// return when the station has heard of it.
//
// All its state belongs to the goroutine of Run. A second goroutine reads the socket while there is one.
type Station struct {
	cfg     StationConfig
	options Options
	log     *slog.Logger
	random  *rand.Rand
	stats   *Stats

	inbox chan func() (changed bool)
	ended chan struct{}

	watch   sync.Mutex
	changed chan struct{} // closed at the next event, if anybody waits

	agenda     agenda
	connectors []*connector
	powered    bool
	cut        bool // the network is lost
	attempts   int  // to connect, since the last success
	dialing    bool
	link       *link
	registered bool // the central system has accepted our boot since we are powered
	heartbeat  time.Duration
	beating    *task
	deadline   *task // of the call under way
	queue      []*message
	pending    *message
	pendingID  string
	sentAt     time.Time
	state      ocppj.ClientState
	endpoint   *ocppj.Endpoint
	tongue     *tongue      // nil where the station speaks as it thinks, in 1.6
	said       ocpp.Request // what is under way, as the station thinks it
	holdUntil  time.Time
	records    []*transaction
}

// NewStation makes a station. It says nothing before Run.
func NewStation(cfg StationConfig, options Options) *Station {
	return newStation(cfg, options.withDefaults(), &Stats{})
}

func newStation(cfg StationConfig, options Options, stats *Stats) *Station {
	cfg.Protocol = cmp.Or(cfg.Protocol, OCPP16)
	cfg.Vendor = cmp.Or(cfg.Vendor, "Simulated")
	cfg.Model = cmp.Or(cfg.Model, "Plug One")
	cfg.FirmwareVersion = cmp.Or(cfg.FirmwareVersion, "1.0.0")
	s := &Station{
		cfg: cfg, options: options, log: options.Log.With("charge_point", cfg.Identity), stats: stats,
		random: randomOf(options.Seed, cfg.Identity),
		inbox:  make(chan func() bool), ended: make(chan struct{}), powered: true, state: ocppj.NewClientState(),
		heartbeat: time.Minute,
	}
	s.endpoint = endpoint
	if cfg.Protocol == OCPP201 {
		s.endpoint, s.tongue = endpoint201, newTongue()
	}
	for i, plug := range cfg.Plugs {
		s.connectors = append(s.connectors, newConnector(s, i+1, plug))
	}
	return s
}

// randomOf returns the choices of somebody, which are the same whenever the seed is.
func randomOf(seed uint64, name string) *rand.Rand {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	return rand.New(rand.NewPCG(seed, hash.Sum64()))
}

// Identity returns the name under which it connects.
func (s *Station) Identity() string { return s.cfg.Identity }

// Run lives until ctx ends: connects, boots, reports, obeys, reconnects. It returns nil. What is in the queue then is lost, as with
// a station that is thrown away; Settle waits for it.
func (s *Station) Run(ctx context.Context) error {
	defer close(s.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.trouble()
	for {
		s.connect(ctx)
		s.pump()
		timer.Reset(s.agenda.next(time.Now()))
		select {
		case <-ctx.Done():
			if s.link != nil {
				s.link.close()
				s.stats.connected.Add(-1)
			}
			return nil
		case f := <-s.inbox:
			if !f() {
				continue // somebody only looked: nobody needs to be woken
			}
		case <-timer.C:
			s.agenda.run(time.Now())
		}
		s.notify()
	}
}

// notify wakes those who wait for something to change.
func (s *Station) notify() {
	s.watch.Lock()
	defer s.watch.Unlock()
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// do runs f in the station's goroutine and returns when it has run.
func (s *Station) do(f func()) error {
	return s.post(true, f)
}

// look is do for what changes nothing.
func (s *Station) look(f func()) error {
	return s.post(false, f)
}

func (s *Station) post(changes bool, f func()) error {
	ran := make(chan struct{})
	select {
	case s.inbox <- func() bool { defer close(ran); f(); return changes }:
		<-ran
		return nil
	case <-s.ended:
		return ErrEnded
	}
}

// on runs f for one connector.
func (s *Station) on(number int, f func(c *connector) error) error {
	var err error
	failed := s.do(func() {
		if number < 1 || number > len(s.connectors) {
			err = ErrNoConnector
			return
		}
		err = f(s.connectors[number-1])
	})
	return cmp.Or(failed, err)
}

// after runs f in the station's goroutine when the time has passed, divided by the speed for what people do.
func (s *Station) after(wait time.Duration, f func()) *task {
	return s.agenda.add(time.Now().Add(wait), f)
}

// between returns a random duration of what people do, at the station's speed.
func (s *Station) between(least, most time.Duration) time.Duration {
	return time.Duration((float64(least) + s.random.Float64()*float64(most-least)) / s.options.Speed)
}

// Plug lets a vehicle park and plug in. A charge that was ordered from afar begins.
func (s *Station) Plug(number int, vehicle Vehicle) error {
	return s.on(number, func(c *connector) error { return c.plugIn(vehicle) })
}

// Unplug takes the vehicle away, which ends its charge.
func (s *Station) Unplug(number int) error {
	return s.on(number, func(c *connector) error { c.unplug(); return nil })
}

// Swipe holds a tag before the reader: it begins a charge when a vehicle is plugged in and the central system accepts the tag, and
// ends the charge that the same tag began.
func (s *Station) Swipe(number int, idTag string) error {
	return s.on(number, func(c *connector) error { c.swipe(idTag); return nil })
}

// Break makes a connector report a fault; its charge ends. Repair ends the fault.
func (s *Station) Break(number int, code core.ChargePointErrorCode) error {
	return s.on(number, func(c *connector) error { c.breakDown(code); return nil })
}

// Repair ends the fault of a connector.
func (s *Station) Repair(number int) error {
	return s.on(number, func(c *connector) error { c.repair(); return nil })
}

// Cut takes the network away without a word to the other end. Charges go on; what there is to say is kept.
func (s *Station) Cut() error {
	return s.do(s.loseNetwork)
}

// Restore gives the network back.
func (s *Station) Restore() error {
	return s.do(s.regainNetwork)
}

// PowerOff takes the supply away: charges stop, the socket dies, memory of transactions survives.
func (s *Station) PowerOff() error {
	return s.do(s.losePower)
}

// PowerOn gives the supply back: the station boots and closes the charges that the loss ended.
func (s *Station) PowerOn() error {
	return s.do(s.regainPower)
}

// A Snapshot is what a station looks like at a moment.
type Snapshot struct {
	Connected  bool
	Registered bool
	// Queued is how many messages of transactions are not acknowledged yet.
	Queued     int
	Connectors []ConnectorSnapshot
}

// A ConnectorSnapshot is what one connector looks like.
type ConnectorSnapshot struct {
	Number      int
	Status      core.ChargePointStatus
	Occupied    bool // a vehicle is plugged in
	Transaction int  // 0 while the central system has not given it a number, or when there is none
	Charging    bool // there is a transaction
	RegisterWh  int
	PowerW      float64
	SoC         float64
}

// Snapshot returns what the station looks like now, the zero value when it has ended.
func (s *Station) Snapshot() Snapshot {
	var snapshot Snapshot
	_ = s.look(func() { snapshot = s.snapshot() })
	return snapshot
}

func (s *Station) snapshot() Snapshot {
	snapshot := Snapshot{Connected: s.link != nil, Registered: s.registered, Queued: s.kept()}
	for _, c := range s.connectors {
		snapshot.Connectors = append(snapshot.Connectors, c.snapshot())
	}
	return snapshot
}

// Await waits until the station looks as wanted. It returns ctx's error or ErrEnded when that does not come.
func (s *Station) Await(ctx context.Context, wanted func(Snapshot) bool) error {
	for {
		s.watch.Lock()
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.watch.Unlock()
		var there bool
		if err := s.look(func() { there = wanted(s.snapshot()) }); err != nil {
			return err
		}
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-s.ended:
			return ErrEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Settle waits until everything that concerns a transaction is acknowledged.
func (s *Station) Settle(ctx context.Context) error {
	return s.Await(ctx, func(now Snapshot) bool { return now.Connected && now.Registered && now.Queued == 0 })
}

// A Transaction is one charge as the station remembers it.
type Transaction struct {
	ID           int // 0 when the central system never gave it a number
	Connector    int
	IDTag        string
	StartedAt    time.Time
	StoppedAt    time.Time // zero while it runs
	MeterStartWh int
	MeterStopWh  int
	Reason       core.Reason
	// Acknowledged says that the central system has confirmed the stop.
	Acknowledged bool
}

// Transactions returns every charge since the station was made, in the order of their beginning.
func (s *Station) Transactions() []Transaction {
	var all []Transaction
	_ = s.look(func() {
		for _, t := range s.records {
			all = append(all, t.Transaction)
		}
	})
	return all
}

package simulator

import (
	"errors"
	"math"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
)

// How long people take, before the speed.
const (
	leastPlugDelay, mostPlugDelay     = 4 * time.Second, 30 * time.Second
	leastUnplugDelay, mostUnplugDelay = 15 * time.Second, 90 * time.Second
	leastLinger, mostLinger           = 4 * time.Minute, 20 * time.Minute
	leastRepair, mostRepair           = 2 * time.Minute, 10 * time.Minute
	// connectionTimeout is how long a charge ordered from afar waits for its vehicle.
	connectionTimeout = 2 * time.Minute
)

// ErrOccupied is returned when a vehicle stands there already.
var ErrOccupied = errors.New("simulator: a vehicle is plugged in already")

// A connector is one plug, what stands at it and what it has told the central system.
type connector struct {
	station *Station
	number  int
	plug    Plug
	kilo    bool // it reports kWh and kW instead of Wh and W, as some vendors do

	status    core.ChargePointStatus
	errorCode core.ChargePointErrorCode
	reported  core.ChargePointStatus // what the central system has acknowledged
	operative bool
	closing   bool // becomes inoperative when its transaction ends
	faulted   bool
	vehicle   *Vehicle
	finished  bool // the vehicle's charge is over, it only stands there
	suspended bool // the vehicle wants no more, the transaction goes on

	registerWh float64 // at the beginning of the charge, or now when there is none
	charge     *Charge
	last       Reading
	tx         *transaction
	halted     bool   // the energy of tx has stopped, its end is not yet told
	authorized string // tag that may begin a charge as soon as a vehicle comes
	reserved   *hold
	expiry     *task
	sampling   *task
	leaving    *task
}

// A hold keeps a connector for a tag.
type hold struct {
	id    int
	idTag string
	ends  *task
}

func newConnector(s *Station, number int, plug Plug) *connector {
	return &connector{
		station: s, number: number, plug: plug, kilo: s.random.IntN(4) == 0, operative: true,
		status: core.ChargePointStatusAvailable, errorCode: core.NoError,
		registerWh: float64(100_000 + s.random.IntN(9_000_000)),
	}
}

func (c *connector) snapshot() ConnectorSnapshot {
	snapshot := ConnectorSnapshot{
		Number: c.number, Status: c.status, Occupied: c.vehicle != nil, Charging: c.tx != nil, RegisterWh: c.register(),
		PowerW: c.last.PowerW, SoC: c.last.SoC,
	}
	if c.tx != nil {
		snapshot.Transaction = c.tx.ID
	}
	return snapshot
}

// register returns what the energy meter shows. It counts whole watt-hours and never turns back.
func (c *connector) register() int {
	return int(math.Floor(c.registerWh + c.last.EnergyWh))
}

// state derives the connector's status from everything that bears on it.
func (c *connector) state() core.ChargePointStatus {
	switch {
	case c.faulted:
		return core.ChargePointStatusFaulted
	case c.tx != nil && c.suspended:
		return core.ChargePointStatusSuspendedEV
	case c.tx != nil:
		return core.ChargePointStatusCharging
	case !c.operative:
		return core.ChargePointStatusUnavailable
	case c.vehicle != nil && c.finished:
		return core.ChargePointStatusFinishing
	case c.vehicle != nil || c.authorized != "":
		return core.ChargePointStatusPreparing
	case c.reserved != nil:
		return core.ChargePointStatusReserved
	default:
		return core.ChargePointStatusAvailable
	}
}

// update brings the status up to date and reports it when it changed.
func (c *connector) update() {
	if now := c.state(); now != c.status {
		c.status = now
		c.report()
	}
}

// report tells the central system the status unless it has acknowledged this one already.
func (c *connector) report() {
	if c.reported == c.status {
		return
	}
	c.tellStatus()
}

func (c *connector) tellStatus() {
	status, code, at := c.status, c.errorCode, types.NewDateTime(time.Now())
	c.station.say(&message{
		compose: func() ocpp.Request {
			request := core.NewStatusNotificationRequest(c.number, code, status)
			request.Timestamp = at
			return request
		},
		answered: func(_ ocpp.Response, refused error) {
			if refused == nil {
				c.reported = status
			}
		},
	})
}

func (c *connector) plugIn(vehicle Vehicle) error {
	if c.vehicle != nil {
		return ErrOccupied
	}
	c.vehicle, c.finished = &vehicle, false
	if c.authorized != "" && !c.faulted && c.operative {
		c.begin(c.authorized)
	}
	c.update()
	return nil
}

func (c *connector) unplug() {
	c.leaving.cancel()
	if c.vehicle == nil {
		return
	}
	c.stop(core.ReasonEVDisconnected)
	c.vehicle, c.finished = nil, false
	c.update()
}

// leave lets the vehicle drive away after a while, when vehicles come and go by themselves.
func (c *connector) leave(least, most time.Duration) {
	if !c.station.options.AutoPlug {
		return
	}
	c.leaving.cancel()
	c.leaving = c.station.after(c.station.between(least, most), c.unplug)
}

// authorize lets the next vehicle, or the one that is there, charge on this tag.
func (c *connector) authorize(idTag string) {
	s := c.station
	if c.vehicle != nil {
		c.begin(idTag)
		return
	}
	c.authorized = idTag
	c.expiry.cancel()
	c.expiry = s.after(connectionTimeout, func() { c.authorized = ""; c.update() })
	if s.options.AutoPlug {
		s.after(s.between(leastPlugDelay, mostPlugDelay), func() {
			if c.authorized == idTag && c.vehicle == nil {
				_ = c.plugIn(RandomVehicle(s.random, c.plug))
			}
		})
	}
	c.update()
}

// swipe asks the central system about the tag, unless the tag may end what it began. Offline every tag is believed, as stations in
// the field are set up to do.
func (c *connector) swipe(idTag string) {
	if c.tx != nil {
		if c.tx.IDTag == idTag {
			c.stop(core.ReasonLocal)
			c.update()
		}
		return
	}
	c.station.say(&message{
		compose: func() ocpp.Request { return core.NewAuthorizationRequest(idTag) },
		answered: func(response ocpp.Response, refused error) {
			confirmation, ok := response.(*core.AuthorizeConfirmation)
			accepted := ok && confirmation.IdTagInfo.Status == types.AuthorizationStatusAccepted
			if c.tx == nil && (accepted || errors.Is(refused, errLost)) {
				c.authorize(idTag)
			}
		},
	})
}

func (c *connector) breakDown(code core.ChargePointErrorCode) {
	c.stop(core.ReasonOther)
	c.faulted, c.errorCode, c.authorized = true, code, ""
	c.update()
}

func (c *connector) repair() {
	c.faulted, c.errorCode = false, core.NoError
	c.update()
}

// setOperative puts the connector into service or out of it, and says whether that has to wait for a charge to end.
func (c *connector) setOperative(operative bool) (scheduled bool) {
	if c.tx != nil && !operative {
		c.closing = true
		return true
	}
	c.operative, c.closing = operative, false
	c.update()
	return false
}

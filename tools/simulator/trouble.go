package simulator

import (
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
)

// How long troubles last, before the speed.
const (
	leastOutage, mostOutage = 20 * time.Second, 4 * time.Minute
	// bootTime is how long a station takes to boot.
	bootTime = 2 * time.Second
)

var troubles = []core.ChargePointErrorCode{
	core.GroundFailure, core.ConnectorLockFailure, core.EVCommunicationError, core.HighTemperature, core.PowerSwitchFailure,
}

// trouble intends the next trouble of the station, if it has any.
func (s *Station) trouble() {
	if s.options.TroubleEvery <= 0 {
		return
	}
	wait := time.Duration(s.random.ExpFloat64() * float64(s.options.TroubleEvery))
	s.after(wait, func() {
		s.trouble()
		switch s.random.IntN(4) {
		case 0:
			s.losePower()
			s.after(s.between(leastOutage, mostOutage), s.regainPower)
		case 1:
			s.loseNetwork()
			s.after(s.between(leastOutage, mostOutage), s.regainNetwork)
		default:
			if len(s.connectors) == 0 {
				return
			}
			c := s.connectors[s.random.IntN(len(s.connectors))]
			c.breakDown(troubles[s.random.IntN(len(troubles))])
			s.after(s.between(leastRepair, mostRepair), c.repair)
		}
	})
}

func (s *Station) loseNetwork() {
	s.cut = true
	if s.link != nil {
		s.lost(s.link, errLost)
	}
}

func (s *Station) regainNetwork() {
	s.cut = false
}

// losePower stops everything at once. What the meter shows and what has to be said of transactions survives.
func (s *Station) losePower() {
	if !s.powered {
		return
	}
	now := moment()
	for _, c := range s.connectors {
		if c.tx != nil {
			c.halt(now)
		}
		c.authorized = ""
	}
	s.powered, s.registered = false, false
	s.beating.cancel()
	if s.link != nil {
		s.lost(s.link, errLost)
	}
}

// regainPower boots, and closes the charges that the loss ended.
func (s *Station) regainPower() {
	if s.powered {
		return
	}
	s.powered = true
	for _, c := range s.connectors {
		if c.tx != nil {
			c.conclude(c.tx, core.ReasonPowerLoss)
			c.leave(leastUnplugDelay, mostUnplugDelay)
		}
		c.reported = ""
		c.update()
	}
}

// reset boots the station on order.
func (s *Station) reset(kind core.ResetType) {
	reason := core.ReasonSoftReset
	if kind == core.ResetTypeHard {
		reason = core.ReasonHardReset
	}
	for _, c := range s.connectors {
		c.stop(reason)
		c.update()
	}
	s.registered = false
	s.beating.cancel()
	l := s.link
	s.after(time.Duration(float64(bootTime)/s.options.Speed), func() {
		if s.link == l && l != nil {
			l.close()
			s.lost(l, errLost)
		}
	})
}

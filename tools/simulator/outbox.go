package simulator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// mostKept bounds the memory of a station that is offline for long; beyond it, readings are thinned out, not starts and stops.
const mostKept = 20000

// A message is something the station wants to say.
type message struct {
	// compose is asked at every attempt, since a transaction's number is known only once its start was acknowledged. It returns nil
	// when there is nothing to say any more.
	compose func() ocpp.Request
	// keep says that it is said again until it is acknowledged, in order. Other messages die with the link.
	keep bool
	// reading says that it is one of many and may be given up when memory is short.
	reading bool
	// answered is told the answer, or the refusal.
	answered func(response ocpp.Response, refused error)
}

var errLost = errors.New("the link was lost")

// connect opens a link when there ought to be one and none is being opened.
func (s *Station) connect(ctx context.Context) {
	if s.link != nil || s.dialing || !s.powered || s.cut {
		return
	}
	s.dialing = true
	wait := time.Duration(0)
	if s.attempts > 0 {
		limit := min(s.options.ReconnectMax, s.options.ReconnectMin<<min(s.attempts-1, 16))
		wait = limit/2 + time.Duration(s.random.Int64N(int64(limit/2)+1))
	}
	s.after(wait, func() {
		go func() {
			l, stayAway, err := dial(ctx, s.options.URL, s.cfg)
			if s.do(func() { s.dialled(l, stayAway, err) }) != nil && l != nil {
				l.drop()
			}
		}()
	})
}

func (s *Station) dialled(l *link, stayAway time.Duration, err error) {
	if err != nil {
		s.attempts++
		s.stats.refused.Add(1)
		s.log.Debug("simulator not connected", "error", err, "attempts", s.attempts)
		s.after(stayAway, func() { s.dialing = false })
		return
	}
	s.dialing = false
	if !s.powered || s.cut {
		l.drop()
		return
	}
	s.attempts, s.link = 0, l
	s.stats.connections.Add(1)
	s.stats.connected.Add(1)
	go func() {
		err := l.read(func(data []byte) { _ = s.do(func() { s.received(l, data) }) })
		_ = s.do(func() { s.lost(l, err) })
	}()
	if !s.registered {
		s.boot()
		return
	}
	s.greet()
}

// greet tells the central system what it may have missed.
func (s *Station) greet() {
	for _, c := range s.connectors {
		c.report()
	}
}

// lost is the end of a link, from either side.
func (s *Station) lost(l *link, why error) {
	if s.link != l {
		return
	}
	l.drop()
	s.link = nil
	s.attempts = max(1, s.attempts)
	s.stats.connected.Add(-1)
	s.log.Debug("simulator disconnected", "error", why)
	s.settle(nil, errLost)
	for _, m := range s.queue {
		if !m.keep && m.answered != nil {
			m.answered(nil, errLost)
		}
	}
	s.queue = slices.DeleteFunc(s.queue, func(m *message) bool { return !m.keep })
}

// say puts a message in the queue. What needs no keeping is not even queued while there is no link.
func (s *Station) say(m *message) {
	if !m.keep && s.link == nil {
		if m.answered != nil {
			m.answered(nil, errLost)
		}
		return
	}
	if m.reading && len(s.queue) >= mostKept {
		return
	}
	s.queue = append(s.queue, m)
}

// kept counts the messages that wait for their acknowledgement.
func (s *Station) kept() int {
	n := 0
	for _, m := range s.queue {
		if m.keep {
			n++
		}
	}
	if s.pending != nil && s.pending.keep {
		n++
	}
	return n
}

// pump says the next thing if nothing is under way: the standard allows one call at a time.
func (s *Station) pump() {
	for s.link != nil && s.pending == nil {
		m := s.take()
		if m == nil {
			return
		}
		request := m.compose()
		if request == nil {
			continue
		}
		s.said = request
		if s.tongue != nil {
			if request = s.tongue.request(request); request == nil {
				continue
			}
		}
		call, err := s.endpoint.CreateCall(request)
		if err != nil {
			s.log.Error("simulator message is wrong", "action", request.GetFeatureName(), "error", err)
			s.stats.failures.Add(1)
			continue
		}
		s.pending, s.pendingID, s.sentAt = m, call.UniqueId, time.Now()
		s.state.AddPendingRequest(call.UniqueId, request)
		s.stats.calls.Add(1)
		l := s.link
		s.deadline = s.after(s.options.AnswerTimeout, func() {
			s.stats.timeouts.Add(1)
			s.lost(l, errors.New("no answer"))
		})
		if err := s.link.write(call); err != nil {
			s.lost(s.link, err)
		}
	}
}

// take removes the next message from the queue: nothing but the boot before the station is registered, and none of the kept ones
// while a refused one waits for its next try.
func (s *Station) take() *message {
	held := time.Now().Before(s.holdUntil)
	for i, m := range s.queue {
		if m.keep && (held || !s.registered) {
			continue
		}
		s.queue = slices.Delete(s.queue, i, i+1)
		return m
	}
	return nil
}

// settle ends the call under way, if there is one. A kept message goes back to the head of the queue when it was not acknowledged
// and may be tried again; one that the central system will never accept is given up.
func (s *Station) settle(response ocpp.Response, err error) {
	m := s.pending
	if m == nil {
		return
	}
	s.deadline.cancel()
	s.state.DeletePendingRequest(s.pendingID)
	s.pending, s.pendingID = nil, ""
	if refusal, ok := errors.AsType[*ocpp.Error](err); ok {
		s.stats.failures.Add(1)
		s.log.Info("simulator message refused", "code", string(refusal.Code), "reason", refusal.Description)
		if m.keep && (refusal.Code == ocppj.InternalError || refusal.Code == ocppj.GenericError) {
			s.holdUntil = time.Now().Add(s.options.RetryInterval)
			s.after(s.options.RetryInterval, func() {})
			err = errLost
		}
	}
	if m.keep && errors.Is(err, errLost) {
		s.queue = slices.Insert(s.queue, 0, m)
		return
	}
	if m.answered != nil {
		m.answered(response, err)
	}
}

// boot introduces the station. Until it is accepted nothing of a transaction is said.
func (s *Station) boot() {
	s.say(&message{
		compose: func() ocpp.Request {
			request := core.NewBootNotificationRequest(s.cfg.Model, s.cfg.Vendor)
			request.ChargePointSerialNumber = s.cfg.SerialNumber
			request.FirmwareVersion = s.cfg.FirmwareVersion
			return request
		},
		answered: func(response ocpp.Response, refused error) {
			confirmation, ok := response.(*core.BootNotificationConfirmation)
			if refused != nil || !ok {
				if s.link != nil {
					s.after(s.options.RetryInterval, s.boot)
				}
				return
			}
			interval := max(time.Second, time.Duration(confirmation.Interval)*time.Second)
			if confirmation.Status != core.RegistrationStatusAccepted {
				s.after(interval, s.boot)
				return
			}
			s.registered, s.heartbeat = true, interval
			s.beating.cancel()
			s.beating = s.after(s.heartbeat, s.beat)
			s.say(&message{compose: func() ocpp.Request {
				return core.NewStatusNotificationRequest(0, core.NoError, core.ChargePointStatusAvailable)
			}})
			for _, c := range s.connectors {
				c.reported = ""
			}
			s.greet()
		},
	})
}

// beat sends a heartbeat and intends the next one.
func (s *Station) beat() {
	s.beating = s.after(s.heartbeat, s.beat)
	s.say(&message{compose: func() ocpp.Request { return core.NewHeartbeatRequest() }})
}

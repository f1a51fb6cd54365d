package simulator

import (
	"strconv"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/remotetrigger"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// received reads one frame: an answer to our call, or a call of the central system.
func (s *Station) received(l *link, data []byte) {
	if s.link != l {
		return
	}
	array, err := ocppj.ParseRawJsonMessage(data)
	if err != nil {
		s.stats.failures.Add(1)
		s.log.Warn("simulator frame is no JSON", "error", err)
		return
	}
	parsed, err := s.endpoint.ParseMessage(array, s.state)
	if err != nil {
		s.stats.failures.Add(1)
		s.log.Warn("simulator frame is wrong", "error", err)
		if e, ok := err.(*ocpp.Error); ok && e.MessageId != "" { //nolint:errorlint // ParseMessage returns the type itself
			if e.MessageId == s.pendingID {
				s.settle(nil, e)
				return
			}
			s.answerError(e.MessageId, e.Code, e.Description)
		}
		return
	}
	switch m := parsed.(type) {
	case *ocppj.Call:
		s.obey(m)
	case *ocppj.CallResult:
		s.stats.answered(time.Since(s.sentAt))
		response := m.Payload
		if s.tongue != nil {
			response = s.tongue.response(s.said, m.Payload)
		}
		s.settle(response, nil)
	case *ocppj.CallError:
		s.settle(nil, ocpp.NewError(m.ErrorCode, m.ErrorDescription, m.UniqueId))
	}
}

func (s *Station) answer(id string, confirmation ocpp.Response) {
	if s.tongue != nil {
		confirmation = s.tongue.answer(id, confirmation)
	}
	result, err := s.endpoint.CreateCallResult(confirmation, id)
	if err != nil {
		s.log.Error("simulator answer is wrong", "error", err)
		s.stats.failures.Add(1)
		return
	}
	if err := s.link.write(result); err != nil {
		s.lost(s.link, err)
	}
}

func (s *Station) answerError(id string, code ocpp.ErrorCode, description string) {
	e, err := s.endpoint.CreateCallError(id, code, description, nil)
	if err != nil {
		s.log.Error("simulator answer is wrong", "error", err)
		s.stats.failures.Add(1)
		return
	}
	if err := s.link.write(e); err != nil {
		s.lost(s.link, err)
	}
}

// obey carries out a call of the central system.
func (s *Station) obey(call *ocppj.Call) {
	s.stats.commands.Add(1)
	id, order := call.UniqueId, call.Payload
	if s.tongue != nil {
		order = s.tongue.order(id, order)
	}
	switch request := order.(type) {
	case *core.RemoteStartTransactionRequest:
		c := s.choose(request)
		if c == nil {
			s.answer(id, core.NewRemoteStartTransactionConfirmation(types.RemoteStartStopStatusRejected))
			return
		}
		s.answer(id, core.NewRemoteStartTransactionConfirmation(types.RemoteStartStopStatusAccepted))
		c.authorize(request.IdTag)
	case *core.RemoteStopTransactionRequest:
		for _, c := range s.connectors {
			if c.tx != nil && c.tx.ID == request.TransactionId {
				s.answer(id, core.NewRemoteStopTransactionConfirmation(types.RemoteStartStopStatusAccepted))
				c.end(c.tx, core.ReasonRemote)
				return
			}
		}
		s.answer(id, core.NewRemoteStopTransactionConfirmation(types.RemoteStartStopStatusRejected))
	case *core.ResetRequest:
		s.answer(id, core.NewResetConfirmation(core.ResetStatusAccepted))
		s.reset(request.Type)
	case *core.UnlockConnectorRequest:
		s.unlock(id, request)
	case *core.ChangeAvailabilityRequest:
		s.changeAvailability(id, request)
	case *remotetrigger.TriggerMessageRequest:
		s.trigger(id, request)
	case *reservation.ReserveNowRequest:
		s.answer(id, reservation.NewReserveNowConfirmation(s.reserve(request)))
	case *reservation.CancelReservationRequest:
		s.answer(id, reservation.NewCancelReservationConfirmation(s.cancelReservation(request.ReservationId)))
	case *core.GetConfigurationRequest:
		s.answer(id, s.configuration(request))
	case *core.ChangeConfigurationRequest:
		s.answer(id, core.NewChangeConfigurationConfirmation(s.configure(request)))
	case *core.ClearCacheRequest:
		s.answer(id, core.NewClearCacheConfirmation(core.ClearCacheStatusAccepted))
	case *core.DataTransferRequest:
		s.answer(id, core.NewDataTransferConfirmation(core.DataTransferStatusUnknownVendorId))
	default:
		s.answerError(id, ocppj.NotImplemented, "the simulator does not do this")
	}
}

// choose finds the connector that may begin a charge for a tag, nil when there is none.
func (s *Station) choose(request *core.RemoteStartTransactionRequest) *connector {
	for _, c := range s.connectors {
		wanted := request.ConnectorId == nil || *request.ConnectorId == c.number
		free := c.tx == nil && c.authorized == "" && !c.faulted && c.operative && !c.finished
		if wanted && free && (c.reserved == nil || c.reserved.idTag == request.IdTag) {
			return c
		}
	}
	return nil
}

// connectorsOf returns one connector, or all for 0.
func (s *Station) connectorsOf(number int) []*connector {
	switch {
	case number == 0:
		return s.connectors
	case number < 0 || number > len(s.connectors):
		return nil
	default:
		return s.connectors[number-1 : number]
	}
}

func (s *Station) unlock(id string, request *core.UnlockConnectorRequest) {
	one := s.connectorsOf(request.ConnectorId)
	if len(one) != 1 {
		s.answer(id, core.NewUnlockConnectorConfirmation(core.UnlockStatusNotSupported))
		return
	}
	s.answer(id, core.NewUnlockConnectorConfirmation(core.UnlockStatusUnlocked))
	one[0].stop(core.ReasonUnlockCommand)
	one[0].update()
}

func (s *Station) changeAvailability(id string, request *core.ChangeAvailabilityRequest) {
	chosen := s.connectorsOf(request.ConnectorId)
	status := core.AvailabilityStatusAccepted
	if len(chosen) == 0 {
		status = core.AvailabilityStatusRejected
	}
	for _, c := range chosen {
		if c.setOperative(request.Type == core.AvailabilityTypeOperative) {
			status = core.AvailabilityStatusScheduled
		}
	}
	s.answer(id, core.NewChangeAvailabilityConfirmation(status))
}

func (s *Station) trigger(id string, request *remotetrigger.TriggerMessageRequest) {
	number := 0
	if request.ConnectorId != nil {
		number = *request.ConnectorId
	}
	chosen := s.connectorsOf(number)
	if len(chosen) == 0 {
		s.answer(id, remotetrigger.NewTriggerMessageConfirmation(remotetrigger.TriggerMessageStatusRejected))
		return
	}
	var send func()
	switch request.RequestedMessage {
	case core.BootNotificationFeatureName:
		send = s.boot
	case core.HeartbeatFeatureName:
		send = func() { s.say(&message{compose: func() ocpp.Request { return core.NewHeartbeatRequest() }}) }
	case core.StatusNotificationFeatureName:
		send = func() {
			for _, c := range chosen {
				c.tellStatus()
			}
		}
	case core.MeterValuesFeatureName:
		send = func() {
			for _, c := range chosen {
				c.read(types.ReadingContextTrigger)
			}
		}
	case firmware.FirmwareStatusNotificationFeatureName:
		send = func() {
			s.say(&message{compose: func() ocpp.Request {
				return firmware.NewFirmwareStatusNotificationRequest(firmware.FirmwareStatusIdle)
			}})
		}
	case firmware.DiagnosticsStatusNotificationFeatureName:
		send = func() {
			s.say(&message{compose: func() ocpp.Request {
				return firmware.NewDiagnosticsStatusNotificationRequest(firmware.DiagnosticsStatusIdle)
			}})
		}
	default:
		s.answer(id, remotetrigger.NewTriggerMessageConfirmation(remotetrigger.TriggerMessageStatusNotImplemented))
		return
	}
	s.answer(id, remotetrigger.NewTriggerMessageConfirmation(remotetrigger.TriggerMessageStatusAccepted))
	send()
}

func (s *Station) reserve(request *reservation.ReserveNowRequest) reservation.ReservationStatus {
	worst := reservation.ReservationStatusRejected
	for _, c := range s.connectorsOf(request.ConnectorId) {
		same := c.reserved != nil && c.reserved.id == request.ReservationId
		switch {
		case c.faulted:
			worst = reservation.ReservationStatusFaulted
		case !c.operative:
			worst = reservation.ReservationStatusUnavailable
		case c.vehicle != nil || c.tx != nil || c.authorized != "" || c.reserved != nil && !same:
			worst = reservation.ReservationStatusOccupied
		default:
			if c.reserved != nil {
				c.reserved.ends.cancel()
			}
			held := &hold{id: request.ReservationId, idTag: request.IdTag}
			held.ends = s.after(time.Until(request.ExpiryDate.Time), func() {
				if c.reserved == held {
					c.reserved = nil
					c.update()
				}
			})
			c.reserved = held
			c.update()
			return reservation.ReservationStatusAccepted
		}
	}
	return worst
}

func (s *Station) cancelReservation(id int) reservation.CancelReservationStatus {
	for _, c := range s.connectors {
		if c.reserved != nil && c.reserved.id == id {
			c.reserved.ends.cancel()
			c.reserved = nil
			c.update()
			return reservation.CancelReservationStatusAccepted
		}
	}
	return reservation.CancelReservationStatusRejected
}

// The settings that a central system can read and write.
const (
	keyHeartbeat  = "HeartbeatInterval"
	keySample     = "MeterValueSampleInterval"
	keyConnectors = "NumberOfConnectors"
	keyProfiles   = "SupportedFeatureProfiles"
)

func (s *Station) configuration(request *core.GetConfigurationRequest) *core.GetConfigurationConfirmation {
	settings := []core.ConfigurationKey{
		{Key: keyHeartbeat, Value: seconds(s.heartbeat)},
		{Key: keySample, Value: seconds(s.options.SampleInterval)},
		{Key: keyConnectors, Readonly: true, Value: text(strconv.Itoa(len(s.connectors)))},
		{Key: keyProfiles, Readonly: true, Value: text("Core,Reservation,RemoteTrigger")},
	}
	confirmation := &core.GetConfigurationConfirmation{}
	if len(request.Key) == 0 {
		confirmation.ConfigurationKey = settings
		return confirmation
	}
	for _, key := range request.Key {
		found := false
		for _, setting := range settings {
			if setting.Key == key {
				confirmation.ConfigurationKey = append(confirmation.ConfigurationKey, setting)
				found = true
			}
		}
		if !found {
			confirmation.UnknownKey = append(confirmation.UnknownKey, key)
		}
	}
	return confirmation
}

func (s *Station) configure(request *core.ChangeConfigurationRequest) core.ConfigurationStatus {
	number, err := strconv.Atoi(request.Value)
	switch request.Key {
	case keyHeartbeat, keySample:
		if err != nil || number < 1 {
			return core.ConfigurationStatusRejected
		}
		if request.Key == keyHeartbeat {
			s.heartbeat = time.Duration(number) * time.Second
		} else {
			s.options.SampleInterval = time.Duration(number) * time.Second
		}
		return core.ConfigurationStatusAccepted
	case keyConnectors, keyProfiles:
		return core.ConfigurationStatusRejected
	default:
		return core.ConfigurationStatusNotSupported
	}
}

func text(s string) *string { return &s }

func seconds(d time.Duration) *string { return text(strconv.Itoa(int(d / time.Second))) }

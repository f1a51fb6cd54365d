package simulator

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
)

// meter is what a central system reads out of the meter values of one transaction, in Wh and W.
type meter struct {
	at       []time.Time
	register []float64
	power    []float64
}

func (m *meter) add(t *testing.T, values []types.MeterValue) {
	t.Helper()
	for _, value := range values {
		m.at = append(m.at, value.Timestamp.Time)
		for _, sample := range value.SampledValue {
			number, err := strconv.ParseFloat(sample.Value, 64)
			must(t, err)
			if sample.Unit == types.UnitOfMeasureKWh || sample.Unit == types.UnitOfMeasureKW {
				number *= 1000
			}
			switch sample.Measurand { //nolint:exhaustive // the others do not count
			case types.MeasurandEnergyActiveImportRegister:
				m.register = append(m.register, number)
			case types.MeasurandPowerActiveImport:
				m.power = append(m.power, number)
			}
		}
	}
}

// area returns the energy under the reported power.
func (m *meter) area() float64 {
	sum := 0.0
	for i := 1; i < len(m.at); i++ {
		sum += (m.power[i-1] + m.power[i]) / 2 * m.at[i].Sub(m.at[i-1]).Hours()
	}
	return sum
}

// readings collects everything the desk heard of a transaction.
func readings(t *testing.T, d *desk, transaction int) (m meter, start core.StartTransactionRequest, stop core.StopTransactionRequest) {
	t.Helper()
	for _, c := range d.heard(core.MeterValuesFeatureName) {
		var request core.MeterValuesRequest
		c.into(t, &request)
		if *request.TransactionId == transaction {
			m.add(t, request.MeterValue)
		}
	}
	for _, c := range d.heard(core.StopTransactionFeatureName) {
		stop = core.StopTransactionRequest{}
		c.into(t, &stop)
		if stop.TransactionId == transaction {
			m.add(t, stop.TransactionData)
			break
		}
	}
	d.heard(core.StartTransactionFeatureName)[0].into(t, &start)
	return m, start, stop
}

func TestAStationLivesThroughACharge(t *testing.T) {
	t.Parallel()
	for _, plug := range []Plug{dc, ac} {
		d := newDesk(t)
		s := newStationAt(t, d, nil, plug)
		d.status(t, 1, core.ChargePointStatusAvailable)
		if got := d.command(t, "RemoteStartTransaction", `{"connectorId":1,"idTag":"TAG"}`); got != "Accepted" {
			t.Fatalf("remote start: %s", got)
		}
		d.status(t, 1, core.ChargePointStatusPreparing)
		must(t, s.Plug(1, hungry))
		d.status(t, 1, core.ChargePointStatusCharging)
		await(t, s, "a number", func(now Snapshot) bool { return now.Connectors[0].Transaction > 0 })
		for range 50 {
			d.next(t, core.MeterValuesFeatureName)
		}
		id := s.Snapshot().Connectors[0].Transaction
		if got := d.command(t, "RemoteStopTransaction", `{"transactionId":`+strconv.Itoa(id)+`}`); got != "Accepted" {
			t.Fatalf("remote stop: %s", got)
		}
		d.status(t, 1, core.ChargePointStatusFinishing)
		must(t, s.Unplug(1))
		d.status(t, 1, core.ChargePointStatusAvailable)
		settle(t, s)

		m, start, stop := readings(t, d, id)
		if start.IdTag != "TAG" || stop.Reason != core.ReasonRemote || start.MeterStart != int(m.register[0]) || stop.MeterStop != int(m.register[len(m.register)-1]) {
			t.Errorf("start %+v, stop %+v", start, stop)
		}
		if !slices.IsSorted(m.register) || !slices.IsSortedFunc(m.at, time.Time.Compare) {
			t.Error("the register or the time runs backwards")
		}
		// Registers are whole watt-hours; beyond that, half a percent is allowed.
		energy := float64(stop.MeterStop - start.MeterStart)
		if off := math.Abs(m.area() - energy); energy < 5 || off > 1+0.005*energy {
			t.Errorf("%.2f Wh under the power, %.0f Wh in the register", m.area(), energy)
		}
		records := s.Transactions()
		if len(records) != 1 || !records[0].Acknowledged || records[0].ID != id || records[0].MeterStopWh != stop.MeterStop {
			t.Errorf("the station remembers %+v", records)
		}
	}
}

func TestAFullVehicleSuspendsTheCharge(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc)
	must(t, s.Plug(1, Vehicle{BatteryKWh: 20, ArrivalSoC: 70, TargetSoC: 80, DC: []CurvePoint{{0, 100}, {100, 50}}}))
	must(t, s.Swipe(1, "TAG"))
	d.status(t, 1, core.ChargePointStatusCharging)
	d.status(t, 1, core.ChargePointStatusSuspendedEV)
	if got := s.Snapshot().Connectors[0]; got.PowerW != 0 || got.SoC < 79 || got.SoC > 85 {
		t.Errorf("suspended at %+v", got)
	}
	must(t, s.Swipe(1, "TAG"))
	var stop core.StopTransactionRequest
	d.next(t, core.StopTransactionFeatureName).into(t, &stop)
	if stop.Reason != core.ReasonLocal {
		t.Errorf("stopped for %s", stop.Reason)
	}
}

func TestAVehicleThatComesAndGoesByItself(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, func(o *Options) { o.AutoPlug = true; o.Speed = 50_000 }, dc)
	d.command(t, "RemoteStartTransaction", `{"idTag":"TAG"}`)
	d.status(t, 1, core.ChargePointStatusCharging)
	d.status(t, 1, core.ChargePointStatusSuspendedEV)
	d.status(t, 1, core.ChargePointStatusAvailable)
	settle(t, s)
	if all := s.Transactions(); len(all) != 1 || all[0].Reason != core.ReasonEVDisconnected || !all[0].Acknowledged {
		t.Errorf("%+v", all)
	}
}

// The answer to a start, to a reading and to a stop is lost in turn. Each is said again, word for word, and nothing twice otherwise.
func TestWhatWasNotAcknowledgedIsSaidAgain(t *testing.T) {
	t.Parallel()
	for _, action := range []string{core.StartTransactionFeatureName, core.MeterValuesFeatureName, core.StopTransactionFeatureName} {
		d := newDesk(t)
		lost := 0
		s := newStationAt(t, d, nil, dc)
		d.set(func(c call) string {
			if c.action == action && lost < 2 {
				lost++
				return "hang up"
			}
			return ""
		})
		must(t, s.Plug(1, hungry))
		must(t, s.Swipe(1, "TAG"))
		await(t, s, "the start", func(now Snapshot) bool { return now.Connectors[0].Transaction > 0 })
		must(t, s.Unplug(1))
		settle(t, s)

		calls := d.heard(action)
		if len(calls) < 3 {
			t.Fatalf("%s was said %d times", action, len(calls))
		}
		for _, again := range calls[1:3] {
			if string(again.payload) != string(calls[0].payload) || again.id == calls[0].id {
				t.Errorf("%s was said again as %+v, at first %+v", action, again, calls[0])
			}
		}
		if all := s.Transactions(); len(all) != 1 || !all[0].Acknowledged || all[0].ID == 0 {
			t.Errorf("%s: %+v", action, all)
		}
		d.mu.Lock()
		if len(d.started) != 1 {
			t.Errorf("%s: the desk knows %d transactions", action, len(d.started))
		}
		d.mu.Unlock()
	}
}

func TestWhatHappensOfflineIsToldLaterInOrder(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc)
	must(t, s.Cut())
	cut := time.Now()
	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "TAG"))
	await(t, s, "readings that wait", func(now Snapshot) bool { return now.Queued > 10 })
	must(t, s.Swipe(1, "TAG"))
	must(t, s.Unplug(1))
	restored := time.Now()
	must(t, s.Restore())
	settle(t, s)
	all := s.Transactions()
	if len(all) != 1 || !all[0].Acknowledged {
		t.Fatalf("%+v", all)
	}
	m, start, stop := readings(t, d, all[0].ID)
	if start.Timestamp.Before(cut.Add(-time.Second)) || start.Timestamp.After(restored) || stop.Timestamp.After(restored) {
		t.Errorf("cut %v, start %v, stop %v, restored %v", cut, start.Timestamp, stop.Timestamp, restored)
	}
	if len(m.at) < 10 || !slices.IsSortedFunc(m.at, time.Time.Compare) {
		t.Errorf("readings at %v", m.at)
	}
	if off := math.Abs(m.area() - float64(stop.MeterStop-start.MeterStart)); off > 1.5 {
		t.Errorf("%.2f Wh under the power, the register went from %d to %d", m.area(), start.MeterStart, stop.MeterStop)
	}
	// The whole story in order: start, readings, stop.
	var order []string
	d.mu.Lock()
	for _, c := range d.calls {
		if c.action != core.StatusNotificationFeatureName && (len(order) == 0 || order[len(order)-1] != c.action) {
			order = append(order, c.action)
		}
	}
	d.mu.Unlock()
	if want := []string{"BootNotification", "StartTransaction", "MeterValues", "StopTransaction"}; !slices.Equal(order, want) {
		t.Errorf("the desk heard %v", order)
	}
}

func TestARefusalIsTriedAgainOnlyWhereThatCanHelp(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc, dc)
	refusals := 0
	d.set(func(c call) string {
		if c.action == core.StopTransactionFeatureName && refusals < 3 {
			refusals++
			return `[4,%q,"InternalError","not now",{}]`
		}
		return ""
	})
	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "TAG"))
	await(t, s, "the start", func(now Snapshot) bool { return now.Connectors[0].Transaction > 0 })
	must(t, s.Unplug(1))
	settle(t, s)
	if n := len(d.heard(core.StopTransactionFeatureName)); n != 4 {
		t.Errorf("the stop was said %d times", n)
	}

	d.set(func(c call) string {
		if c.action == core.StartTransactionFeatureName {
			return `[4,%q,"PropertyConstraintViolation","never",{}]`
		}
		return ""
	})
	must(t, s.Plug(2, hungry))
	must(t, s.Swipe(2, "TAG"))
	await(t, s, "the end of the hopeless charge", func(now Snapshot) bool {
		return !now.Connectors[1].Charging && now.Connectors[1].Status == core.ChargePointStatusFinishing
	})
	settle(t, s)
	if all := s.Transactions(); len(all) != 2 || !all[0].Acknowledged || all[1].Acknowledged || all[1].ID != 0 {
		t.Errorf("%+v", all)
	}
	if n := len(d.heard(core.StopTransactionFeatureName)); n != 4 {
		t.Errorf("a transaction that never began was stopped: %d stops", n)
	}
}

func TestATagThatIsNotAcceptedDoesNotCharge(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc)
	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "stolen"))
	d.next(t, core.AuthorizeFeatureName)
	// A start that the central system answers with anything but Accepted ends at once.
	d.set(func(c call) string {
		if c.action == core.StartTransactionFeatureName {
			return `[3,%q,{"transactionId":7,"idTagInfo":{"status":"Invalid"}}]`
		}
		return ""
	})
	must(t, s.Swipe(1, "TAG"))
	var stop core.StopTransactionRequest
	d.next(t, core.StopTransactionFeatureName).into(t, &stop)
	if stop.Reason != core.ReasonDeAuthorized || stop.TransactionId != 7 {
		t.Errorf("%+v", stop)
	}
	settle(t, s)
	if all := s.Transactions(); len(all) != 1 {
		t.Errorf("%+v", all)
	}
}

func TestALossOfPowerEndsTheChargeWithTheEnergyUpToIt(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc)
	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "TAG"))
	for range 10 {
		d.next(t, core.MeterValuesFeatureName)
	}
	must(t, s.PowerOff())
	off := time.Now()
	register := s.Snapshot().Connectors[0].RegisterWh
	must(t, s.PowerOn())
	settle(t, s)
	var stop core.StopTransactionRequest
	d.heard(core.StopTransactionFeatureName)[0].into(t, &stop)
	if stop.Reason != core.ReasonPowerLoss || stop.MeterStop != register || stop.Timestamp.After(off) {
		t.Errorf("%+v; off at %v, the register stood at %d", stop, off, register)
	}
	if n := len(d.heard(core.BootNotificationFeatureName)); n != 2 {
		t.Errorf("%d boots", n)
	}
}

func TestCommandsAreObeyed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	s := newStationAt(t, d, nil, dc, ac)
	order := func(want, action, payload string) {
		t.Helper()
		if got := d.command(t, action, payload); got != want {
			t.Errorf("%s %s: %s, want %s", action, payload, got, want)
		}
	}
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)

	order("Rejected", "RemoteStartTransaction", `{"connectorId":9,"idTag":"TAG"}`)
	order("Rejected", "RemoteStopTransaction", `{"transactionId":1}`)
	order("Accepted", "TriggerMessage", `{"requestedMessage":"Heartbeat"}`)
	d.next(t, core.HeartbeatFeatureName)
	order("Accepted", "TriggerMessage", `{"requestedMessage":"FirmwareStatusNotification"}`)
	d.next(t, "FirmwareStatusNotification")
	order("Accepted", "TriggerMessage", `{"requestedMessage":"DiagnosticsStatusNotification"}`)
	d.next(t, "DiagnosticsStatusNotification")
	order("Accepted", "TriggerMessage", `{"requestedMessage":"BootNotification"}`)
	d.next(t, core.BootNotificationFeatureName)
	order("Accepted", "TriggerMessage", `{"requestedMessage":"StatusNotification","connectorId":2}`)
	d.status(t, 2, core.ChargePointStatusAvailable)
	order("Rejected", "TriggerMessage", `{"requestedMessage":"MeterValues","connectorId":3}`)

	order("Accepted", "ReserveNow", `{"connectorId":1,"expiryDate":"`+soon+`","idTag":"MINE","reservationId":5}`)
	d.status(t, 1, core.ChargePointStatusReserved)
	order("Occupied", "ReserveNow", `{"connectorId":1,"expiryDate":"`+soon+`","idTag":"OTHER","reservationId":6}`)
	order("Rejected", "RemoteStartTransaction", `{"connectorId":1,"idTag":"OTHER"}`)
	order("Accepted", "CancelReservation", `{"reservationId":5}`)
	order("Rejected", "CancelReservation", `{"reservationId":5}`)
	d.status(t, 1, core.ChargePointStatusAvailable)
	expiry := time.Now().Add(50 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	order("Accepted", "ReserveNow", `{"connectorId":1,"expiryDate":"`+expiry+`","idTag":"MINE","reservationId":7}`)
	d.status(t, 1, core.ChargePointStatusReserved)
	d.status(t, 1, core.ChargePointStatusAvailable)

	order("Accepted", "ReserveNow", `{"connectorId":1,"expiryDate":"`+soon+`","idTag":"MINE","reservationId":8}`)
	order("Accepted", "RemoteStartTransaction", `{"connectorId":1,"idTag":"MINE"}`)
	must(t, s.Plug(1, hungry))
	var start core.StartTransactionRequest
	d.next(t, core.StartTransactionFeatureName).into(t, &start)
	if start.ReservationId == nil || *start.ReservationId != 8 {
		t.Errorf("the start names the reservation %v", start.ReservationId)
	}
	order("Accepted", "TriggerMessage", `{"requestedMessage":"MeterValues","connectorId":1}`)
	order("Scheduled", "ChangeAvailability", `{"connectorId":0,"type":"Inoperative"}`)
	d.status(t, 2, core.ChargePointStatusUnavailable)
	order("Unavailable", "ReserveNow", `{"connectorId":2,"expiryDate":"`+soon+`","idTag":"MINE","reservationId":9}`)
	order("Unlocked", "UnlockConnector", `{"connectorId":1}`)
	d.status(t, 1, core.ChargePointStatusUnavailable)
	order("NotSupported", "UnlockConnector", `{"connectorId":3}`)
	must(t, s.Unplug(1))
	order("Accepted", "ChangeAvailability", `{"connectorId":0,"type":"Operative"}`)
	d.status(t, 2, core.ChargePointStatusAvailable)
	order("Rejected", "ChangeAvailability", `{"connectorId":7,"type":"Operative"}`)

	must(t, s.Break(2, core.GroundFailure))
	d.status(t, 2, core.ChargePointStatusFaulted)
	order("Faulted", "ReserveNow", `{"connectorId":2,"expiryDate":"`+soon+`","idTag":"MINE","reservationId":9}`)
	order("Rejected", "RemoteStartTransaction", `{"connectorId":2,"idTag":"TAG"}`)
	must(t, s.Repair(2))
	d.status(t, 2, core.ChargePointStatusAvailable)

	order("Accepted", "ChangeConfiguration", `{"key":"HeartbeatInterval","value":"77"}`)
	order("Rejected", "ChangeConfiguration", `{"key":"HeartbeatInterval","value":"often"}`)
	order("Rejected", "ChangeConfiguration", `{"key":"NumberOfConnectors","value":"9"}`)
	order("NotSupported", "ChangeConfiguration", `{"key":"Coffee","value":"9"}`)
	order(`{"configurationKey":[{"key":"HeartbeatInterval","readonly":false,"value":"77"}],"unknownKey":["Coffee"]}`,
		"GetConfiguration", `{"key":["HeartbeatInterval","Coffee"]}`)
	order("Accepted", "ClearCache", `{}`)
	order("UnknownVendorId", "DataTransfer", `{"vendorId":"org.example"}`)
	order("NotImplemented", "UpdateFirmware", `{"location":"https://example.org/f","retrieveDate":"`+soon+`"}`)
	order("NotSupported", "MakeCoffee", `{}`)

	must(t, s.Plug(1, hungry))
	must(t, s.Swipe(1, "TAG"))
	await(t, s, "the start", func(now Snapshot) bool { return now.Connectors[0].Transaction > 0 })
	boots := len(d.heard(core.BootNotificationFeatureName))
	order("Accepted", "Reset", `{"type":"Hard"}`)
	await(t, s, "the reset", func(Snapshot) bool { return len(d.heard(core.BootNotificationFeatureName)) > boots })
	settle(t, s)
	if all := s.Transactions(); all[len(all)-1].Reason != core.ReasonHardReset || !all[len(all)-1].Acknowledged {
		t.Errorf("%+v", all[len(all)-1])
	}
}

func TestAStationThatIsNotLetInTriesAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	fleet, err := NewFleet(FleetConfig{
		Options:  Options{URL: d.url, ReconnectMin: time.Millisecond, ReconnectMax: 2 * time.Millisecond},
		Stations: []StationConfig{{Identity: "cp-1", Password: "wrong", Plugs: []Plug{dc}}},
	})
	must(t, err)
	ctx, cancel := contextOf(t)
	go func() { _ = fleet.Run(ctx) }()
	s := fleet.Station("cp-1")
	await(t, s, "several tries", func(Snapshot) bool { return fleet.Totals().Refused >= 3 })
	if now := s.Snapshot(); now.Connected || now.Registered {
		t.Errorf("%+v", now)
	}
	cancel()
	<-s.ended
	if err := s.Plug(1, hungry); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end: %v", err)
	}
	if err := newStationAt(t, d, nil, dc).Plug(4, hungry); !errors.Is(err, ErrNoConnector) {
		t.Errorf("connector 4: %v", err)
	}
}

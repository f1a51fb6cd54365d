package ocpp

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestEveryMessageOf201ReachesTheDomain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial201(t, "cp-1")
	alive := beat{w.ids["cp-1"]}
	for _, c := range []struct {
		name, action, payload, answer string
		told                          any
	}{
		{
			name: "boot", action: "BootNotification",
			payload: `{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V","serialNumber":"S","firmwareVersion":"1.2","modem":{"iccid":"89","imsi":"26"}},"customData":{"vendorId":"x"}}`,
			answer:  `{"currentTime":"2026-11-23T12:00:00Z","interval":300,"status":"Accepted"}`,
			told:    chargepoint.BootInfo{Vendor: "V", Model: "M", SerialNumber: "S", FirmwareVersion: "1.2", ICCID: "89", IMSI: "26"},
		},
		{name: "heartbeat", action: "Heartbeat", payload: `{}`, answer: `{"currentTime":"2026-11-23T12:00:00Z"}`, told: alive},
		{
			name: "status", action: "StatusNotification",
			payload: `{"timestamp":"2026-11-23T10:59:58Z","connectorStatus":"Occupied","evseId":2,"connectorId":1}`, answer: `{}`,
			told: chargepoint.StatusReport{Connector: 2, Outlet: 1, Status: chargepoint.Occupied, At: at("2026-11-23T10:59:58Z")},
		},
		{
			name: "authorize", action: "Authorize", payload: `{"idToken":{"idToken":"TAG","type":"ISO14443"}}`,
			answer: `{"idTokenInfo":{"status":"Accepted"}}`, told: asked{"TAG"},
		},
		{
			name: "start, ordered from here", action: "TransactionEvent",
			payload: `{"eventType":"Started","timestamp":"2026-11-23T11:00:00Z","triggerReason":"RemoteStart","seqNo":0,"reservationId":9,
				"transactionInfo":{"transactionId":"tx-1","chargingState":"EVConnected","remoteStartId":12},"evse":{"id":2,"connectorId":1},
				"idToken":{"idToken":"TAG","type":"Central"},"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[
				{"value":1.2,"context":"Transaction.Begin","unitOfMeasure":{"unit":"kWh"}}]}]}`,
			answer: `{"idTokenInfo":{"status":"Accepted"}}`,
			told: chargepoint.TransactionEvent{
				Kind: chargepoint.EventStarted, Transaction: "tx-1", At: at("2026-11-23T11:00:00Z"), Trigger: "RemoteStart",
				State: chargepoint.Occupied, Connector: 2, IDTag: "TAG", Shown: true, RemoteStart: 12, ReservationID: 9,
				Samples: []chargepoint.Sample{sample("2026-11-23T11:00:00Z", chargepoint.EnergyImportRegister, 1200,
					func(s *chargepoint.Sample) { s.Context = "Transaction.Begin" })},
			},
		},
		{
			name: "readings, with exponents and vendors' words", action: "TransactionEvent",
			payload: `{"eventType":"Updated","timestamp":"2026-11-23T11:01:00Z","triggerReason":"FullMoon","seqNo":1,"offline":true,
				"transactionInfo":{"transactionId":"tx-1","chargingState":"Hovering"},"meterValue":[{"timestamp":"2026-11-23T11:01:00Z","sampledValue":[
				{"value":1900,"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh"}},{"value":7,"measurand":"Vendor.Magic"},
				{"value":48,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W","multiplier":3}},
				{"value":32000,"measurand":"Current.Import","phase":"L1","unitOfMeasure":{"unit":"A","multiplier":-3}},
				{"value":298.15,"measurand":"Temperature","location":"EV","unitOfMeasure":{"unit":"K"}}]}]}`,
			answer: `{}`,
			told: chargepoint.TransactionEvent{
				Kind: chargepoint.EventUpdated, Transaction: "tx-1", Seq: 1, Offline: true, At: at("2026-11-23T11:01:00Z"), Trigger: "Trigger",
				Samples: []chargepoint.Sample{
					sample("2026-11-23T11:01:00Z", chargepoint.EnergyImportRegister, 1900, nil),
					sample("2026-11-23T11:01:00Z", chargepoint.PowerImport, 48000, nil),
					sample("2026-11-23T11:01:00Z", chargepoint.CurrentImport, 32, func(s *chargepoint.Sample) { s.Phase = "L1" }),
					sample("2026-11-23T11:01:00Z", "Temperature", 25, func(s *chargepoint.Sample) { s.Location = "EV" }),
				},
			},
		},
		{
			name: "end, for a reason of the vendor's", action: "TransactionEvent",
			payload: `{"eventType":"Ended","timestamp":"2026-11-23T11:30:00Z","triggerReason":"EVDeparted","seqNo":2,
				"transactionInfo":{"transactionId":"tx-1","stoppedReason":"Boredom"}}`,
			answer: `{}`,
			told: chargepoint.TransactionEvent{
				Kind: chargepoint.EventEnded, Transaction: "tx-1", Seq: 2, At: at("2026-11-23T11:30:00Z"), Trigger: "EVDeparted", Reason: "Other",
				Samples: []chargepoint.Sample{},
			},
		},
		{
			name: "readings outside a transaction", action: "MeterValues",
			payload: `{"evseId":1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":12}]}]}`, answer: `{}`,
			told: readings{1, "", []chargepoint.Sample{sample("2026-11-23T11:00:00Z", chargepoint.EnergyImportRegister, 12, nil)}},
		},
		{
			name: "settings", action: "NotifyReport",
			payload: `{"requestId":1,"generatedAt":"2026-11-23T11:00:00Z","seqNo":0,"reportData":[{"component":{"name":"EVSE","evse":{"id":1,"connectorId":2}},
				"variable":{"name":"Power","instance":"a"},"variableAttribute":[{"value":"22","mutability":"ReadOnly"},{"type":"MaxSet","value":"44"}]}]}`,
			answer: `{}`,
			told: []chargepoint.Variable{
				{Component: "EVSE", EVSE: 1, Connector: 2, Name: "Power", Instance: "a", Value: "22", ReadOnly: true},
				{Component: "EVSE", EVSE: 1, Connector: 2, Name: "Power", Instance: "a", Attribute: "MaxSet", Value: "44"},
			},
		},
		{
			name: "firmware", action: "FirmwareStatusNotification", payload: `{"status":"Installing","requestId":4}`, answer: `{}`,
			told: chargepoint.Progress{Kind: chargepoint.UpdateFirmware, RequestID: 4, Status: "Installing"},
		},
		{
			name: "log", action: "LogStatusNotification", payload: `{"status":"Uploaded","requestId":5}`, answer: `{}`,
			told: chargepoint.Progress{Kind: chargepoint.GetDiagnostics, RequestID: 5, Status: "Uploaded"},
		},
		{
			name: "security event", action: "SecurityEventNotification", payload: `{"type":"TamperDetectionActivated","timestamp":"2026-11-23T11:00:00Z"}`,
			answer: `{}`, told: alive,
		},
		{
			name: "event", action: "NotifyEvent",
			payload: `{"generatedAt":"2026-11-23T11:00:00Z","seqNo":0,"eventData":[{"eventId":1,"timestamp":"2026-11-23T11:00:00Z","trigger":"Alerting",
				"actualValue":"true","eventNotificationType":"HardWiredNotification","component":{"name":"Connector"},"variable":{"name":"Problem"}}]}`,
			answer: `{}`, told: alive,
		},
		{
			name: "a reservation that ran out", action: "ReservationStatusUpdate", payload: `{"reservationId":3,"reservationUpdateStatus":"Expired"}`,
			answer: `{}`, told: letGo{3, "Expired"},
		},
		{
			name: "profiles", action: "ReportChargingProfiles",
			payload: `{"requestId":1,"chargingLimitSource":"CSO","evseId":2,"chargingProfile":[{"id":5,"stackLevel":1,"chargingProfilePurpose":"TxDefaultProfile",
				"chargingProfileKind":"Relative","chargingSchedule":[{"id":1,"chargingRateUnit":"W","chargingSchedulePeriod":[{"startPeriod":0,"limit":11000}]}]}]}`,
			answer: `{}`,
			told: []chargepoint.ChargingProfile{{
				ID: 5, Connector: 2, StackLevel: 1, Purpose: chargepoint.TxDefaultProfile, Kind: "Relative",
				Schedule: chargepoint.ChargingSchedule{Unit: chargepoint.Watts, Periods: []chargepoint.SchedulePeriod{{Limit: 11000}}},
			}},
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
		if diff := cmp.Diff(c.told, told, cmp.AllowUnexported(beat{}, asked{}, readings{}, letGo{})); diff != "" {
			t.Errorf("%s: the domain was told (-want +got)\n%s", c.name, diff)
		}
	}
	for action, want := range map[string]string{
		`"DataTransfer",{"vendorId":"org.example"}`:                                             `{"status":"UnknownVendorId"}`,
		`"NotifyEVChargingNeeds",{"evseId":1,"chargingNeeds":{"requestedEnergyTransfer":"DC"}}`: `{"status":"Rejected"}`,
		`"ClearedChargingLimit",{"chargingLimitSource":"EMS"}`:                                  `{}`,
		`"NotifyChargingLimit",{"chargingLimit":{"chargingLimitSource":"EMS"}}`:                 `{}`,
	} {
		p.say(`[2,"x",` + action + `]`)
		if parts := p.hear(); len(parts) != 3 || string(parts[2]) != want {
			t.Errorf("%s was answered %s", action, parts)
		}
	}
}

func TestWhatBreaksTheRulesOf201IsAnsweredWithItsError(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	p := w.dial201(t, "cp-1")
	for _, c := range []struct{ frame, id, code string }{
		{`{`, "-1", "RpcFrameworkError"},
		{`[]`, "-1", "RpcFrameworkError"},
		{`[2,17,"Heartbeat",{}]`, "-1", "RpcFrameworkError"},
		{`[9,"1","Heartbeat",{}]`, "-1", "RpcFrameworkError"},
		{`[2,"1","Heartbeat"]`, "1", "FormatViolation"},
		{`[2,"1","Heartbeat",[]]`, "1", "FormatViolation"},
		{`[2,"1","StartTransaction",{}]`, "1", "NotImplemented"}, // it is 1.6's
		{`[2,"1","Brew",{}]`, "1", "NotImplemented"},
		{`[2,"1","StatusNotification",{"evseId":1,"connectorId":1,"connectorStatus":"Available"}]`, "1", "OccurrenceConstraintViolation"},
		{`[2,"1","StatusNotification",{"timestamp":"2026-11-23T11:00:00Z","evseId":"1","connectorId":1,"connectorStatus":"Available"}]`, "1", "TypeConstraintViolation"},
		{`[2,"1","StatusNotification",{"timestamp":"2026-11-23T11:00:00Z","evseId":1,"connectorId":1,"connectorStatus":"Charging"}]`, "1", "PropertyConstraintViolation"},
		{`[2,"1","StatusNotification",{"timestamp":"yesterday","evseId":1,"connectorId":1,"connectorStatus":"Available"}]`, "1", "TypeConstraintViolation"},
		{`[2,"1","TransactionEvent",{"eventType":"Started","timestamp":"2026-11-23T11:00:00Z","triggerReason":"Authorized","seqNo":-1,"transactionInfo":{"transactionId":"t"}}]`, "1", "PropertyConstraintViolation"},
		{`[2,"1","Authorize",{"idToken":{"idToken":"` + "0123456789012345678901234567890123456789" + `","type":"Central"}}]`, "1", "PropertyConstraintViolation"},
	} {
		p.say(c.frame)
		parts := p.hear()
		if len(parts) != 5 || string(parts[0]) != "4" || string(parts[1]) != `"`+c.id+`"` || string(parts[2]) != `"`+c.code+`"` {
			t.Errorf("%s was answered %s, want %s", c.frame, parts, c.code)
		}
	}
	// The socket lives on.
	p.ask("2", "Heartbeat", `{}`)
}

package ocpp

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/nodetest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

const profileOf = `{"chargingSchedulePeriod":[{"startPeriod":0,"limit":16}],"chargingRateUnit":"A"`

// Everything that the edge says in either version, judged by somebody else's schemas.
func TestAStrictChargePointFindsNoFault(t *testing.T) {
	t.Parallel()
	dir := nodetest.Install(t, "testdata/strict")
	tx := func(kind, more string) string {
		return `{"eventType":"` + kind + `","timestamp":"2026-11-23T11:00:00Z","triggerReason":"Trigger","seqNo":0,"transactionInfo":{"transactionId":"t"}` + more + `}`
	}
	for protocol, c := range map[string]struct {
		calls   [][2]string
		answers string
	}{
		SubprotocolV16: {
			calls: [][2]string{
				{"BootNotification", `{"chargePointVendor":"V","chargePointModel":"M"}`},
				{"Heartbeat", `{}`},
				{"StatusNotification", `{"connectorId":1,"errorCode":"NoError","status":"Available"}`},
				{"Authorize", `{"idTag":"TAG"}`},
				{"StartTransaction", `{"connectorId":1,"idTag":"TAG","meterStart":0,"timestamp":"2026-11-23T11:00:00Z"}`},
				{"MeterValues", `{"connectorId":1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":"1"}]}]}`},
				{"StopTransaction", `{"transactionId":4711,"meterStop":5,"timestamp":"2026-11-23T11:00:00Z"}`},
				{"DataTransfer", `{"vendorId":"x"}`},
				{"FirmwareStatusNotification", `{"status":"Idle"}`},
				{"DiagnosticsStatusNotification", `{"status":"Idle"}`},
				{"SignCertificate", `{"csr":"x"}`},
				{"SignCertificate", `{"csr":"a request"}`},
				{"SecurityEventNotification", `{"type":"x","timestamp":"2026-11-23T11:00:00Z"}`},
			},
			answers: `{"RemoteStartTransaction":{"status":"Accepted"},"RemoteStopTransaction":{"status":"Accepted"},"Reset":{"status":"Accepted"},
				"UnlockConnector":{"status":"Unlocked"},"ChangeAvailability":{"status":"Accepted"},"TriggerMessage":{"status":"Accepted"},
				"ReserveNow":{"status":"Accepted"},"CancelReservation":{"status":"Accepted"},"GetConfiguration":{"configurationKey":[{"key":"a","readonly":false}]},
				"ChangeConfiguration":{"status":"Accepted"},"ClearCache":{"status":"Accepted"},"GetLocalListVersion":{"listVersion":1},
				"SendLocalList":{"status":"Accepted"},"UpdateFirmware":{},"GetDiagnostics":{"fileName":"f"},"SetChargingProfile":{"status":"Accepted"},
				"ClearChargingProfile":{"status":"Accepted"},"GetCompositeSchedule":{"status":"Accepted","connectorId":1,"chargingSchedule":` + profileOf + `}},
				"DataTransfer":{"status":"Accepted","data":"yes"},"ExtendedTriggerMessage":{"status":"Accepted"},"InstallCertificate":{"status":"Accepted"},
				"DeleteCertificate":{"status":"NotFound"},"GetInstalledCertificateIds":{"status":"NotFound"},"CertificateSigned":{"status":"Accepted"}}`,
		},
		SubprotocolV201: {
			calls: [][2]string{
				{"BootNotification", `{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}`},
				{"Heartbeat", `{}`},
				{"StatusNotification", `{"timestamp":"2026-11-23T11:00:00Z","connectorStatus":"Available","evseId":1,"connectorId":1}`},
				{"Authorize", `{"idToken":{"idToken":"TAG","type":"ISO14443"}}`},
				{"TransactionEvent", tx("Started", `,"evse":{"id":1},"idToken":{"idToken":"TAG","type":"ISO14443"}`)},
				{"TransactionEvent", tx("Updated", `,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":1}]}]`)},
				{"TransactionEvent", tx("Ended", ``)},
				{"MeterValues", `{"evseId":1,"meterValue":[{"timestamp":"2026-11-23T11:00:00Z","sampledValue":[{"value":1}]}]}`},
				{"DataTransfer", `{"vendorId":"x"}`},
				{"FirmwareStatusNotification", `{"status":"Idle"}`},
				{"LogStatusNotification", `{"status":"Idle"}`},
				{"SecurityEventNotification", `{"type":"x","timestamp":"2026-11-23T11:00:00Z"}`},
				{"SignCertificate", `{"csr":"x"}`},
				{"SignCertificate", `{"csr":"a request","certificateType":"ChargingStationCertificate"}`},
				{"Authorize", `{"idToken":{"idToken":"DE8AAC123456789","type":"eMAID"},"certificate":"a chain"}`},
				{"GetCertificateStatus", `{"ocspRequestData":{"hashAlgorithm":"SHA256","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"1","responderURL":"http://ocsp.example"}}`},
				{"GetCertificateStatus", `{"ocspRequestData":{"hashAlgorithm":"SHA256","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"1","responderURL":""}}`},
				{"Get15118EVCertificate", `{"iso15118SchemaVersion":"urn:iso:15118:2:2013:MsgDef","action":"Install","exiRequest":"eA=="}`},
				{"Get15118EVCertificate", `{"iso15118SchemaVersion":"urn:iso:15118:2:2013:MsgDef","action":"Update","exiRequest":"eA=="}`},
				{"ReservationStatusUpdate", `{"reservationId":1,"reservationUpdateStatus":"Expired"}`},
				{"NotifyReport", `{"requestId":1,"generatedAt":"2026-11-23T11:00:00Z","seqNo":0}`},
				{"NotifyEvent", `{"generatedAt":"2026-11-23T11:00:00Z","seqNo":0,"eventData":[{"eventId":1,"timestamp":"2026-11-23T11:00:00Z","trigger":"Delta",
					"actualValue":"1","eventNotificationType":"CustomMonitor","component":{"name":"c"},"variable":{"name":"v"}}]}`},
				{"NotifyChargingLimit", `{"chargingLimit":{"chargingLimitSource":"EMS"}}`},
				{"ClearedChargingLimit", `{"chargingLimitSource":"EMS"}`},
				{"NotifyEVChargingNeeds", `{"evseId":1,"chargingNeeds":{"requestedEnergyTransfer":"DC"}}`},
				{"NotifyEVChargingSchedule", `{"timeBase":"2026-11-23T11:00:00Z","evseId":1,"chargingSchedule":{"id":1,` + profileOf[1:] + `}}`},
				{"ReportChargingProfiles", `{"requestId":1,"chargingLimitSource":"CSO","evseId":1,"chargingProfile":[{"id":1,"stackLevel":0,
					"chargingProfilePurpose":"TxProfile","chargingProfileKind":"Relative","chargingSchedule":[{"id":1,` + profileOf[1:] + `}]}]}`},
			},
			answers: `{"RequestStartTransaction":{"status":"Accepted","transactionId":"t"},"RequestStopTransaction":{"status":"Accepted"},"Reset":{"status":"Scheduled"},
				"UnlockConnector":{"status":"OngoingAuthorizedTransaction"},"ChangeAvailability":{"status":"Accepted"},"TriggerMessage":{"status":"Accepted"},
				"ReserveNow":{"status":"Accepted"},"CancelReservation":{"status":"Accepted"},"GetBaseReport":{"status":"Accepted"},
				"GetVariables":{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"1","component":{"name":"c"},"variable":{"name":"v"}}]},
				"SetVariables":{"setVariableResult":[{"attributeStatus":"Accepted","component":{"name":"c"},"variable":{"name":"v"}}]},
				"ClearCache":{"status":"Accepted"},"GetLocalListVersion":{"versionNumber":1},"SendLocalList":{"status":"Accepted"},
				"UpdateFirmware":{"status":"Accepted"},"GetLog":{"status":"Accepted","filename":"f"},"SetChargingProfile":{"status":"Accepted"},
				"ClearChargingProfile":{"status":"Accepted"},"GetChargingProfiles":{"status":"Accepted"},
				"GetCompositeSchedule":{"status":"Accepted","schedule":{"evseId":1,"duration":10,"scheduleStart":"2026-11-23T11:00:00Z","chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":16}]}},
				"DataTransfer":{"status":"Accepted","data":"yes"},"InstallCertificate":{"status":"Accepted"},"DeleteCertificate":{"status":"Accepted"},
				"CertificateSigned":{"status":"Rejected"},"GetInstalledCertificateIds":{"status":"Accepted","certificateHashDataChain":[{"certificateType":"V2GRootCertificate",
				"certificateHashData":{"hashAlgorithm":"SHA256","issuerNameHash":"aa","issuerKeyHash":"bb","serialNumber":"1"}}]}}`,
		},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil, "cp-1")
			calls := make([][2]any, len(c.calls))
			for i, call := range c.calls {
				calls[i] = [2]any{call[0], json.RawMessage(call[1])}
			}
			orders, err := json.Marshal(map[string]any{
				"endpoint": strings.TrimSuffix(w.url, "/"), "identity": "cp-1", "password": "secret of cp-1", "protocol": protocol, "calls": calls,
				"answers": json.RawMessage(c.answers),
			})
			if err != nil {
				t.Fatal(err)
			}
			node := exec.CommandContext(t.Context(), "node", "charge-point.js")
			node.Dir = dir
			node.Stderr = os.Stderr
			in, err := node.StdinPipe()
			out, e := node.StdoutPipe()
			if err := errors.Join(err, e, node.Start()); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write(append(orders, '\n')); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewReader(out)
			if line, err := lines.ReadString('\n'); line != "READY\n" {
				t.Fatalf("it said %q, %v", line, err)
			}
			for _, command := range allCommands(protocol) {
				if outcome, err := w.edge.Send(t.Context(), w.ids["cp-1"], command); err != nil || outcome.Status == "" ||
					outcome.Status == chargepoint.CommandNotSupported && command.Kind != chargepoint.GetProfiles {
					t.Errorf("%s: %+v, %v", command.Kind, outcome, err)
				}
			}
			_ = in.Close()
			faults, err := io.ReadAll(lines)
			if ended := node.Wait(); err != nil || ended != nil {
				t.Errorf("%v, %v; it found:\n%s", err, ended, faults)
			}
		})
	}
}

// allCommands is one of each kind, with everything that may be said of it.
func allCommands(protocol string) []chargepoint.Command {
	when, three, half := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), 3, 6.5
	transaction := chargepoint.TransactionID("4711")
	profile := &chargepoint.ChargingProfile{
		ID: 5, Connector: 1, StackLevel: 2, Purpose: chargepoint.TxProfile, Kind: "Recurring", Recurrency: "Daily", ValidFrom: when, ValidTo: when.Add(time.Hour),
		Transaction: transaction, Schedule: chargepoint.ChargingSchedule{
			StartsAt: when, DurationS: &three, Unit: chargepoint.Amperes, MinRate: &half,
			Periods: []chargepoint.SchedulePeriod{{Limit: 16, Phases: &three}, {StartS: 60, Limit: half}},
		},
	}
	limit := *profile
	limit.Purpose, limit.Kind, limit.Recurrency, limit.Transaction, limit.Connector = chargepoint.StationMaxProfile, "Absolute", "", "", 0
	messages := []string{
		"BootNotification", "Heartbeat", "StatusNotification", "MeterValues", "FirmwareStatusNotification", "DiagnosticsStatusNotification",
	}
	if protocol == SubprotocolV201 {
		messages = append(messages, "TransactionEvent", "SignV2GCertificate", "SignCombinedCertificate")
	}
	messages = append(messages, "LogStatusNotification", "SignChargingStationCertificate")
	var commands []chargepoint.Command
	for _, message := range messages {
		commands = append(commands, chargepoint.Command{Kind: chargepoint.TriggerMessage, Message: message, Connector: 1})
	}
	variable := chargepoint.Variable{Name: "HeartbeatInterval", Value: "60"}
	return append(commands,
		chargepoint.Command{Kind: chargepoint.RemoteStart, Connector: 1, IDTag: chargepoint.NewIDTag()},
		chargepoint.Command{Kind: chargepoint.RemoteStart, IDTag: "TAG"},
		chargepoint.Command{Kind: chargepoint.RemoteStop, Transaction: transaction},
		chargepoint.Command{Kind: chargepoint.Reset, Hard: true},
		chargepoint.Command{Kind: chargepoint.Reset},
		chargepoint.Command{Kind: chargepoint.UnlockConnector, Connector: 1},
		chargepoint.Command{Kind: chargepoint.ChangeAvailability},
		chargepoint.Command{Kind: chargepoint.ChangeAvailability, Connector: 1, Operative: true},
		chargepoint.Command{Kind: chargepoint.ReserveNow, Connector: 1, IDTag: "TAG", ReservationID: 7, ExpiresAt: when},
		chargepoint.Command{Kind: chargepoint.CancelReservation, ReservationID: 7},
		chargepoint.Command{Kind: chargepoint.GetConfiguration, RequestID: 9},
		chargepoint.Command{Kind: chargepoint.GetConfiguration, Variables: []chargepoint.Variable{variable, {Name: "Power", Component: "EVSE", EVSE: 1, Attribute: "MaxSet"}}},
		chargepoint.Command{Kind: chargepoint.ChangeConfiguration, Variables: []chargepoint.Variable{variable, {Name: "BasicAuthPassword", Value: "x"}}},
		chargepoint.Command{Kind: chargepoint.ClearCache},
		chargepoint.Command{Kind: chargepoint.GetListVersion},
		chargepoint.Command{Kind: chargepoint.SendLocalList, List: &chargepoint.LocalList{Version: 2, Full: true, Entries: []chargepoint.ListedTag{
			{IDTag: "A", Status: chargepoint.Accepted, ExpiresAt: when},
		}}},
		chargepoint.Command{Kind: chargepoint.SendLocalList, List: &chargepoint.LocalList{Version: 3, Entries: []chargepoint.ListedTag{{IDTag: "A"}}}},
		chargepoint.Command{Kind: chargepoint.UpdateFirmware, RequestID: 9, Transfer: &chargepoint.Transfer{
			URL: "https://files.example/fw", At: when, InstallAt: when, Retries: &three, RetryIntervalS: &three,
		}},
		chargepoint.Command{Kind: chargepoint.GetDiagnostics, RequestID: 9, Transfer: &chargepoint.Transfer{
			URL: "https://files.example/up", From: when, To: when, Security: true,
		}},
		chargepoint.Command{Kind: chargepoint.SetProfile, Profile: profile},
		chargepoint.Command{Kind: chargepoint.SetProfile, Profile: &limit},
		chargepoint.Command{Kind: chargepoint.ClearProfile, Clear: &chargepoint.ProfileFilter{}},
		chargepoint.Command{Kind: chargepoint.ClearProfile, Clear: &chargepoint.ProfileFilter{Connector: &three, StackLevel: &three, Purpose: chargepoint.TxDefaultProfile}},
		chargepoint.Command{Kind: chargepoint.ClearProfile, Clear: &chargepoint.ProfileFilter{ID: &three}},
		chargepoint.Command{Kind: chargepoint.GetProfiles, RequestID: 9},
		chargepoint.Command{Kind: chargepoint.CompositeSchedule, Connector: 1, DurationS: 600, Unit: chargepoint.Watts},
		chargepoint.Command{Kind: chargepoint.DataTransfer, Vendor: &chargepoint.VendorData{VendorID: "org.example", MessageID: "m", Data: "d"}},
		chargepoint.Command{Kind: chargepoint.InstallCertificate, Certificate: &chargepoint.CertificateOrder{Use: chargepoint.CSMSRoot, PEM: "a root"}},
		chargepoint.Command{Kind: chargepoint.DeleteCertificate, Certificate: &chargepoint.CertificateOrder{Hash: &someHash}},
		chargepoint.Command{Kind: chargepoint.ListCertificates},
		chargepoint.Command{Kind: chargepoint.ListCertificates, Certificate: &chargepoint.CertificateOrder{Uses: []chargepoint.CertificateUse{chargepoint.ManufacturerRoot}}},
		chargepoint.Command{Kind: chargepoint.CertificateSigned, Certificate: &chargepoint.CertificateOrder{PEM: "a chain"}},
		chargepoint.Command{Kind: chargepoint.CertificateSigned, Certificate: &chargepoint.CertificateOrder{PEM: "a chain", Use: chargepoint.StationCertificate}},
	)
}

package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestFromAPICommandWantsWhatTheKindWants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/commands", w.operator(site.Operator.ID)
	for _, c := range [][2]string{
		{`{"command":"remote_start"}`, "/id_tag"},
		{`{"command":"remote_stop"}`, "/transaction_id"},
		{`{"command":"reserve_now"}`, "/id_tag /reservation_number /expires_at"},
		{`{"command":"cancel_reservation"}`, "/reservation_number"},
		{`{"command":"change_configuration"}`, "/variables"},
		{`{"command":"send_local_list"}`, "/local_list"},
		{`{"command":"update_firmware"}`, "/transfer"},
		{`{"command":"get_diagnostics"}`, "/transfer"},
		{`{"command":"set_charging_profile"}`, "/charging_profile"},
		{`{"command":"clear_charging_profile"}`, "/clear"},
		{`{"command":"get_composite_schedule"}`, "/duration_s"},
		{`{"command":"data_transfer"}`, "/vendor"},
		{`{"command":"change_configuration","variables":[{"name":"HeartbeatInterval"}]}`, "/variables"},
		{`{"command":"install_certificate","certificate":{"use":"V2GCertificate"}}`, "/certificate/use /certificate/pem"},
		{`{"command":"delete_certificate"}`, "/certificate/hash"},
		{`{"command":"certificate_signed","certificate":{"use":"MORootCertificate"}}`, "/certificate/use /certificate/pem"},
	} {
		body, members := c[0], c[1]
		p := w.call(http.MethodPost, path, token, body).wants(http.StatusBadRequest, "incomplete_command").problem()
		if len(p.Errors) != len(strings.Fields(members)) {
			t.Errorf("%s: the faults named are %+v, want %s", body, p.Errors, members)
		}
		for _, e := range p.Errors {
			if !strings.Contains(members, e.Pointer) {
				t.Errorf("%s names %s", body, e.Pointer)
			}
		}
	}
	for _, body := range []string{
		`{"command":"update_firmware","transfer":{"url":"file:///etc/passwd"}}`,
		`{"command":"set_charging_profile","charging_profile":{"id":1,"ocpp_connector_id":1,"stack_level":-1,"purpose":"TxProfile","kind":"Absolute","schedule":{"unit":"W","periods":[]}}}`,
		`{"command":"get_composite_schedule","duration_s":0}`,
		`{"command":"reset","surprise":1}`,
		`{"command":"install_certificate","certificate":{"use":"MORootCertificate","pem":"no PEM"}}`,
	} {
		w.call(http.MethodPost, path, token, body).wants(http.StatusBadRequest)
	}
	if n := len(w.commands.sent); n != 0 {
		t.Errorf("%d commands were sent all the same", n)
	}
}

func TestCommandsAboutCertificatesGoAsTheyCame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/commands", w.operator(site.Operator.ID)
	hash := chargepoint.CertificateHash{Algorithm: "SHA256", IssuerNameHash: "aa", IssuerKeyHash: "bb", SerialNumber: "1f"}
	const hashJSON = `{"algorithm":"SHA256","issuer_name_hash":"aa","issuer_key_hash":"bb","serial_number":"1f"}`
	w.commands.answers(func(_ uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
		out := chargepoint.Outcome{Status: chargepoint.CommandAccepted}
		if command.Kind == chargepoint.ListCertificates {
			out.Certificates = []chargepoint.InstalledCertificate{{Use: chargepoint.V2GChain, Hash: hash, Children: []chargepoint.CertificateHash{hash}}}
		}
		return out, nil
	})
	for body, want := range map[string]chargepoint.CertificateOrder{
		`{"command":"install_certificate","certificate":{"use":"V2GRootCertificate","pem":"-----BEGIN CERTIFICATE-----"}}`: {
			Use: chargepoint.V2GRoot, PEM: "-----BEGIN CERTIFICATE-----",
		},
		`{"command":"delete_certificate","certificate":{"hash":` + hashJSON + `}}`:             {Hash: &hash},
		`{"command":"certificate_signed","certificate":{"pem":"-----BEGIN CERTIFICATE-----"}}`: {PEM: "-----BEGIN CERTIFICATE-----"},
		`{"command":"list_certificates","certificate":{"uses":["V2GCertificateChain"]}}`:       {Uses: []chargepoint.CertificateUse{chargepoint.V2GChain}},
	} {
		var answer httpapi.CommandOutcome
		w.call(http.MethodPost, path, token, body).wants(http.StatusOK).into(&answer)
		sent := w.commands.sent[len(w.commands.sent)-1]
		if diff := cmp.Diff(&want, sent.Certificate); diff != "" {
			t.Errorf("%s: -want +sent:\n%s", body, diff)
		}
		if listed := answer.Certificates; (sent.Kind == chargepoint.ListCertificates) != (listed != nil && (*listed)[0].Hash.SerialNumber == "1f") {
			t.Errorf("%s is answered %+v", body, listed)
		}
	}
}

func TestListChargePointCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/commands", w.operator(site.Operator.ID)
	w.commands.answers(func(_ uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
		switch command.Kind {
		case chargepoint.ChangeConfiguration:
			variables := command.Variables
			for i := range variables {
				variables[i].Status = chargepoint.CommandAccepted
			}
			return chargepoint.Outcome{Status: chargepoint.CommandAccepted, Variables: variables}, nil
		case chargepoint.Reset:
			return chargepoint.Outcome{}, chargepoint.ErrNotConnected
		default:
			return chargepoint.Outcome{Status: chargepoint.CommandAccepted}, nil
		}
	})
	profile := `{"id":5,"ocpp_connector_id":1,"stack_level":2,"purpose":"TxDefaultProfile","kind":"Recurring","recurrency":"Daily",
		"valid_from":"2026-05-01T00:00:00Z","schedule":{"unit":"A","duration_s":3600,"periods":[{"start_s":0,"limit":16,"phases":3},{"start_s":1800,"limit":6.5}]}}`
	for _, body := range []string{
		`{"command":"change_configuration","variables":[{"name":"HeartbeatInterval","value":"60"},{"name":"AuthorizationKey","value":"0123456789abcdef0123"}]}`,
		`{"command":"set_charging_profile","charging_profile":` + profile + `}`,
		`{"command":"update_firmware","transfer":{"url":"https://user:secret@files.example/fw.bin?token=x"}}`,
		`{"command":"send_local_list","local_list":{"version":3,"full":true,"entries":[{"id_tag":"CARD-OF-SOMEBODY","status":"Accepted"}]}}`,
		`{"command":"remote_start","id_tag":"CARD-OF-SOMEBODY","ocpp_connector_id":1}`,
	} {
		w.call(http.MethodPost, path, token, body).wants(http.StatusOK)
	}
	w.call(http.MethodPost, path, token, `{"command":"reset"}`).wants(http.StatusServiceUnavailable)
	if err := w.Store.StoreProgress(t.Context(), site.ChargePoint.ID,
		chargepoint.Progress{Kind: chargepoint.UpdateFirmware, Status: "Installing"}, w.Clock.Now()); err != nil {
		t.Fatal(err)
	}

	var all httpapi.CommandPage
	a := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK)
	a.into(&all)
	if len(all.Items) != 6 {
		t.Fatalf("%d commands are kept", len(all.Items))
	}
	for _, secret := range []string{"CARD-OF-SOMEBODY", "0123456789abcdef0123", "secret", "token=x"} {
		if strings.Contains(string(a.Body), secret) {
			t.Errorf("the list holds %q", secret)
		}
	}
	var kept int
	w.Must(w.DB.GetContext(t.Context(), &kept, `SELECT count(*) FROM charge_point_commands
		WHERE arguments::text || coalesce(outcome::text, '') ~ 'CARD-OF-SOMEBODY|0123456789abcdef0123|secret|token=x'`))
	if kept != 0 {
		t.Errorf("%d records hold a secret", kept)
	}
	last, firmware := all.Items[0], all.Items[3]
	if last.Command != "reset" || last.State != httpapi.CommandRecordStateFAILED || last.Fault != "charge_point_offline" || last.AskedBy.IsNull() {
		t.Errorf("the failed one is %+v", last)
	}
	if firmware.State != httpapi.CommandRecordStateANSWERED || firmware.Progress != "Installing" || firmware.ProgressAt.IsNull() {
		t.Errorf("the firmware is %+v", firmware)
	}
	var one httpapi.CommandRecord
	w.call(http.MethodGet, path+"/"+firmware.Id.String(), token, nil).wants(http.StatusOK).into(&one)
	if one.Id != firmware.Id || one.Progress != "Installing" || one.Command != "update_firmware" {
		t.Errorf("the firmware by itself is %+v", one)
	}
	w.call(http.MethodGet, path+"/"+uuid.NewString(), token, nil).wants(http.StatusNotFound, "command_not_found")
	w.call(http.MethodGet, "/v1/charge-points/"+w.Site(1).ChargePoint.ID.String()+"/commands/"+firmware.Id.String(), token, nil).wants(http.StatusNotFound)
	w.call(http.MethodGet, path+"/"+firmware.Id.String(), w.operator(uuid.New()), nil).wants(http.StatusNotFound, "charge_point_not_found")
	// Pages, and a filter.
	var first, second httpapi.CommandPage
	w.call(http.MethodGet, path+"?limit=4", token, nil).wants(http.StatusOK).into(&first)
	w.call(http.MethodGet, path+"?limit=4&cursor="+first.NextCursor, token, nil).wants(http.StatusOK).into(&second)
	if len(first.Items) != 4 || len(second.Items) != 2 || second.NextCursor != "" {
		t.Errorf("pages of %d and %d", len(first.Items), len(second.Items))
	}
	w.call(http.MethodGet, path+"?command=reset", token, nil).wants(http.StatusOK).into(&first)
	if len(first.Items) != 1 {
		t.Errorf("%d resets", len(first.Items))
	}
	w.call(http.MethodGet, path+"?command=explode", token, nil).wants(http.StatusBadRequest)

	t.Run("and what was accepted is known from then on", func(t *testing.T) {
		w := w.in(t)
		base := strings.TrimSuffix(path, "/commands")
		var configuration httpapi.Configuration
		w.call(http.MethodGet, base+"/configuration", token, nil).wants(http.StatusOK).into(&configuration)
		if len(configuration.Items) != 2 || configuration.Items[0].Name != "AuthorizationKey" || configuration.Items[0].Value != "" ||
			configuration.Items[1].Value != "60" {
			t.Errorf("the settings are %+v", configuration.Items)
		}
		var profiles httpapi.ChargingProfiles
		w.call(http.MethodGet, base+"/charging-profiles", token, nil).wants(http.StatusOK).into(&profiles)
		if len(profiles.Items) != 1 || profiles.Items[0].Schedule.Periods[1].Limit != 6.5 || *profiles.Items[0].Recurrency != "Daily" {
			t.Errorf("the profiles are %+v", profiles.Items)
		}
		w.call(http.MethodPost, path, token, `{"command":"clear_charging_profile","clear":{"purpose":"TxProfile"}}`).wants(http.StatusOK)
		w.call(http.MethodGet, base+"/charging-profiles", token, nil).wants(http.StatusOK).into(&profiles)
		if len(profiles.Items) != 1 {
			t.Error("another purpose was cleared")
		}
		w.call(http.MethodPost, path, token, `{"command":"clear_charging_profile","clear":{}}`).wants(http.StatusOK)
		w.call(http.MethodGet, base+"/charging-profiles", token, nil).wants(http.StatusOK).into(&profiles)
		if len(profiles.Items) != 0 {
			t.Errorf("after all were cleared there are %+v", profiles.Items)
		}
	})
	t.Run("401, 403 and 404", func(t *testing.T) {
		w := w.in(t)
		_, driver := w.driver()
		base := strings.TrimSuffix(path, "/commands")
		for _, path := range []string{path, base + "/configuration", base + "/charging-profiles", base + "/messages"} {
			w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
			w.call(http.MethodGet, path, driver, nil).wants(http.StatusForbidden)
			w.call(http.MethodGet, path, w.operator(uuid.New()), nil).wants(http.StatusNotFound)
		}
	})
}

func TestListChargePointMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/messages", w.operator(site.Operator.ID)
	noon := w.Clock.Now()
	w.Must(w.Store.RollMessages(t.Context(), noon, noon.Add(-72*time.Hour)))
	var list []chargepoint.Message
	for i := range 6 {
		m := chargepoint.Message{
			ID: uuid.Must(uuid.NewV7()), ChargePointID: site.ChargePoint.ID, At: noon.Add(time.Duration(i) * time.Minute),
			Direction: chargepoint.In, Kind: chargepoint.Call, MessageID: "m" + string(rune('0'+i)), Action: "Heartbeat", Payload: "{}",
		}
		if i%2 == 1 {
			m.Direction, m.Kind, m.MessageID = chargepoint.Out, chargepoint.Result, list[i-1].MessageID
		}
		list = append(list, m)
	}
	list[4].Action = "MeterValues"
	w.Must(w.Store.StoreMessages(t.Context(), list))
	for query, want := range map[string]int{
		"": 6, "?direction=IN": 3, "?action=MeterValues": 1, "?message_id=m2": 2,
		"?from=" + noon.Add(2*time.Minute).Format(time.RFC3339):                         4,
		"?to=" + noon.Add(2*time.Minute).Format(time.RFC3339):                           2,
		"?direction=OUT&from=" + noon.Add(2*time.Minute).UTC().Format(time.RFC3339Nano): 2,
	} {
		var page httpapi.MessagePage
		w.call(http.MethodGet, path+query, token, nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != want {
			t.Errorf("%q: %d messages, want %d", query, len(page.Items), want)
		}
	}
	var first, second httpapi.MessagePage
	w.call(http.MethodGet, path+"?limit=4", token, nil).wants(http.StatusOK).into(&first)
	w.call(http.MethodGet, path+"?limit=4&cursor="+first.NextCursor, token, nil).wants(http.StatusOK).into(&second)
	if len(second.Items) != 2 || second.Items[1].Id != list[0].ID || first.Items[0].Id != list[5].ID {
		t.Errorf("the pages are %+v and %+v", first.Items, second.Items)
	}
	w.call(http.MethodGet, path+"?direction=UP", token, nil).wants(http.StatusBadRequest)
	w.call(http.MethodGet, path+"?from=yesterday", token, nil).wants(http.StatusBadRequest)

	// What is too old goes, by whole days; what came without a partition of its own too.
	old := list[0]
	old.ID, old.At = uuid.Must(uuid.NewV7()), noon.AddDate(0, 0, -9)
	w.Must(w.Store.StoreMessages(t.Context(), []chargepoint.Message{old}))
	later := noon.AddDate(0, 0, 2)
	w.Must(w.Store.RollMessages(t.Context(), later, later.Add(-24*time.Hour)))
	w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).into(&first)
	if len(first.Items) != 0 {
		t.Errorf("%d messages are left", len(first.Items))
	}
	w.Must(w.Store.RollMessages(t.Context(), later, later.Add(-24*time.Hour))) // and again
}

func TestChangeChargePointCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/credentials", w.operator(site.Operator.ID)
	hash := strings.Repeat("ab", 32)
	var out httpapi.ChargePointCredentials
	w.call(http.MethodPost, path, token, `{"security_profile":3,"certificate_sha256":"`+hash+`"}`).wants(http.StatusOK).into(&out)
	if out.SecurityProfile != 3 || out.CertificateSha256.MustGet() != hash || !out.Password.IsNull() || out.Delivered {
		t.Errorf("%+v", out)
	}
	w.call(http.MethodPost, path, token, `{"rotate_password":true,"certificate_sha256":""}`).wants(http.StatusOK).into(&out)
	if out.SecurityProfile != 3 || !out.CertificateSha256.IsNull() || len(out.Password.MustGet()) != 40 || !out.Delivered {
		t.Errorf("%+v", out)
	}
	_, credentials, err := w.Store.Credentials(t.Context(), site.ChargePoint.Identity)
	if w.Must(err); credentials.Next == nil || !credentials.Next.Matches(out.Password.MustGet()) || !credentials.Secret.Matches("correct horse battery") {
		t.Error("the new password is not kept beside the old one")
	}
	for _, body := range []string{`{}`, `{"security_profile":4}`, `{"certificate_sha256":"xyz"}`, `{"password":"x"}`} {
		w.call(http.MethodPost, path, token, body).wants(http.StatusBadRequest)
	}
	_, driver := w.driver()
	w.call(http.MethodPost, path, "", `{"rotate_password":true}`).wants(http.StatusUnauthorized)
	w.call(http.MethodPost, path, driver, `{"rotate_password":true}`).wants(http.StatusForbidden)
	w.call(http.MethodPost, path, w.operator(uuid.New()), `{"rotate_password":true}`).wants(http.StatusNotFound)
}

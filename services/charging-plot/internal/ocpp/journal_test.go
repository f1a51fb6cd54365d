package ocpp

import (
	"fmt"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestEveryFrameIsWrittenDownWithoutTags(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{SubprotocolV16, SubprotocolV201} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			book := &scribe{}
			w := newWorld(t, func(c *Config) { c.Journal = book }, "cp-1")
			p := w.connectBy(t, "cp-1", "secret of cp-1", protocol)
			tag := `{"idTag":"CARD"}`
			told, blotted, info := "RemoteStartTransaction", `{"idTag":"***"}`, `{"idTagInfo":{"status":"Accepted"}}`
			if protocol == SubprotocolV201 {
				tag, blotted = `{"idToken":{"idToken":"CARD","type":"ISO14443"}}`, `{"idToken":{"idToken":"***","type":"ISO14443"}}`
				told, info = "RequestStartTransaction", `{"idTokenInfo":{"status":"Accepted"}}`
			}
			p.ask("1", "Authorize", tag)
			p.say(`[2,"2","Brew",{"idTag":"CARD"}]`)
			p.hear()
			p.say(`CARD`)
			if protocol == SubprotocolV201 { // 1.6 has no answer to it
				p.hear()
			}
			p.ask("3", "Heartbeat", `{}`)
			got := send(t.Context(), w, chargepoint.Command{Kind: chargepoint.RemoteStart, IDTag: "CARD"})
			parts := p.hear()
			p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
			<-got
			book.mu.Lock()
			defer book.mu.Unlock()
			var seen []string
			for _, m := range book.notes {
				if m.Kind == chargepoint.Refusal || m.Kind == chargepoint.Unreadable {
					m.Payload = ""
				}
				if m.Action == told && m.Kind == chargepoint.Call {
					m.Payload = "…"
				}
				if m.ChargePointID != w.ids["cp-1"] || m.At.IsZero() {
					t.Errorf("%+v", m)
				}
				seen = append(seen, fmt.Sprintf("%s %s %s %s %s", m.Direction, m.Kind, m.Action, m.ErrorCode, m.Payload))
			}
			want := []string{
				"IN CALL Authorize  " + blotted, "OUT RESULT Authorize  " + info,
				`IN CALL Brew  {"idTag":"***"}`, "OUT ERROR  NotImplemented ",
			}
			if protocol == SubprotocolV201 {
				want = append(want, "IN UNREADABLE  FormationViolation ", "OUT ERROR  RpcFrameworkError ")
			} else {
				want = append(want, "IN UNREADABLE  FormationViolation ")
			}
			want = append(want, "IN CALL Heartbeat  {}", `OUT RESULT Heartbeat  {"currentTime":"2026-11-23T12:00:00Z"}`, "OUT CALL "+told+"  …", "IN RESULT "+told+`  {"status":"Accepted"}`)
			if fmt.Sprint(seen) != fmt.Sprint(want) {
				t.Errorf("written down:\n%q\nwant:\n%q", seen, want)
			}
		})
	}
}

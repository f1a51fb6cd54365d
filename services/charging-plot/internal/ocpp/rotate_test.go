package ocpp

import (
	"fmt"
	"net/http"
	"testing"

	office "github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestANewPasswordTakesThePlaceOfTheOldOneOnceItIsUsed(t *testing.T) {
	t.Parallel()
	for protocol, want := range map[string][2]string{
		SubprotocolV16: {`"ChangeConfiguration"`, `{"key":"AuthorizationKey","value":%q}`},
		SubprotocolV201: {
			`"SetVariables"`, `{"setVariableData":[{"attributeValue":%q,"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}`,
		},
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f := newField(t)
			const old = "correct horse battery"
			login := func(password string) int {
				t.Helper()
				conn, response, err := f.open(f.ChargePoint.Identity, f.ChargePoint.Identity, password, protocol)
				if err != nil && response == nil {
					t.Fatal(err)
				}
				if conn != nil {
					p := &plug{Conn: conn, t: t}
					p.ask("1", "Heartbeat", `{}`)
					_ = conn.Close()
				}
				return response.StatusCode
			}
			p := f.connectBy(t, f.ChargePoint.Identity, old, protocol)
			p.ask("1", "Heartbeat", `{}`)
			cp, err := f.Store.GetChargePoint(t.Context(), f.ChargePoint.ID)
			f.Must(err)
			smith := office.NewLocksmith(f.Store, f.edge)
			password := chargepoint.NewPassword()
			delivered := make(chan bool, 1)
			go func() {
				took, err := smith.Rotate(t.Context(), cp, password, false)
				if err != nil {
					t.Error(err)
				}
				delivered <- took
			}()
			parts := p.hear()
			if string(parts[2]) != want[0] || string(parts[3]) != fmt.Sprintf(want[1], password) {
				t.Errorf("it was told %s", parts)
			}
			if protocol == SubprotocolV16 {
				p.say(fmt.Sprintf(`[3,%s,{"status":"Accepted"}]`, parts[1]))
			} else {
				p.say(fmt.Sprintf(`[3,%s,{"setVariableResult":[{"attributeStatus":"Accepted","component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}}]}]`, parts[1]))
			}
			if !<-delivered {
				t.Error("it took the password, and nobody knows")
			}
			for _, c := range []struct {
				password string
				want     int
			}{
				{old, http.StatusSwitchingProtocols}, // it may not have kept it
				{"another one", http.StatusUnauthorized},
				{password, http.StatusSwitchingProtocols},
				{old, http.StatusUnauthorized}, // now it has
				{password, http.StatusSwitchingProtocols},
			} {
				if got := login(c.password); got != c.want {
					t.Errorf("%q: %d, want %d", c.password, got, c.want)
				}
			}
			// A password that has leaked ends at once, whether or not the charge point can be told.
			cp.ConnectedTo = ""
			last := chargepoint.NewPassword()
			if took, err := smith.Rotate(t.Context(), cp, last, true); took || err != nil {
				t.Errorf("revoked: %v, %v", took, err)
			}
			if a, b := login(password), login(last); a != http.StatusUnauthorized || b != http.StatusSwitchingProtocols {
				t.Errorf("after it was revoked: %d and %d", a, b)
			}
		})
	}
}

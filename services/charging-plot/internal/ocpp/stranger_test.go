package ocpp

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// The example charge points of ocpp-go, as they are: built, run as processes of their own, and left to boot, charge, report and stop.
// They take their time between their messages (half a minute in all) and sleep for minutes after; they are ended when the session is.
func TestTheExamplesOfOCPPGoRunThroughACharge(t *testing.T) {
	t.Parallel()
	for protocol, c := range map[string]struct {
		example, url string
		energyWh     float64
	}{
		SubprotocolV16:  {"github.com/lorenzodonini/ocpp-go/example/1.6/cp", "CENTRAL_SYSTEM_URL", 52},
		SubprotocolV201: {"github.com/lorenzodonini/ocpp-go/example/2.0.1/chargingstation", "CSMS_URL", 0}, // it exports and imports nothing
	} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			binary := buildExample(t, c.example)
			a := newAuthority(t)
			address, change := secured(t, a)
			f := newFieldWith(t, change)
			f.Clock.Set(time.Now().UTC().Truncate(time.Second)) // the examples go by the clock on the wall
			driver := uuid.New()
			_, err := f.Store.CreateToken(t.Context(), driver, token.Token{
				UID: "12345", Type: token.RFID, DriverID: driver, Whitelist: token.Always, Valid: true,
			})
			f.Must(err)

			// They send no password; a certificate they do.
			cert, key := a.client(f.ChargePoint.Identity)
			files := map[string]string{"CA_CERTIFICATE_PATH": a.PEM, "CLIENT_CERTIFICATE_PATH": cert, "CLIENT_CERTIFICATE_KEY_PATH": key}
			process := exec.CommandContext(t.Context(), binary)
			process.Env = append(os.Environ(), "CLIENT_ID="+f.ChargePoint.Identity, c.url+"=wss://"+address+"/ocpp", "TLS_ENABLED=true")
			for name, content := range files {
				path := filepath.Join(filepath.Dir(binary), name)
				f.Must(os.WriteFile(path, []byte(content), 0o600))
				process.Env = append(process.Env, name+"="+path)
			}
			var said strings.Builder
			process.Stdout, process.Stderr = &said, &said
			f.Must(process.Start())
			ended := make(chan error, 1)
			go func() { ended <- process.Wait() }()

			states := f.watch(t)
			faster := false
			for deadline := time.After(3 * time.Minute); ; {
				select {
				case <-deadline:
					_ = process.Process.Kill()
					_ = <-ended //nolint:staticcheck // how it ended does not matter any more
					t.Fatalf("it did not come to an end; it said:\n%s", said.String())
				case err := <-ended:
					t.Fatalf("it ended by itself, %v; it said:\n%s", err, said.String())
				case state := <-states:
					f.Clock.Set(time.Now().UTC().Truncate(time.Microsecond))
					if !faster && protocol == SubprotocolV16 {
						// It heeds the settings that it is given.
						outcome, err := f.edge.Send(t.Context(), f.ChargePoint.ID, chargepoint.Command{
							Kind: chargepoint.ChangeConfiguration, Variables: []chargepoint.Variable{{Name: "MeterValueSampleInterval", Value: "1"}},
						})
						faster = err == nil && outcome.Status == chargepoint.CommandAccepted
					}
					if state != string(session.Completed) {
						continue
					}
				}
				break
			}
			_ = process.Process.Kill()
			_ = <-ended //nolint:staticcheck // how it ended does not matter any more
			got := f.ended(t, session.Completed, c.energyWh, 1)
			if got.DriverID != driver || got.IDTag != "12345" || got.Reason != "EVDisconnected" {
				t.Errorf("%+v", got)
			}
			cp, err := f.Store.GetChargePoint(t.Context(), f.ChargePoint.ID)
			if f.Must(err); cp.Boot == nil || cp.Boot.Vendor != "vendor1" || cp.Protocol != protocol {
				booted, _ := json.Marshal(cp.Boot)
				t.Errorf("it booted as %s over %s", booted, cp.Protocol)
			}
			if faster != (protocol == SubprotocolV16) {
				t.Error("it did not take its setting")
			}
		})
	}
}

// buildExample builds a program of a module that this one requires. What only the example needs must not be written into go.mod, so a
// copy of that is what the build goes by.
func buildExample(t *testing.T, example string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "charge-point")
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-modfile="+filepath.Join(dir, "go.mod"), "-o", binary, example)
	build.Dir, build.Env = filepath.Join("..", ".."), append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", example, err, out)
	}
	return binary
}

// watch gives the state of the plot's session now and then; there is nobody to tell when a process of somebody else's has spoken.
func (f *field) watch(t *testing.T) <-chan string {
	t.Helper()
	states := make(chan string)
	go func() {
		for {
			var state string
			_ = f.DB.GetContext(t.Context(), &state, `SELECT state FROM sessions WHERE plot_id = $1`, f.PlotIDs[0])
			select {
			case states <- state:
			case <-t.Context().Done():
				return
			}
			select {
			case <-time.After(200 * time.Millisecond):
			case <-t.Context().Done():
				return
			}
		}
	}()
	return states
}

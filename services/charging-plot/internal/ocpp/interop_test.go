package ocpp

import (
	"strings"
	"testing"

	"github.com/lorenzodonini/ocpp-go/ocpp1.6"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ws"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// A foreign charge point: ocpp-go's own client, untouched, answers through the handlers it asks for.
type foreign struct{ core.ChargePointHandler }

func (foreign) OnRemoteStartTransaction(*core.RemoteStartTransactionRequest) (*core.RemoteStartTransactionConfirmation, error) {
	return core.NewRemoteStartTransactionConfirmation(types.RemoteStartStopStatusAccepted), nil
}

func (foreign) OnUnlockConnector(*core.UnlockConnectorRequest) (*core.UnlockConnectorConfirmation, error) {
	return core.NewUnlockConnectorConfirmation(core.UnlockStatusUnlocked), nil
}

func TestAForeignChargePointRunsThroughATransaction(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, "cp-1")
	client := ws.NewClient()
	client.SetBasicAuth("cp-1", "secret of cp-1")
	cp := ocpp16.NewChargePoint("cp-1", nil, client)
	cp.SetCoreHandler(foreign{})
	if err := cp.Start(strings.TrimSuffix(w.url, "/")); err != nil {
		t.Fatal(err)
	}
	defer cp.Stop()

	boot, err := cp.BootNotification("Model", "Vendor")
	if err != nil || boot.Status != core.RegistrationStatusAccepted || boot.Interval != 300 || !boot.CurrentTime.Equal(now) {
		t.Errorf("boot: %+v, %v", boot, err)
	}
	if beat, err := cp.Heartbeat(); err != nil || !beat.CurrentTime.Equal(now) {
		t.Errorf("heartbeat: %+v, %v", beat, err)
	}
	if _, err := cp.StatusNotification(1, core.NoError, core.ChargePointStatusPreparing); err != nil {
		t.Errorf("status: %v", err)
	}
	if auth, err := cp.Authorize("TAG"); err != nil || auth.IdTagInfo.Status != types.AuthorizationStatusAccepted {
		t.Errorf("authorize: %+v, %v", auth, err)
	}
	start, err := cp.StartTransaction(1, "TAG", 100, types.NewDateTime(now))
	if err != nil || start.TransactionId != 4711 {
		t.Errorf("start: %+v, %v", start, err)
	}
	values := []types.MeterValue{{Timestamp: types.NewDateTime(now), SampledValue: []types.SampledValue{{Value: "150"}}}}
	if _, err := cp.MeterValues(1, values); err != nil {
		t.Errorf("meter values: %v", err)
	}
	if _, err := cp.StopTransaction(200, types.NewDateTime(now), start.TransactionId); err != nil {
		t.Errorf("stop: %v", err)
	}
	if transfer, err := cp.DataTransfer("org.example"); err != nil || transfer.Status != core.DataTransferStatusUnknownVendorId {
		t.Errorf("data transfer: %+v, %v", transfer, err)
	}
	for _, command := range []struct {
		chargepoint.Command
		want chargepoint.CommandStatus
	}{
		{chargepoint.Command{Kind: chargepoint.RemoteStart, IDTag: "TAG"}, chargepoint.CommandAccepted},
		{chargepoint.Command{Kind: chargepoint.UnlockConnector, Connector: 1}, chargepoint.CommandUnlocked},
		// It has no handler for reservations and says so with an error.
		{chargepoint.Command{Kind: chargepoint.CancelReservation, ReservationID: 1}, chargepoint.CommandNotSupported},
	} {
		if outcome, err := w.edge.Send(t.Context(), w.ids["cp-1"], command.Command); err != nil || outcome.Status != command.want {
			t.Errorf("%s: %+v, %v", command.Kind, outcome, err)
		}
	}
	if got := next[chargepoint.TransactionStop](t, w.central); got.MeterWh != 200 || got.Transaction != "4711" {
		t.Errorf("the domain was told %+v", got)
	}
}

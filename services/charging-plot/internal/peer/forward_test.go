package peer_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/peer"
)

type replicas map[uuid.UUID]string

func (r replicas) ReplicaOf(_ context.Context, id uuid.UUID) (string, error) {
	address, known := r[id]
	if !known {
		return "", chargepoint.ErrNotFound
	}
	return address, nil
}

type local struct{ sent []chargepoint.Command }

func (l *local) Send(_ context.Context, _ uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
	l.sent = append(l.sent, command)
	return chargepoint.Outcome{Status: chargepoint.CommandScheduled}, nil
}

type token string

func (t token) Token(context.Context) (string, error) { return string(t), nil }

func TestCommandsGoToWhereTheSocketIs(t *testing.T) {
	t.Parallel()
	var got chargepoint.Command
	var path, authorization string
	answer := func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"status":"Accepted"}`)) }
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, authorization = r.URL.Path, r.Header.Get("Authorization")
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		answer(w)
	}))
	t.Cleanup(other.Close)
	here, there, nowhere, gone := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	mine := &local{}
	f := peer.NewForwarder("http://self.example", mine, replicas{
		here: "http://self.example", there: other.URL, nowhere: "", gone: "http://127.0.0.1:1",
	}, token("t"))

	if outcome, err := f.Send(t.Context(), here, chargepoint.Command{Kind: chargepoint.Reset}); err != nil || outcome.Status != "Scheduled" || len(mine.sent) != 1 {
		t.Errorf("a socket of one's own: %v %v", outcome, err)
	}
	command := chargepoint.Command{Kind: chargepoint.RemoteStart, Connector: 2, IDTag: "TAG"}
	outcome, err := f.Send(t.Context(), there, command)
	if err != nil || outcome.Status != chargepoint.CommandAccepted || !reflect.DeepEqual(got, command) {
		t.Errorf("another replica's socket: %v %v, sent %+v", outcome, err, got)
	}
	if path != "/internal/v1/charge-points/"+there.String()+"/commands" || authorization != "Bearer t" {
		t.Errorf("it was asked at %s with %q", path, authorization)
	}
	for name, c := range map[string]struct {
		id   uuid.UUID
		want error
	}{
		"one that is not connected":  {nowhere, chargepoint.ErrNotConnected},
		"a replica that is gone":     {gone, chargepoint.ErrNotConnected},
		"one that is not registered": {uuid.New(), chargepoint.ErrNotFound},
	} {
		if _, err := f.Send(t.Context(), c.id, command); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	for _, want := range []string{"charge_point_offline", "charge_point_error", "charge_point_silent"} {
		answer = func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = w.Write([]byte(`{"type":"urn:ihr:problem:` + want + `","title":"x","status":409}`))
		}
		_, err := f.Send(t.Context(), there, command)
		known := map[string]error{
			"charge_point_offline": chargepoint.ErrNotConnected, "charge_point_error": chargepoint.ErrCommandFailed, "charge_point_silent": chargepoint.ErrNoAnswer,
		}
		if !errors.Is(err, known[want]) {
			t.Errorf("the other replica says %s and it becomes %v", want, err)
		}
	}
	answer = func(http.ResponseWriter) { <-t.Context().Done() }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.Send(ctx, there, command); !errors.Is(err, chargepoint.ErrNoAnswer) {
		t.Errorf("no answer in time becomes %v", err)
	}
	other.CloseClientConnections()
}

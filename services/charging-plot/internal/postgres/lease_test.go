package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

func TestTheSocketsOfADeadReplicaAreNotBelieved(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site := w.Site(1)
	id, conn := site.ChargePoint.ID, chargepoint.Connection{ID: uuid.New(), Protocol: "ocpp2.0.1"}
	w.Must(w.Store.Connected(t.Context(), id, conn, "http://here"))
	connected := func() bool {
		t.Helper()
		cp, err := w.Store.GetChargePoint(t.Context(), id)
		w.Must(err)
		return cp.Connected()
	}
	forget := func(want int64) {
		t.Helper()
		if n, err := w.Store.ForgetDead(t.Context(), w.Clock.Now()); err != nil || n != want {
			t.Errorf("%d connections were ended, %v, want %d", n, err, want)
		}
	}
	renew := func(want bool) {
		t.Helper()
		now := w.Clock.Now()
		if lapsed, err := w.Store.RenewLease(t.Context(), "http://here", now, now.Add(15*time.Second)); err != nil || lapsed != want {
			t.Errorf("the lease had lapsed: %v, %v, want %v", lapsed, err, want)
		}
	}
	forget(0) // a replica that has never had a lease is of a release that knows none
	renew(false)
	w.Clock.Move(14 * time.Second)
	forget(0)
	renew(false)
	w.Clock.Move(14 * time.Second)
	forget(0)
	w.Clock.Move(2 * time.Second)
	forget(1)
	if connected() {
		t.Error("the replica is dead, and its socket is believed")
	}
	// It was only frozen, and still holds the socket.
	renew(true)
	w.Must(w.Store.Reclaim(t.Context(), "http://here", map[uuid.UUID]chargepoint.Connection{id: conn}))
	if !connected() {
		t.Error("the replica lives, and its socket is not believed")
	}
	// The end of that very connection still ends it.
	w.Must(w.Store.Disconnected(t.Context(), id, conn))
	if connected() {
		t.Error("the socket has ended")
	}
	// What has connected elsewhere meanwhile stays there.
	w.Must(w.Store.Connected(t.Context(), id, chargepoint.Connection{ID: uuid.New()}, "http://there"))
	w.Must(w.Store.Reclaim(t.Context(), "http://here", map[uuid.UUID]chargepoint.Connection{id: conn}))
	if gone, err := w.Store.Replaced(t.Context(), "http://here", map[uuid.UUID]chargepoint.Connection{id: conn, uuid.New(): conn}); err != nil || len(gone) != 1 || gone[0] != id {
		t.Errorf("replaced elsewhere were %v, %v", gone, err)
	}
	if gone, err := w.Store.Replaced(t.Context(), "http://there", map[uuid.UUID]chargepoint.Connection{id: conn}); err != nil || len(gone) != 0 {
		t.Errorf("its own replica's is %v, %v: the edge's matter", gone, err)
	}
	if there, err := w.Store.ReplicaOf(t.Context(), id); err != nil || there != "http://there" {
		t.Errorf("it is at %s, %v", there, err)
	}
	// Of one that is removed no socket stays, and none begins.
	w.Must(w.Store.RemoveChargePoint(t.Context(), id, func(chargepoint.ChargePoint) error { return nil }))
	w.Must(w.Store.Reclaim(t.Context(), "http://there", map[uuid.UUID]chargepoint.Connection{id: conn}))
	if gone, err := w.Store.Replaced(t.Context(), "http://there", map[uuid.UUID]chargepoint.Connection{id: conn}); err != nil || len(gone) != 1 || gone[0] != id {
		t.Errorf("of the removed one's sockets %v end, %v", gone, err)
	}
	if err := w.Store.Connected(t.Context(), id, conn, "http://here"); !errors.Is(err, chargepoint.ErrNotFound) {
		t.Errorf("a removed one connects: %v", err)
	}
}

package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// mentions counts the rows that name a person anywhere, by table; those of bills are left out, which never change.
func mentions(t *testing.T, w *postgrestest.World, words ...string) map[string]int {
	t.Helper()
	var tables []string
	w.Must(w.DB.SelectContext(t.Context(), &tables, `
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('cdrs', 'events', 'webhook_deliveries') ORDER BY 1`))
	found := map[string]int{}
	for _, table := range tables {
		for _, word := range words {
			var n int
			w.Must(w.DB.GetContext(t.Context(), &n, `SELECT count(*) FROM `+table+` r WHERE strpos(r::text, $1) > 0`, word))
			if n > 0 {
				found[table] += n
			}
		}
	}
	return found
}

func TestWhoIsErasedIsForgotten(t *testing.T) {
	t.Parallel()
	w := postgrestest.New(t)
	site, ada, bob := w.Site(4), uuid.New(), uuid.New()
	k := card(t, w, "04A22BC3", ofDriver(ada))

	// Two charges by card that are over, one that runs, a claim for now, one for later, and one of somebody else's.
	var charges []session.Session
	for range 2 {
		s, started := tap(t, w, site, 1, "04A22BC3")
		w.Clock.Move(time.Hour)
		stop(t, w, site, started.Transaction, 1_010_000)
		charges = append(charges, s)
	}
	running, began := tap(t, w, site, 2, "04a22bc3")
	bills := make([]session.CDR, len(charges))
	for i, s := range charges {
		var err error
		bills[i], err = w.Store.GetCDR(t.Context(), s.ID)
		w.Must(err)
	}
	now, err := w.Reserve(t.Context(), site.PlotIDs[2], ada, time.Hour)
	w.Must(err)
	later, err := w.ReserveAt(t.Context(), site.PlotIDs[3], ada, w.Clock.Now().Add(3*time.Hour), time.Hour)
	w.Must(err)
	theirs, err := w.ReserveAt(t.Context(), site.PlotIDs[3], bob, w.Clock.Now().Add(5*time.Hour), time.Hour)
	w.Must(err)
	card(t, w, "0B0B0B0B", ofDriver(bob))
	w.Must(w.Store.BlockDriver(t.Context(), uuid.New(), ada, "left rubbish"))
	w.Must(w.Store.BlockDriver(t.Context(), uuid.New(), bob, "left rubbish"))
	for _, statement := range []string{
		`INSERT INTO webhook_endpoints (id, owner_id, url, description, types, filter, secret, created_at, updated_at, version)
VALUES (gen_random_uuid(), $1, 'https://hooks.example', '', '{}', '{}', '', now(), now(), 1)`,
		`INSERT INTO idempotency (principal, route, key, request_hash, response) VALUES ($1::uuid::text, 'POST /v1/reservations', 'k', '', '{}')`,
		`INSERT INTO charge_point_commands (id, charge_point_id, kind, request_id, arguments, asked_by, created_at)
SELECT gen_random_uuid(), id, 'reset', 1, '{}', $1, now() FROM charge_points LIMIT 1`,
	} {
		_, err := w.DB.ExecContext(t.Context(), statement, ada)
		w.Must(err)
	}
	bobs := mentions(t, w, bob.String())
	if len(mentions(t, w, ada.String(), k.UID)) < 7 {
		t.Fatalf("the world names her in %v", mentions(t, w, ada.String(), k.UID))
	}

	// Replicas may be told at the same moment, and again.
	failed := make(chan error)
	for range 3 {
		go func() { failed <- w.StoreOf(w.DB, postgrestest.Options{}).Forget(t.Context(), ada) }()
	}
	for range 3 {
		w.Must(<-failed)
	}
	if left := mentions(t, w, ada.String(), k.UID, k.ID.String()); len(left) > 0 {
		t.Errorf("rows still name her: %v", left)
	}
	if after := mentions(t, w, bob.String()); len(after) != len(bobs) || after["tokens"] != bobs["tokens"] {
		t.Errorf("rows named him in %v, and now in %v", bobs, after)
	}
	for _, id := range []uuid.UUID{now.ID, later.ID} {
		r, err := w.Store.GetReservation(t.Context(), id)
		if err != nil || r.State != reservation.Canceled || r.Reason != reservation.ReasonErased || r.DriverID != erasure.Anonymous {
			t.Errorf("her reservation is %+v (%v)", r, err)
		}
	}
	if r, err := w.Store.GetReservation(t.Context(), theirs.ID); err != nil || r != theirs {
		t.Errorf("his reservation is %+v (%v)", r, err)
	}
	if p := w.Plot(site.PlotIDs[2]); p.Status != status.Available {
		t.Errorf("the plot that she had is %s", p.Status)
	}

	// What was charged and billed is as it was; the charge that runs is billed when it ends.
	for i, before := range charges {
		after := get(t, w, before.ID)
		if after.DriverID != erasure.Anonymous || after.State != session.Completed || *after.EnergyWh != 10_000 || after.AuthMethod() != session.ByWhitelist {
			t.Errorf("her charge is %+v", after)
		}
		if bill, err := w.Store.GetCDR(t.Context(), before.ID); err != nil || bill.DriverID != ada || bill.TotalInclTax != bills[i].TotalInclTax || bill.Token.UID != k.UID {
			t.Errorf("her bill is %+v (%v), was %+v", bill, err, bills[i])
		}
	}
	w.Clock.Move(time.Hour)
	stop(t, w, site, began.Transaction, 1_020_000)
	bill, err := w.Store.GetCDR(t.Context(), running.ID)
	if err != nil || bill.DriverID != erasure.Anonymous || bill.Token.UID != erasure.Anonymous.String() || *get(t, w, running.ID).EnergyWh != 20_000 {
		t.Errorf("the charge that ran is billed as %+v (%v)", bill, err)
	}
	if _, err := w.Store.GetToken(t.Context(), k.ID); !errors.Is(err, token.ErrNotFound) {
		t.Errorf("her card is still there (%v)", err)
	}
	if all, err := w.Store.ListSessions(t.Context(), access.Selection{Driver: ada, Limit: 10}); err != nil || len(all) != 0 {
		t.Errorf("her sessions are %v (%v)", all, err)
	}
}

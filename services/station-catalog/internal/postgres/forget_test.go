package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// mentions counts the rows that name a person anywhere, by table.
func (w world) mentions(person uuid.UUID) map[string]int {
	w.t.Helper()
	var tables []string
	if err := w.DB().SelectContext(w.t.Context(), &tables, `
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`); err != nil {
		w.t.Fatal(err)
	}
	found := map[string]int{}
	for _, table := range tables {
		var n int
		if err := w.DB().GetContext(w.t.Context(), &n, `SELECT count(*) FROM `+table+` r WHERE strpos(r::text, $1) > 0`, person.String()); err != nil {
			w.t.Fatal(err)
		}
		if n > 0 {
			found[table] = n
		}
	}
	return found
}

// TestWhoIsErasedIsForgotten promises that nothing names a person who was erased, that the person's reviews and photos go and what the person changed
// stays, and that everybody else is left alone.
func TestWhoIsErasedIsForgotten(t *testing.T) {
	t.Parallel()
	w, ada, bob := newWorld(t), uuid.New(), uuid.New()
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := w.DB().ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	by := func(person uuid.UUID) func(*transfer.Import) {
		return func(i *transfer.Import) { i.SubmittedBy = person.String() }
	}
	w.must(importer.NDJSON, lines(t, site("A", "1"), site("B", "2")), by(ada))
	w.must(importer.NDJSON, lines(t, site("C", "3")), by(bob))
	a := w.all()["A"]
	for _, person := range []uuid.UUID{ada, bob} {
		_, err := w.Update(t.Context(), history.Author{Subject: person.String()}, a.ID, func(st station.Station) (station.Station, error) {
			st.Name += "!"
			return st, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.OpenUpload(t.Context(), transfer.Upload{ID: uuid.New(), Format: importer.NDJSON, Source: "demo", SubmittedBy: ada.String(), Removal: transfer.Keep}); err != nil {
		t.Fatal(err)
	}
	exec(`INSERT INTO idempotency (principal, route, key, request_hash, response) VALUES ($1, 'POST /v1/stations', 'k', '', '{}')`, ada.String())
	// More entries than are written at a time.
	exec(`INSERT INTO catalog_history (entity, entity_id, version, action, actor)
SELECT 'tariff', gen_random_uuid(), 1, 'created', $1 FROM generate_series(1, 5001)`, ada.String())
	w.reviewed(ada, a.ID, stars(1))
	b := w.reviewed(bob, a.ID, stars(4))
	if _, err := w.ModerateReview(t.Context(), ada, a.ID, b.ID, true, "spam", anything); err != nil {
		t.Fatal(err)
	}
	w.photographed(ada, a.ID, "1")
	c := w.photographed(bob, a.ID, "1")
	if _, err := w.ModeratePhoto(t.Context(), ada, a.ID, c.ID, true, "a face", func(photo.Photo) error { return nil }); err != nil {
		t.Fatal(err)
	}
	before, his := w.all(), w.mentions(bob)
	if hers := w.mentions(ada); len(hers) != 6 || hers["reviews"] != 2 || hers["photos"] != 2 || hers["catalog_history"] != 5004 {
		t.Fatalf("she is named in %v", hers)
	}

	exec(`UPDATE imports SET state = 'running' WHERE submitted_by = $1`, ada.String())
	if err := w.Forget(t.Context(), ada); !errors.Is(err, postgres.ErrImporting) {
		t.Errorf("while an import of hers runs: %v", err)
	}
	exec(`UPDATE imports SET state = 'succeeded' WHERE submitted_by = $1`, ada.String())

	// Replicas may be told at the same moment, and again.
	failed := make(chan error)
	for range 3 {
		go func() { failed <- w.Forget(t.Context(), ada) }()
	}
	for range 3 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if left := w.mentions(ada); len(left) > 0 {
		t.Errorf("rows still name her: %v", left)
	}
	if after := w.mentions(bob); len(after) != len(his) || after["catalog_history"] != his["catalog_history"] {
		t.Errorf("rows named him in %v, and now in %v", his, after)
	}
	if left := w.listed(review.Viewer{Moderator: true}, a.ID); len(left) != 1 || left[0].ID != b.ID || !left[0].Hidden || w.rating(a.ID).Count != 0 {
		t.Errorf("of the reviews %+v are left", left)
	}
	photos, err := w.Photos(t.Context(), review.Viewer{Moderator: true}, a.ID, false, uuid.Max, 10)
	if err != nil || len(photos) != 1 || photos[0].ID != c.ID || photos[0].State != photo.Hidden || w.pictures() != 2 {
		t.Errorf("of the photos %+v are left (%v), and %d pictures", photos, err, w.pictures())
	}
	entries, err := w.StationHistory(t.Context(), a.ID, postgres.FirstVersion, 10)
	if err != nil || len(entries) != 3 || entries[0].Actor != bob.String() || entries[1].Actor != erasure.Anonymous.String() || entries[2].Actor != entries[1].Actor {
		t.Errorf("the history is %+v (%v)", entries, err)
	}
	if len(entries[1].Changes) != 1 || w.all()["A"].Name != before["A"].Name || w.all()["A"].Version != before["A"].Version {
		t.Errorf("what she changed is %+v", entries[1])
	}
}

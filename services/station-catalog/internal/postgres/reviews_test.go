package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

func stars(n int) review.Input { return review.Input{Rating: &n} }

// reviewed stores a review.
func (w world) reviewed(author, stationID uuid.UUID, in review.Input) review.Review {
	w.t.Helper()
	r, err := w.CreateReview(w.t.Context(), author, stationID, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// rating is what the ratings of a station come to.
func (w world) rating(stationID uuid.UUID) review.Rating {
	w.t.Helper()
	all, err := w.Ratings(w.t.Context(), []uuid.UUID{stationID})
	if err != nil {
		w.t.Fatal(err)
	}
	return all[stationID]
}

// listed gives the reviews that a viewer is shown.
func (w world) listed(viewer review.Viewer, stationID uuid.UUID) []review.Review {
	w.t.Helper()
	all, err := w.Reviews(w.t.Context(), viewer, stationID, false, uuid.Max, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w world) gone(stationID uuid.UUID) {
	w.t.Helper()
	if err := w.Remove(w.t.Context(), history.Author{Subject: "test"}, stationID, func(station.Station) error { return nil }); err != nil {
		w.t.Fatal(err)
	}
}

func anything(review.Review) error { return nil }

// TestOnePersonOneReview promises that of a hundred reviews which one person sends at once one is kept and the others are told which, and
// that the average is right of what others send at the same moment.
func TestOnePersonOneReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"))
	id := w.all()["A"].ID
	const people, each = 5, 20
	var (
		sending sync.WaitGroup
		mu      sync.Mutex
		kept    []review.Review
		led     []any
	)
	for range people {
		author := uuid.New()
		for n := range each {
			sending.Go(func() {
				made, err := w.CreateReview(t.Context(), author, id, stars(1+n%5))
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					kept = append(kept, made)
				} else if f := fault.Of(err); f.Code() == "already_reviewed" {
					led = append(led, f.Extensions()["review_id"])
				} else {
					t.Errorf("a review was answered by %v", err)
				}
			})
		}
	}
	sending.Wait()
	if len(kept) != people || len(led) != people*(each-1) {
		t.Fatalf("%d reviews were kept and %d refused", len(kept), len(led))
	}
	total := 0
	for _, r := range kept {
		total += *r.Rating
		if n := slices.IndexFunc(led, func(first any) bool { return first == r.ID }); n < 0 {
			t.Errorf("nobody was led to review %s", r.ID)
		}
	}
	want := review.Rating{Average: float64(total) / people, Count: people}
	if got := w.rating(id); got != want || len(w.listed(review.Viewer{}, id)) != people {
		t.Errorf("the rating is %+v, want %+v", got, want)
	}
}

// TestRatingsAreOfWhatIsShown promises that the rating is the mean, to a hundredth, of the ratings that are shown, whatever becomes of
// reviews, and that nothing of the catalogue changes with it: no document, no version, no entry of its log.
func TestRatingsAreOfWhatIsShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"), site("B", "2"))
	id, other := w.all()["A"].ID, w.all()["B"].ID
	before := w.rows()
	ada, bob, eve, moderator := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	is := func(what string, average float64, count int64) {
		t.Helper()
		if got := w.rating(id); got != (review.Rating{Average: average, Count: count}) {
			t.Errorf("%s the rating is %+v", what, got)
		}
	}
	is("before anybody writes", 0, 0)
	hers := w.reviewed(ada, id, stars(5))
	w.reviewed(ada, other, stars(1))
	is("after one review", 5, 1)
	his := w.reviewed(bob, id, review.Input{Outcome: "charged", Comment: "Élan\nvital", Connector: "CHADEMO", Vehicle: "car"})
	is("after one without a rating", 5, 1)
	w.reviewed(eve, id, stars(3))
	w.reviewed(uuid.New(), id, stars(5))
	is("after two thirds", 4.33, 3)

	change := func(viewer uuid.UUID, of uuid.UUID, to review.Input) {
		t.Helper()
		_, err := w.UpdateReview(t.Context(), review.Viewer{Person: viewer}, id, of, func(review.Review) (review.Input, error) { return to, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	change(bob, his.ID, stars(4))
	is("after he rates too", 4.25, 4)
	change(ada, hers.ID, review.Input{Outcome: "closed"})
	is("after she takes her rating back", 4, 3)
	change(ada, hers.ID, stars(5))
	moderate := func(hide bool, reason string) review.Review {
		t.Helper()
		r, err := w.ModerateReview(t.Context(), moderator, id, his.ID, hide, reason, anything)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := moderate(true, "spam"); !r.Hidden || r.HiddenReason != "spam" || r.Version != 3 {
		t.Errorf("hidden it is %+v", r)
	}
	is("after his is hidden", 4.33, 3)
	change(bob, his.ID, stars(1))
	is("after he changes what is hidden", 4.33, 3)
	for viewer, n := range map[review.Viewer]int{{}: 3, {Person: ada}: 3, {Person: bob}: 4, {Person: uuid.New(), Moderator: true}: 4} {
		if got := w.listed(viewer, id); len(got) != n || !slices.IsSortedFunc(got, func(a, b review.Review) int { return slices.Compare(b.ID[:], a.ID[:]) }) {
			t.Errorf("%+v is shown %+v", viewer, got)
		}
	}
	moderate(false, "")
	is("after it is shown again", 3.5, 4)
	if err := w.RemoveReview(t.Context(), review.Viewer{Person: bob}, id, his.ID, anything); err != nil {
		t.Fatal(err)
	}
	is("after he deletes it", 4.33, 3)
	if after := w.rows(); after != before {
		t.Errorf("reviews changed the catalogue:\n%s", cmp.Diff(before, after))
	}
	if got := w.rating(other); got != (review.Rating{Average: 1, Count: 1}) {
		t.Errorf("the other station has %+v", got)
	}
}

// TestReviewsOfAMerge promises that the survivor has the reviews of both, of each person the one that was written last, rated right, and
// that the duplicate leads there.
func TestReviewsOfAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("KEEP", "A"), site("DROP", "B"))
	keep, drop := w.all()["KEEP"].ID, w.all()["DROP"].ID
	ada, bob, eve := uuid.New(), uuid.New(), uuid.New()
	w.reviewed(ada, keep, stars(1))
	newer := w.reviewed(ada, drop, stars(4))
	edited := w.reviewed(bob, keep, stars(1))
	w.reviewed(bob, drop, stars(3))
	edited, err := w.UpdateReview(t.Context(), review.Viewer{Person: bob}, keep, edited.ID, func(review.Review) (review.Input, error) { return stars(5), nil })
	if err != nil {
		t.Fatal(err)
	}
	hers := w.reviewed(eve, drop, stars(3))
	if _, err := w.Merge(t.Context(), history.Author{Subject: "test"}, keep, drop, func(_, _ station.Station) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var ids []uuid.UUID
	for _, r := range w.listed(review.Viewer{}, keep) {
		ids = append(ids, r.ID)
		if r.StationID != keep {
			t.Errorf("review %s is of %s", r.ID, r.StationID)
		}
	}
	if want := []uuid.UUID{hers.ID, edited.ID, newer.ID}; !slices.Equal(ids, want) {
		t.Errorf("the survivor has %v, want %v", ids, want)
	}
	if got := w.rating(keep); got != (review.Rating{Average: 4, Count: 3}) || w.rating(drop) != (review.Rating{}) {
		t.Errorf("the survivor has %+v, the duplicate %+v", got, w.rating(drop))
	}
	_, err = w.Reviews(t.Context(), review.Viewer{}, drop, false, uuid.Max, 10)
	if survivor, merged := station.Survivor(err); !merged || survivor != keep {
		t.Errorf("the duplicate's reviews are answered by %v", err)
	}
	if _, err = w.CreateReview(t.Context(), uuid.New(), drop, stars(1)); !errors.Is(err, station.ErrRemoved) {
		t.Errorf("a review of the duplicate is answered by %v", err)
	}
}

// TestReviewsWhileMerging promises that no review is lost which is written while its station is merged, and that none stays behind.
func TestReviewsWhileMerging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("KEEP", "A"), site("DROP", "B"))
	keep, drop := w.all()["KEEP"].ID, w.all()["DROP"].ID
	var (
		working sync.WaitGroup
		mu      sync.Mutex
		kept    int64
	)
	for n := range 30 {
		working.Go(func() {
			author := uuid.New()
			for _, id := range []uuid.UUID{drop, keep}[n%2:] {
				_, err := w.CreateReview(t.Context(), author, id, stars(3))
				if err == nil {
					mu.Lock()
					kept++
					mu.Unlock()
					return
				}
				if !errors.Is(err, station.ErrRemoved) {
					t.Error(err)
				}
			}
		})
	}
	working.Go(func() {
		if _, err := w.Merge(t.Context(), history.Author{Subject: "test"}, keep, drop, func(_, _ station.Station) error { return nil }); err != nil {
			t.Error(err)
		}
	})
	working.Wait()
	if got := w.rating(keep); kept != 30 || got != (review.Rating{Average: 3, Count: 30}) || w.rating(drop) != (review.Rating{}) {
		t.Errorf("of %d reviews the survivor has %+v, the duplicate %+v", kept, got, w.rating(drop))
	}
}

// TestReviewsOfARemovedStation promises that they are not shown, that their authors can delete them all the same, and that they are there
// again when the station is.
func TestReviewsOfARemovedStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"))
	id, ada, bob := w.all()["A"].ID, uuid.New(), uuid.New()
	hers := w.reviewed(ada, id, stars(2))
	w.reviewed(bob, id, stars(5))
	w.gone(id)
	if _, err := w.Reviews(t.Context(), review.Viewer{}, id, false, uuid.Max, 10); !errors.Is(err, station.ErrRemoved) {
		t.Errorf("reviews of a removed station are answered by %v", err)
	}
	if _, err := w.Review(t.Context(), review.Viewer{Person: ada}, id, hers.ID); !errors.Is(err, station.ErrRemoved) {
		t.Errorf("a review of a removed station is answered by %v", err)
	}
	if err := w.RemoveReview(t.Context(), review.Viewer{Person: ada}, id, hers.ID, anything); err != nil {
		t.Error(err)
	}
	w.put(site("A", "1"))
	if got := w.listed(review.Viewer{}, id); len(got) != 1 || got[0].Author != bob || w.rating(id).Average != 5 {
		t.Errorf("when it is back it has %+v", got)
	}
}

// TestRatingsReachReplicas promises that every replica shows a rating soon after it was given, a lower one, one that is taken back, and
// that of a station which came after it.
func TestRatingsReachReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"), site("B", "2"))
	a, b := w.all()["A"].ID, w.all()["B"].ID
	all := w.replicas(t.Context())
	shown := func(what string, id uuid.UUID, want search.Rating) {
		t.Helper()
		for _, r := range all {
			eventually(t, what, func() bool {
				got, known := r.Snapshot().Rating(search.ID(id))
				return known && got == want
			})
		}
	}
	ada := uuid.New()
	hers := w.reviewed(ada, a, stars(4))
	shown("the first rating is shown", a, search.Rating{Average: 4, Count: 1})
	w.reviewed(uuid.New(), a, stars(1))
	shown("the second is", a, search.Rating{Average: 2.5, Count: 2})
	if err := w.RemoveReview(t.Context(), review.Viewer{Person: ada}, a, hers.ID, anything); err != nil {
		t.Fatal(err)
	}
	shown("one is taken back", a, search.Rating{Average: 1, Count: 1})
	if err := w.Forget(t.Context(), ada); err != nil {
		t.Fatal(err)
	}

	w.reviewed(ada, b, stars(3))
	shown("the other station is rated", b, search.Rating{Average: 3, Count: 1})
	w.gone(b)
	for _, r := range all {
		eventually(t, "a station is gone", func() bool { _, known := r.Snapshot().Rating(search.ID(b)); return !known })
	}
	if _, err := w.DB().ExecContext(t.Context(), `UPDATE reviews SET rating = 2 WHERE station_id = $1`, b); err != nil {
		t.Fatal(err)
	}
	w.put(site("B", "2"))
	shown("the rating of a station that came back is shown", b, search.Rating{Average: 2, Count: 1})
	if err := w.Forget(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	shown("the rating of somebody who was erased is gone", b, search.Rating{})
}

// TestTheLogOfRatingsIsInOrder promises that whoever reads the log piece by piece meets every rating once, by the numbers of transactions
// and not by their digits, and none of a transaction that may still commit.
func TestTheLogOfRatingsIsInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var sites []station.Station
	for n := range 4 {
		sites = append(sites, site(fmt.Sprint(n), fmt.Sprint(n)))
	}
	w.put(sites...)
	xids := []string{"9", "10", "99", "100"}
	for n, xid := range xids {
		id := w.all()[fmt.Sprint(n)].ID
		w.reviewed(uuid.New(), id, stars(1+n))
		if _, err := w.DB().ExecContext(t.Context(), `UPDATE station_ratings SET xid = $2::text::xid8 WHERE station_id = $1`, id, xid); err != nil {
			t.Fatal(err)
		}
	}
	var place review.Place
	read := func(ctx context.Context) (review.Changes, error) {
		changes, err := w.RatingsAfter(ctx, place, 1)
		place = changes.Place
		return changes, err
	}
	for n, xid := range xids {
		got, err := read(t.Context())
		if err != nil || len(got.Ratings) != 1 || got.Ratings[0].Average != float64(1+n) || place.XID != xid {
			t.Fatalf("the log gives %+v, %v after %d ratings", got, err, n)
		}
	}
	// A later one is not passed on before an earlier one that is still open.
	tx, err := w.DB().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	first, second := w.all()["0"].ID, w.all()["1"].ID
	if _, err := tx.ExecContext(t.Context(), `UPDATE reviews SET rating = 5 WHERE station_id = $1`, first); err != nil {
		t.Fatal(err)
	}
	w.reviewed(uuid.New(), second, stars(5))
	if got, err := read(t.Context()); err != nil || len(got.Ratings) > 0 || !got.Held {
		t.Errorf("beside an open transaction the log gives %+v, %v", got, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log goes on with the first", func() bool { // transactions of other tests hold it back too
		got, err := read(t.Context())
		return err == nil && len(got.Ratings) == 1 && got.Ratings[0].Station == first
	})
}

package postgres_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// taken is a photo of a file.
func taken(file string) photo.Taken {
	p := photo.Picture{Width: 64, Height: 64, JPEG: []byte(file)}
	return photo.Taken{Digest: photo.DigestOf([]byte(file)), Full: p, Thumbnail: p}
}

// photographed stores a photo.
func (w world) photographed(author, stationID uuid.UUID, file string) photo.Photo {
	w.t.Helper()
	p, made, err := w.CreatePhoto(w.t.Context(), author, stationID, taken(file))
	if err != nil || !made {
		w.t.Fatalf("a photo was not made: %v", err)
	}
	return p
}

// pictures counts the pictures that are kept.
func (w world) pictures() (n int) {
	w.t.Helper()
	if err := w.DB().GetContext(w.t.Context(), &n, `SELECT count(*) FROM photo_pictures`); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// TestPhotosSentAtOnce promises that of files which come at once no more are kept than may be, and each once.
func TestPhotosSentAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"))
	id, ada := w.all()["A"].ID, uuid.New()
	var (
		sending sync.WaitGroup
		mu      sync.Mutex
		answers = map[string]int{}
	)
	for n := range 45 {
		sending.Go(func() {
			file := strings.Repeat("x", 1+n/3) // each three times
			_, made, err := w.CreatePhoto(t.Context(), ada, id, taken(file))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				answers[fault.Of(err).Code()]++
			case made:
				answers["made"]++
			default:
				answers["same"]++
			}
		})
	}
	sending.Wait()
	if answers["made"] != photo.MostOfPerson || answers["made"]+answers["same"]+answers["too_many_photos"] != 45 {
		t.Errorf("they are answered by %v", answers)
	}
	kept, err := w.Photos(t.Context(), review.Viewer{}, id, false, uuid.Max, 100)
	if err != nil || len(kept) != photo.MostOfPerson || w.pictures() != 2*photo.MostOfPerson {
		t.Errorf("%d are kept (%v), %d pictures", len(kept), err, w.pictures())
	}
}

// TestRoomForPhotos promises that a person, a station and a day have so many photos.
func TestRoomForPhotos(t *testing.T) {
	t.Parallel()
	for c, code := range map[photo.Counts]string{
		{}: "", {OfPerson: 9, OfStation: 199, OfDay: 199}: "", {OfPerson: 10}: "too_many_photos", {OfStation: 200}: "too_many_photos", {OfDay: 200}: "too_many_photos_today",
	} {
		if err := c.Room(); (err == nil) != (code == "") || err != nil && fault.Of(err).Code() != code {
			t.Errorf("with %+v it is %v", c, err)
		}
	}
	w := newWorld(t)
	w.put(site("A", "1"), site("B", "2"))
	a, b, ada := w.all()["A"].ID, w.all()["B"].ID, uuid.New()
	first := w.photographed(ada, a, "1")
	w.photographed(uuid.New(), a, "1")
	if _, err := w.DB().ExecContext(t.Context(), `
INSERT INTO photos (id, station_id, author, digest, width, height, thumbnail_width, thumbnail_height, created_at)
SELECT gen_random_uuid(), $1, gen_random_uuid(), sha256(n::text::bytea), 64, 64, 64, 64, now() FROM generate_series(1, 198) n`, a); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RoomForPhoto(t.Context(), ada, a, photo.DigestOf([]byte("2"))); fault.Of(err).Code() != "too_many_photos" {
		t.Errorf("the station with 200 has room: %v", err)
	}
	if before, err := w.RoomForPhoto(t.Context(), ada, a, photo.DigestOf([]byte("1"))); err != nil || before == nil || before.ID != first.ID {
		t.Errorf("the same file is answered by %+v, %v", before, err)
	}
	if before, err := w.RoomForPhoto(t.Context(), ada, b, photo.DigestOf([]byte("1"))); err != nil || before != nil {
		t.Errorf("of another station it is answered by %+v, %v", before, err)
	}
}

// TestPhotosOfAMerge promises that the survivor has the photos of both, of one file that a person sent of both the hidden or the older one,
// that they are shown with it, and that removing a station leaves them.
func TestPhotosOfAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"), site("B", "2"))
	keep, drop := w.all()["A"].ID, w.all()["B"].ID
	ada, bob := uuid.New(), uuid.New()
	older := w.photographed(ada, drop, "same")
	w.photographed(ada, keep, "same")
	his := w.photographed(bob, keep, "same")
	w.photographed(bob, drop, "hidden")
	hidden := w.photographed(bob, keep, "hidden")
	if _, err := w.ModeratePhoto(t.Context(), ada, keep, hidden.ID, true, "", func(photo.Photo) error { return nil }); err != nil {
		t.Fatal(err)
	}
	lone := w.photographed(ada, drop, "lone")
	version := w.all()["A"].Version
	if _, err := w.Merge(t.Context(), history.Author{Subject: "test"}, keep, drop, func(station.Station, station.Station) error { return nil }); err != nil {
		t.Fatal(err)
	}
	left, err := w.Photos(t.Context(), review.Viewer{Moderator: true}, keep, false, uuid.Max, 100)
	ids := make([]uuid.UUID, len(left))
	for i, p := range left {
		ids[i] = p.ID
	}
	if want := []uuid.UUID{lone.ID, hidden.ID, his.ID, older.ID}; err != nil || !slices.Equal(ids, want) || w.pictures() != 8 {
		t.Errorf("the survivor has %v, want %v (%v), and there are %d pictures", ids, want, err, w.pictures())
	}
	rating, shown, _, err := w.Said(t.Context(), keep, 2)
	if err != nil || rating.Count != 0 || len(shown) != 2 || shown[0].ID != lone.ID || shown[0].Full != lone.Full || shown[1].ID != his.ID || !shown[1].CreatedAt.Equal(his.CreatedAt) {
		t.Errorf("the survivor shows %+v, %+v (%v)", rating, shown, err)
	}
	w.reviewed(bob, keep, stars(4))
	if rating, shown, _, err := w.Said(t.Context(), keep, 1); err != nil || rating != (review.Rating{Average: 4, Count: 1}) || len(shown) != 1 || w.all()["A"].Version != version+1 {
		t.Errorf("rated it shows %+v, %+v (%v)", rating, shown, err)
	}
	w.gone(keep)
	if w.pictures() != 8 {
		t.Errorf("of the removed station %d pictures are left", w.pictures())
	}
	if err := w.RemovePhoto(t.Context(), review.Viewer{Person: ada}, keep, lone.ID, func(photo.Photo) error { return nil }); err != nil || w.pictures() != 6 {
		t.Errorf("of the removed station it is deleted with %v; %d pictures are left", err, w.pictures())
	}
}

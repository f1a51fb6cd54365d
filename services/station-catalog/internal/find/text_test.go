package find_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

var said = []string{" rue", " route", " gare", " place", " rond"}

// document is a station in a version, whose text and power are a die's.
func document(r *rand.Rand, n, version int) search.Document {
	var d search.Document
	binary.BigEndian.PutUint64(d.ID[8:], uint64(n))
	d.Version = int64(version)
	d.Latitude, d.Longitude = r.Float64()*100-50, r.Float64()*300-150
	for _, word := range said {
		if r.IntN(3) == 0 {
			d.Text += word
		}
	}
	d.Item = []byte(`{"id":"` + d.ID.String() + `"}`)
	return d
}

// kept is a cache that forgets nothing, so that whatever could be found again is.
type kept map[string][]byte

func (k kept) Get(ctx context.Context, key string, load func(context.Context) ([]byte, error)) ([]byte, error) {
	if held, ok := k[key]; ok {
		return held, nil
	}
	fresh, err := load(ctx)
	if err == nil {
		k[key] = fresh
	}
	return fresh, err
}

// TestTextsAreNeverStale promises that with the cache every answer to a text is the one without it, whatever the stations and their
// ratings have become since it was filled, on every replica, on one that lags behind, and on one that was loaded at another time than the others.
func TestTextsAreNeverStale(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(20261128, 3))
	cache := kept{}
	plain, caching := find.NewFinder(nil, nil), find.NewFinder(nil, nil).Caching(cache)
	replicas := []*search.Index{search.New(), search.New()}
	const stations = 2600 // some words find more than are kept
	version := 0
	var first search.Batch
	for n := range stations {
		first.Upserts = append(first.Upserts, document(r, n, version))
	}
	for _, x := range replicas {
		x.Apply(first)
	}
	var lagging []*search.Snapshot
	asked, found := 0, 0
	for range 120 {
		version++
		var b search.Batch
		for range r.IntN(4) {
			b.Upserts = append(b.Upserts, document(r, r.IntN(stations+50), version))
		}
		for range r.IntN(2) {
			var id search.ID
			binary.BigEndian.PutUint64(id[8:], r.Uint64N(stations))
			b.Deletes = append(b.Deletes, id)
		}
		for range 200 * r.IntN(2) { // which change no version
			change := search.RatingChange{Rating: search.Rating{Average: float64(1 + r.IntN(5)), Count: uint32(r.IntN(3))}}
			binary.BigEndian.PutUint64(change.Station[8:], r.Uint64N(stations))
			b.Ratings = append(b.Ratings, change)
		}
		for i, x := range replicas {
			if i == 0 || r.IntN(3) > 0 { // the second one may miss a batch for good, as one does that was loaded in between
				x.Apply(b)
			}
			lagging = append(lagging, x.Snapshot())
		}
		for range 12 {
			snapshot := lagging[len(lagging)-1-r.IntN(min(8, len(lagging)))]
			q := find.Query{Limit: r.IntN(30), Now: time.Unix(0, 0), Spread: r.IntN(5) == 0, Sort: []find.Sort{find.ByPlace, find.ByUpdated, find.ByRating}[r.IntN(3)]}
			if r.IntN(6) == 0 {
				q.MinRating = float64(1 + r.IntN(3))
			}
			for range 1 + r.IntN(2) {
				q.Words = append(q.Words, said[r.IntN(len(said))][1:1+1+r.IntN(3)])
			}
			if r.IntN(5) == 0 {
				q.Place, _ = find.Within(find.Box{West: -100, South: -40, East: 60, North: 30})
			}
			want, page := plain.On(t.Context(), snapshot, &q)
			got, cached := caching.On(t.Context(), snapshot, &q)
			if string(got) != string(want) || !reflect.DeepEqual(cached, page) {
				t.Fatalf("%+v finds %d with the cache, %d without it", q, cached.Total, page.Total)
			}
			if asked++; page.Total > 0 {
				found++
			}
			if page.Next != nil {
				q.After = page.Next
				want, _ = plain.On(t.Context(), snapshot, &q)
				if got, _ = caching.On(t.Context(), snapshot, &q); string(got) != string(want) {
					t.Fatalf("the next page of %+v is another with the cache", q)
				}
			}
		}
	}
	if found < asked/2 || len(cache) > asked*3/4 {
		t.Errorf("of %d questions %d found anything, and %d texts were looked up anew", asked, found, len(cache))
	}
}

// TestFingerprints promises that snapshots of the same stations in the same versions have one fingerprint, however they came about,
// and others another.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	changed, loaded := search.New(), search.New()
	held := map[search.ID]search.Document{}
	seen := map[search.Fingerprint]bool{}
	for version := range 300 {
		d := document(r, r.IntN(60), version)
		b := search.Batch{Upserts: []search.Document{d}}
		if held[d.ID] = d; version%4 == 3 {
			b = search.Batch{Deletes: []search.ID{d.ID}}
			delete(held, d.ID)
		}
		changed.Apply(b)
		err := loaded.Load(func(yield func(search.Document, error) bool) {
			for _, d := range held {
				if !yield(d, nil) {
					return
				}
			}
		}, search.AsOf{})
		if err != nil {
			t.Fatal(err)
		}
		sum := changed.Snapshot().Fingerprint()
		if sum != loaded.Snapshot().Fingerprint() {
			t.Fatalf("after %d changes the fingerprint is not that of a load", version+1)
		}
		seen[sum] = true
	}
	if len(seen) < 250 { // a deletion of what was not there changes nothing
		t.Errorf("%d fingerprints were seen", len(seen))
	}
}

package find

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// Cache keeps what is dear to find, for all replicas.
type Cache interface {
	Get(ctx context.Context, key string, load func(context.Context) ([]byte, error)) ([]byte, error)
}

// Caching has the stations that a text finds in the whole catalogue looked up in a cache first. The key is the fingerprint of the
// snapshot that answers, so that what was found among other stations, or in other versions of them, is never found again.
func (f *Finder) Caching(in Cache) *Finder {
	f.texts = in
	return f
}

// mostKept is how many stations a text may find for them to be kept. Longer lists are no quicker than the search that makes them.
const mostKept = 2000

// narrow names the stations that the words of a query find, when they were looked for everywhere and are not too many.
func (f *Finder) narrow(ctx context.Context, snapshot *search.Snapshot, q *search.Query) {
	if f.texts == nil || len(q.Words) == 0 || q.Region != nil || q.Among != nil {
		return
	}
	said := slices.Compact(slices.Sorted(slices.Values(q.Words)))
	sum := snapshot.Fingerprint()
	key := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, sum[0]), sum[1])
	kept, err := f.texts.Get(ctx, string(append(key, strings.Join(said, " ")...)), func(context.Context) ([]byte, error) {
		return found(snapshot, said), nil
	})
	if err != nil {
		return // the caller has gone, and the words are still in the query
	}
	if among, whole := listed(kept); whole {
		q.Among, q.Words = among, nil
	}
}

// What a kept list begins with.
const (
	tooMany byte = iota
	allOfThem
)

// found gives the stations that the words find, as they are kept.
func found(snapshot *search.Snapshot, said []string) []byte {
	var result search.Result
	snapshot.Search(&search.Query{Words: said, Limit: mostKept}, &result)
	if result.More {
		return []byte{tooMany}
	}
	kept := append(make([]byte, 0, 1+len(result.Hits)*len(search.ID{})), allOfThem)
	for i := range result.Hits {
		id := result.Hits[i].ID()
		kept = append(kept, id[:]...)
	}
	return kept
}

// listed reads what was kept; false when it is not a whole list.
func listed(kept []byte) ([]search.ID, bool) {
	if len(kept)%len(search.ID{}) != 1 || kept[0] != allOfThem {
		return nil, false
	}
	among := make([]search.ID, 0, len(kept)/len(search.ID{}))
	for id := range slices.Chunk(kept[1:], len(search.ID{})) {
		among = append(among, search.ID(id))
	}
	return among, true
}

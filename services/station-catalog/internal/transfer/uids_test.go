package transfer

import (
	"fmt"
	"testing"
)

// TestUIDsAreRemembered promises that each uid is new once, while the tables grow many times, and that they take eight bytes for at most
// three places a uid.
func TestUIDsAreRemembered(t *testing.T) {
	t.Parallel()
	u := newUIDs()
	const n = 200_000
	for round, fresh := range []bool{true, false} {
		for i := range n {
			if uid := fmt.Sprintf("FR*G00*E%d", i); u.add(uid) != fresh {
				t.Fatalf("in round %d uid %s was new: %v", round, uid, !fresh)
			}
		}
	}
	count, places := 0, 0
	for i := range u.tables {
		count, places = count+u.tables[i].count, places+len(u.tables[i].places)
	}
	if count != n || places > 3*n {
		t.Errorf("of %d uids %d are remembered in %d places", n, count, places)
	}
}

// TestHashesThatCollide promises that hashes of one place, the last of the table, are kept apart.
func TestHashesThatCollide(t *testing.T) {
	t.Parallel()
	var h hashes
	for i := range uint64(1000) {
		if hash := i<<32 | (1<<32 - 1); !h.add(hash) || h.add(hash) {
			t.Fatalf("hash %x was not new once", hash)
		}
	}
	for i := range uint64(1000) {
		if h.add(i<<32 | (1<<32 - 1)) {
			t.Fatalf("hash %d was forgotten", i)
		}
	}
}

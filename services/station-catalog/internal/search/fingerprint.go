package search

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// Fingerprint stands for a set of stations in their versions: equal for snapshots of the same stations in the same versions, however
// they came about, and different, but for one chance in 2^128, for all others. Statuses are not in it.
type Fingerprint [2]uint64

// Fingerprint gives that of the snapshot.
func (s *Snapshot) Fingerprint() Fingerprint { return s.sum }

// addend is what a station adds to the sum.
func addend(id ID, version int64) (m Fingerprint) {
	var text [len(id) + 9]byte
	copy(text[:], id[:])
	binary.LittleEndian.PutUint64(text[len(id):], uint64(version)) //nolint:gosec // its bits
	for i := range m {
		text[len(text)-1] = byte(i)
		m[i] = xxhash.Sum64(text[:])
	}
	return m
}

func (f *Fingerprint) add(id ID, version int64) {
	for i, v := range addend(id, version) {
		f[i] += v
	}
}

func (f *Fingerprint) subtract(id ID, version int64) {
	for i, v := range addend(id, version) {
		f[i] -= v
	}
}

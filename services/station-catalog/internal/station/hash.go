package station

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Hash is a fingerprint of what a source says of a station: equal for two documents that differ only in our ids, versions and
// times, in removed EVSEs, or in what is live. An import writes nothing for a station whose hash is the same.
func (s *Station) Hash() ([sha256.Size]byte, error) {
	told := s.told()
	slices.SortStableFunc(told.EVSEs, func(a, b EVSE) int { return strings.Compare(a.UID, b.UID) })
	text, err := json.Marshal(told)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("fingerprint of station %s: %w", s.SourceID, err)
	}
	return sha256.Sum256(text), nil
}

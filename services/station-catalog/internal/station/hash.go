package station

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Hash is a fingerprint of what a source says of a station: equal for two documents that differ only in our ids, versions and
// times, in removed EVSEs, or in what is live. An import writes nothing for a station whose hash is the same.
func (s *Station) Hash() ([sha256.Size]byte, error) {
	told := *s
	told.ID, told.Version, told.UpdatedAt, told.Plots, told.StatusesAsOf = uuid.Nil, 0, time.Time{}, nil, nil
	told.Operator = Operator{CountryCode: s.Operator.CountryCode, PartyID: s.Operator.PartyID}
	told.EVSEs = make([]EVSE, 0, len(s.EVSEs))
	for _, e := range s.EVSEs {
		if e.Removed {
			continue
		}
		e.ID, e.PlotID, e.Status, e.StatusSince = uuid.Nil, nil, "", nil
		told.EVSEs = append(told.EVSEs, e)
	}
	slices.SortStableFunc(told.EVSEs, func(a, b EVSE) int {
		switch {
		case a.UID < b.UID:
			return -1
		case a.UID > b.UID:
			return 1
		default:
			return 0
		}
	})
	text, err := json.Marshal(told)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("fingerprint of station %s: %w", s.SourceID, err)
	}
	return sha256.Sum256(text), nil
}

package station

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
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
		if e.Connectors == nil {
			e.Connectors = []Connector{}
		}
		e.ID, e.PlotID, e.Status, e.StatusSince = uuid.Nil, nil, "", nil
		told.EVSEs = append(told.EVSEs, e)
	}
	if told.Tariffs == nil {
		told.Tariffs = []tariff.Tariff{}
	}
	slices.SortStableFunc(told.EVSEs, func(a, b EVSE) int { return strings.Compare(a.UID, b.UID) })
	text, err := json.Marshal(told)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("fingerprint of station %s: %w", s.SourceID, err)
	}
	return sha256.Sum256(text), nil
}

package station

import (
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// SettleTariffs gives the tariffs the ids that they have with us, in the order of which they then stand, and has the connectors
// refer to them. A tariff that no connector refers to is dropped. It changes neither what it has changed before nor what we have
// exported.
func (s *Station) SettleTariffs() {
	referred := make(map[string]bool)
	for i := range s.EVSEs {
		for j := range s.EVSEs[i].Connectors {
			c := &s.EVSEs[i].Connectors[j]
			for k, id := range c.TariffIDs {
				c.TariffIDs[k] = TariffID(s.Operator.CountryCode, s.Operator.PartyID, id).String()
				referred[c.TariffIDs[k]] = true
			}
		}
	}
	for i := range s.Tariffs {
		t := &s.Tariffs[i]
		t.ID = TariffID(t.CountryCode, t.PartyID, t.ID).String()
	}
	s.Tariffs = slices.DeleteFunc(s.Tariffs, func(t tariff.Tariff) bool { return !referred[t.ID] })
	slices.SortFunc(s.Tariffs, func(a, b tariff.Tariff) int { return cmp.Compare(a.ID, b.ID) })
}

// TariffID is our id of a tariff that its operator calls by this id: the same one, when it is a UUID, and otherwise a hash in the
// form of a UUID of version 8. So a tariff keeps its id however often, and by whichever way, it comes.
func TariffID(countryCode, partyID, id string) uuid.UUID {
	if known, err := uuid.Parse(id); err == nil && len(id) == 36 {
		return known
	}
	sum := sha256.Sum256([]byte("tariff\x00" + countryCode + "\x00" + partyID + "\x00" + id))
	hashed := uuid.UUID(sum[:16])
	hashed[6] = hashed[6]&0x0f | 0x80
	hashed[8] = hashed[8]&0x3f | 0x80
	return hashed
}

package station

import (
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
)

// Diff gives what an operator or a source would notice between two versions of a station: nothing of ids, versions and times of
// ours, of removed EVSEs, or of what is live. When after does not tell of all EVSEs, those that it lacks are as they were.
func Diff(before, after Station, complete bool) ([]history.Change, error) {
	before, after = before.told(), after.told()
	if !complete {
		for _, e := range before.EVSEs {
			if !after.hasUID(e.UID) {
				after.EVSEs = append(after.EVSEs, e)
			}
		}
		after.Tariffs = before.Tariffs // which of them go depends on the EVSEs that stay
	}
	return history.Diff(before.document(), after.document(), history.Keyed{"evses": "uid", "tariffs": "id"})
}

func (s *Station) hasUID(uid string) bool {
	for i := range s.EVSEs {
		if s.EVSEs[i].UID == uid {
			return true
		}
	}
	return false
}

// toldEVSE is an EVSE without its id, which is ours; uids name EVSEs in a history.
type toldEVSE struct {
	EVSE
	ID *uuid.UUID `json:"id,omitempty"` // nil
}

// toldStation is a station of such EVSEs.
type toldStation struct {
	Station
	EVSEs []toldEVSE `json:"evses"`
}

func (s *Station) document() toldStation {
	d := toldStation{Station: *s, EVSEs: make([]toldEVSE, len(s.EVSEs))}
	for i, e := range s.EVSEs {
		d.EVSEs[i].EVSE = e
	}
	return d
}

// told is the station without what is ours and what is live.
func (s Station) told() Station {
	s.ID, s.Version, s.UpdatedAt, s.Plots, s.StatusesAsOf, s.Rating, s.Photos, s.OpenReports = uuid.Nil, 0, time.Time{}, nil, nil, nil, nil, nil
	s.Operator = Operator{CountryCode: s.Operator.CountryCode, PartyID: s.Operator.PartyID}
	live := make([]EVSE, 0, len(s.EVSEs))
	for _, e := range s.EVSEs {
		if e.Removed {
			continue
		}
		if e.Connectors == nil {
			e.Connectors = []Connector{}
		}
		e.ID, e.PlotID, e.Status, e.StatusSince = uuid.Nil, nil, "", nil
		live = append(live, e)
	}
	s.EVSEs = live
	if s.Tariffs == nil {
		s.Tariffs = []tariff.Tariff{}
	}
	return s
}

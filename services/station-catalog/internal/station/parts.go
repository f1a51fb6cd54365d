package station

import (
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
)

// The faults of a station's parts.
var (
	ErrNoEVSE         = fault.Define(fault.NotFound, "evse_not_found", "The station has no such EVSE")
	ErrNoConnector    = fault.Define(fault.NotFound, "connector_not_found", "The EVSE has no such connector")
	ErrConnectorTaken = fault.Define(fault.Conflict, "connector_id_taken", "The EVSE has another connector of this id")
	ErrLastConnector  = fault.Define(fault.Conflict, "last_connector", "An EVSE keeps at least one connector: remove the EVSE instead")
)

// alone is a copy of the station without its removed EVSEs, whose lists may be changed.
func (s *Station) alone() Station {
	out := *s
	out.EVSEs = slices.DeleteFunc(slices.Clone(s.EVSEs), func(e EVSE) bool { return e.Removed })
	for i := range out.EVSEs {
		out.EVSEs[i].Connectors = slices.Clone(out.EVSEs[i].Connectors)
	}
	return out
}

// AddEVSE is the station with one EVSE more. It returns ErrEVSEUsed when there is one of its uid.
func (s *Station) AddEVSE(e EVSE) (Station, error) {
	out := s.alone()
	if out.hasUID(e.UID) {
		return out, ErrEVSEUsed.Detailf("the station has an EVSE %q", e.UID)
	}
	out.EVSEs = append(out.EVSEs, e)
	return out, nil
}

// PatchEVSE is the station with an EVSE changed by a JSON Merge Patch. It returns ErrNoEVSE, or ErrInvalid for a patch that does
// not fit. The uid stays, since an EVSE is known by it.
func (s *Station) PatchEVSE(id uuid.UUID, patch []byte) (Station, error) {
	out := s.alone()
	e, err := out.evse(id)
	if err != nil {
		return out, err
	}
	changed, err := patched(*e, patch)
	if err != nil {
		return out, err
	}
	changed.ID, changed.UID = e.ID, e.UID
	*e = changed
	return out, nil
}

// DropEVSE is the station without an EVSE, or ErrNoEVSE.
func (s *Station) DropEVSE(id uuid.UUID) (Station, error) {
	out := s.alone()
	if _, err := out.evse(id); err != nil {
		return out, err
	}
	out.EVSEs = slices.DeleteFunc(out.EVSEs, func(e EVSE) bool { return e.ID == id })
	return out, nil
}

// AddConnector is the station with one connector more. It returns ErrNoEVSE, or ErrConnectorTaken.
func (s *Station) AddConnector(evse uuid.UUID, c Connector) (Station, error) {
	out := s.alone()
	e, err := out.evse(evse)
	if err != nil {
		return out, err
	}
	if e.connector(c.ID) >= 0 {
		return out, ErrConnectorTaken.Detailf("the EVSE has a connector %q", c.ID)
	}
	e.Connectors = append(e.Connectors, c)
	return out, nil
}

// PatchConnector is the station with a connector changed by a JSON Merge Patch. It returns ErrNoEVSE, ErrNoConnector, or ErrInvalid
// for a patch that does not fit. The id stays.
func (s *Station) PatchConnector(evse uuid.UUID, id string, patch []byte) (Station, error) {
	out := s.alone()
	e, err := out.evse(evse)
	if err != nil {
		return out, err
	}
	place := e.connector(id)
	if place < 0 {
		return out, ErrNoConnector
	}
	changed, err := patched(e.Connectors[place], patch)
	if err != nil {
		return out, err
	}
	changed.ID = id
	e.Connectors[place] = changed
	return out, nil
}

// DropConnector is the station without a connector. It returns ErrNoEVSE, ErrNoConnector or ErrLastConnector.
func (s *Station) DropConnector(evse uuid.UUID, id string) (Station, error) {
	out := s.alone()
	e, err := out.evse(evse)
	switch {
	case err != nil:
		return out, err
	case e.connector(id) < 0:
		return out, ErrNoConnector
	case len(e.Connectors) == 1:
		return out, ErrLastConnector
	}
	e.Connectors = slices.DeleteFunc(e.Connectors, func(c Connector) bool { return c.ID == id })
	return out, nil
}

func (s *Station) evse(id uuid.UUID) (*EVSE, error) {
	for i := range s.EVSEs {
		if s.EVSEs[i].ID == id {
			return &s.EVSEs[i], nil
		}
	}
	return nil, ErrNoEVSE
}

// connector gives the place of the connector, -1 when there is none.
func (e *EVSE) connector(id string) int {
	return slices.IndexFunc(e.Connectors, func(c Connector) bool { return c.ID == id })
}

// patched is a part after a JSON Merge Patch.
func patched[T any](part T, patch []byte) (T, error) {
	out, err := mergepatch.Apply(part, patch)
	if err != nil {
		return out, ErrInvalid.Detailf("%s", err).Because(err)
	}
	return out, nil
}

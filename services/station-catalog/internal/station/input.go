package station

import (
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
)

// Input is what an operator says of a station of its own.
type Input struct {
	OperatorID  *uuid.UUID      `json:"operator_id,omitempty"`
	SourceID    string          `json:"source_id,omitempty"`
	Name        string          `json:"name"`
	Address     string          `json:"address"`
	City        string          `json:"city"`
	PostalCode  string          `json:"postal_code,omitempty"`
	State       string          `json:"state,omitempty"`
	Country     string          `json:"country"`
	Latitude    float64         `json:"latitude"`
	Longitude   float64         `json:"longitude"`
	TimeZone    string          `json:"time_zone,omitempty"`
	Access      Access          `json:"access,omitempty"`
	ParkingType string          `json:"parking_type,omitempty"`
	Facilities  []string        `json:"facilities,omitempty"`
	Opening     *OpeningTimes   `json:"opening_times,omitempty"`
	OpeningText string          `json:"opening_hours_text,omitempty"`
	Payment     *Payment        `json:"payment,omitempty"`
	EVSEs       []EVSE          `json:"evses"`
	Tariffs     []tariff.Tariff `json:"tariffs,omitempty"`
}

// Station is the station that the input tells of, with what is meant when nothing is said. It has no operator, source and id yet.
func (in *Input) Station() Station {
	s := Station{
		SourceID: in.SourceID, Name: in.Name, Address: in.Address, City: in.City, PostalCode: in.PostalCode, State: in.State,
		Country: in.Country, Latitude: in.Latitude, Longitude: in.Longitude, TimeZone: in.TimeZone, Access: in.Access,
		ParkingType: in.ParkingType, Facilities: in.Facilities, Opening: in.Opening, OpeningText: in.OpeningText, Payment: in.Payment,
		EVSEs: in.EVSEs, Tariffs: in.Tariffs,
	}
	if s.TimeZone == "" {
		s.TimeZone = "UTC"
	}
	if s.Access == "" {
		s.Access = Public
	}
	return s
}

// input is the input that would make the station as it is.
func (s *Station) input() Input {
	return Input{
		Name: s.Name, Address: s.Address, City: s.City, PostalCode: s.PostalCode, State: s.State, Country: s.Country,
		Latitude: s.Latitude, Longitude: s.Longitude, TimeZone: s.TimeZone, Access: s.Access, ParkingType: s.ParkingType,
		Facilities: s.Facilities, Opening: s.Opening, OpeningText: s.OpeningText, Payment: s.Payment,
		EVSEs:   slices.DeleteFunc(slices.Clone(s.EVSEs), func(e EVSE) bool { return e.Removed }),
		Tariffs: s.Tariffs,
	}
}

// Patched is the station after a JSON Merge Patch (RFC 7396) of its input. It returns ErrInvalid for a patch that does not fit.
func (s *Station) Patched(patch []byte) (Station, error) {
	in, err := mergepatch.Apply(s.input(), patch)
	if err != nil {
		return Station{}, ErrInvalid.Detailf("%s", err).Because(err)
	}
	out := in.Station()
	out.ID, out.Operator, out.Source, out.SourceID, out.Version = s.ID, s.Operator, s.Source, s.SourceID, s.Version
	for i := range out.Tariffs {
		out.Tariffs[i].CountryCode, out.Tariffs[i].PartyID = s.Operator.CountryCode, s.Operator.PartyID
	}
	return out, nil
}

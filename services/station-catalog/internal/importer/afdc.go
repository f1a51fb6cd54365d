package importer

import (
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// afdc is the format of the Alternative Fuels Data Center of the US Department of Energy, as CSV: its whole set of columns, or as
// few as name, place and id. Stations of other fuels are left out.
type afdc struct{ wholes }

// The columns.
const (
	afdcID = iota
	afdcName
	afdcLatitude
	afdcLongitude
	afdcMandatory
	afdcZIP = iota - 1
	afdcFuel
	afdcStreet
	afdcCity
	afdcState
	afdcCountry
	afdcPhone
	afdcStatus
	afdcAccess
	afdcGroups
	afdcHours
	afdcCards
	afdcLevel1
	afdcLevel2
	afdcFast
	afdcNetwork
	afdcNetworkWeb
	afdcPlugs
	afdcFacility
	afdcPrice
)

var afdcColumns = [][]string{
	afdcID:         {"ID"},
	afdcName:       {"Station Name", "station_name"},
	afdcLatitude:   {"Latitude"},
	afdcLongitude:  {"Longitude"},
	afdcZIP:        {"ZIP"},
	afdcFuel:       {"Fuel Type Code", "fuel_type_code"},
	afdcStreet:     {"Street Address", "street_address"},
	afdcCity:       {"City"},
	afdcState:      {"State"},
	afdcCountry:    {"Country"},
	afdcPhone:      {"Station Phone", "station_phone"},
	afdcStatus:     {"Status Code", "status_code"},
	afdcAccess:     {"Access Code", "access_code"},
	afdcGroups:     {"Groups With Access Code", "groups_with_access_code"},
	afdcHours:      {"Access Days Time", "access_days_time"},
	afdcCards:      {"Cards Accepted", "cards_accepted"},
	afdcLevel1:     {"EV Level1 EVSE Num", "ev_level1_evse_num"},
	afdcLevel2:     {"EV Level2 EVSE Num", "ev_level2_evse_num"},
	afdcFast:       {"EV DC Fast Count", "ev_dc_fast_num"},
	afdcNetwork:    {"EV Network", "ev_network"},
	afdcNetworkWeb: {"EV Network Web", "ev_network_web"},
	afdcPlugs:      {"EV Connector Types", "ev_connector_types"},
	afdcFacility:   {"Facility Type", "facility_type"},
	afdcPrice:      {"EV Pricing", "ev_pricing"},
}

// Rows reads stations.
func (afdc) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] {
	var places []int
	return table{
		header: func(record []string) (err error) {
			places, err = columnsOf(record, afdcColumns, afdcMandatory, "a file of the Alternative Fuels Data Center")
			return err
		},
		row: func(number int64, record []string) transfer.Row {
			s := &site{line: number}
			readAFDC(s, func(c int) string {
				if places[c] < 0 {
					return ""
				}
				return tidy(text(record[places[c]]))
			})
			return s.row()
		},
	}.rows(r)
}

var canadianCode = regexp.MustCompile(`^[A-Za-z][0-9][A-Za-z]`)

func readAFDC(s *site, value func(int) string) {
	st := &s.Station
	if st.SourceID = s.short(value(afdcID), "ID", 128); st.SourceID == "" {
		s.reject("missing_id", "the row has no ID")
		return
	}
	if fuel := value(afdcFuel); fuel != "" && fuel != "ELEC" {
		s.reject("unpublished", "the station sells %q and no electricity", fuel)
		return
	}
	if value(afdcStatus) == "P" {
		s.reject("unpublished", "the station is planned")
		return
	}
	s.place(value(afdcLatitude), value(afdcLongitude))
	st.Name = s.short(value(afdcName), "Station Name", 255)
	if st.Name == "" {
		st.Name = "AFDC " + st.SourceID
	}
	st.Address, st.City = s.short(value(afdcStreet), "Street Address", 255), s.short(value(afdcCity), "City", 100)
	st.PostalCode, st.State = s.short(value(afdcZIP), "ZIP", 16), s.short(value(afdcState), "State", 64)
	st.Country = "US"
	if value(afdcCountry) == "CA" || value(afdcCountry) == "" && canadianCode.MatchString(st.PostalCode) {
		st.Country = "CA"
	}
	st.TimeZone = zoneFor(st.Country, st.State, st.Latitude, st.Longitude)
	s.afdcAccess(value)
	s.Operator.Website = s.short(value(afdcNetworkWeb), "EV Network Web", 255)
	network := value(afdcNetwork)
	if network == "Non-Networked" {
		network = ""
	}
	s.runBy(network)
	s.afdcHours(value(afdcHours))
	s.afdcPayment(value)
	s.afdcEVSEs(value)
	// A file without these columns does not tell which EVSEs there are.
	s.Complete = value(afdcLevel1)+value(afdcLevel2)+value(afdcFast) != ""
}

func (s *site) afdcAccess(value func(int) string) {
	st := &s.Station
	groups := strings.ToLower(value(afdcGroups))
	st.Access = station.Public
	switch {
	case strings.EqualFold(value(afdcAccess), "private"), strings.HasPrefix(groups, "private"):
		st.Access = station.Private
	case strings.Contains(groups, "card key"), strings.Contains(groups, "call ahead"):
		st.Access = station.Restricted
	}
	switch value(afdcFacility) {
	case "PARKING_GARAGE", "PAY_GARAGE":
		st.ParkingType = "PARKING_GARAGE"
	case "PARKING_LOT", "PAY_LOT":
		st.ParkingType = "PARKING_LOT"
	case "STREET_PARKING":
		st.ParkingType = "ON_STREET"
	case "HOTEL", "INN", "B_AND_B":
		st.Facilities = []string{"HOTEL"}
	case "SHOPPING_CENTER", "SHOPPING_MALL":
		st.Facilities = []string{"MALL"}
	case "GROCERY":
		st.Facilities = []string{"SUPERMARKET"}
	case "RESTAURANT":
		st.Facilities = []string{"RESTAURANT"}
	case "AIRPORT":
		st.Facilities = []string{"AIRPORT"}
	case "MUSEUM":
		st.Facilities = []string{"MUSEUM"}
	case "GAS_STATION", "CONVENIENCE_STORE", "TRUCK_STOP", "TRAVEL_CENTER":
		st.Facilities = []string{"FUEL_STATION"}
	}
}

func (s *site) afdcHours(hours string) {
	st := &s.Station
	if strings.HasPrefix(strings.ToLower(hours), "24 hours daily") {
		st.Opening = &station.OpeningTimes{TwentyFourSeven: true}
		return
	}
	st.OpeningText = s.short(hours, "Access Days Time", 2000)
}

func (s *site) afdcPayment(value func(int) string) {
	price := s.short(value(afdcPrice), "EV Pricing", 2000)
	p := station.Payment{Text: price}
	if strings.EqualFold(price, "free") {
		p.Free = &yes
	}
	for card := range strings.FieldsSeq(value(afdcCards)) {
		switch card {
		case "A", "D", "M", "V", "CREDIT", "Debit", "Credit":
			p.Card = &yes
		}
	}
	if p != (station.Payment{}) {
		s.Station.Payment = &p
	}
}

// afdcEVSEs makes EVSEs of the three counts. Each gets the connectors of its kind that the station has.
func (s *site) afdcEVSEs(value func(int) string) {
	has := map[string]bool{}
	for plug := range strings.FieldsSeq(value(afdcPlugs)) {
		has[plug] = true
	}
	add := func(kind string, column int, connectors []station.Connector) {
		count := word(value(column)).whole()
		if count > mostAlike {
			s.find(transfer.Adjusted, "too_many", "%s is %d; %d were taken", afdcColumns[column][0], count, mostAlike)
			count = mostAlike
		}
		if count > 0 && len(connectors) == 0 {
			s.find(transfer.Adjusted, "no_plug", "EV Connector Types names no plug of kind %s", kind)
		}
		for n := range count {
			s.Station.EVSEs = append(s.Station.EVSEs, station.EVSE{
				UID: s.Station.SourceID + "-" + kind + "-" + strconv.Itoa(n+1), Connectors: connectors,
			})
		}
	}
	const tesla = "TESLA"
	level1 := plugsOf(has, [][2]string{{"NEMA515", "DOMESTIC_B"}, {"NEMA520", "NEMA_5_20"}}, "SOCKET", "AC_1_PHASE")
	if len(level1) == 0 {
		level1 = plugsOf(has, [][2]string{{"J1772", "IEC_62196_T1"}}, "CABLE", "AC_1_PHASE")
	}
	level2 := plugsOf(has, [][2]string{{"J1772", "IEC_62196_T1"}}, "CABLE", "AC_1_PHASE")
	if has[tesla] && (len(level2) == 0 || value(afdcFast) == "" || value(afdcFast) == "0") {
		level2 = append(level2, plugsOf(has, [][2]string{{tesla, "SAE_J3400"}}, "CABLE", "AC_1_PHASE")...)
	}
	level2 = append(level2, plugsOf(has, [][2]string{{"NEMA1450", "NEMA_14_50"}}, "SOCKET", "AC_1_PHASE")...)
	fast := plugsOf(has, [][2]string{{"J1772COMBO", "IEC_62196_T1_COMBO"}, {"CHADEMO", "CHADEMO"}, {tesla, "SAE_J3400"}}, "CABLE", "DC")
	add("L1", afdcLevel1, numbered(level1))
	add("L2", afdcLevel2, numbered(level2))
	add("DC", afdcFast, numbered(fast))
}

// plugsOf gives connectors for the plugs that are there. The data centre tells no power.
func plugsOf(has map[string]bool, kinds [][2]string, format, powerType string) []station.Connector {
	var all []station.Connector
	for _, kind := range kinds {
		if has[kind[0]] {
			all = append(all, station.Connector{Standard: kind[1], Format: format, PowerType: powerType})
		}
	}
	return all
}

// numbered gives the connectors their ids.
func numbered(connectors []station.Connector) []station.Connector {
	out := []station.Connector{}
	for i, c := range connectors {
		c.ID = strconv.Itoa(i + 1)
		out = append(out, c)
	}
	return out
}

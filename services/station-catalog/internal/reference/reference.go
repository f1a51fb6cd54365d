// Package reference holds the enumerations of the catalogue, in OCPI's words, each value with a title for people.
package reference

// Value is one value of an enumeration.
type Value struct {
	Value string `json:"value"`
	Title string `json:"title"`
}

// Enumeration is a closed list of values.
type Enumeration []Value

// Has tells whether the value belongs to the enumeration.
func (e Enumeration) Has(value string) bool {
	for i := range e {
		if e[i].Value == value {
			return true
		}
	}
	return false
}

// All gives every enumeration by its name, but for those that the operator may set.
func All() map[string]Enumeration {
	return map[string]Enumeration{
		"access":              Access,
		"capability":          Capabilities,
		"connector_format":    ConnectorFormats,
		"connector_standard":  ConnectorStandards,
		"facility":            Facilities,
		"parking_restriction": ParkingRestrictions,
		"parking_type":        ParkingTypes,
		"plot_status":         PlotStatuses,
		"power_type":          PowerTypes,
		"import_format":       ImportFormats,
		"import_state":        ImportStates,
		"finding_severity":    FindingSeverities,
		"visit_outcome":       VisitOutcomes,
		"report_kind":         ReportKinds,
		"report_state":        ReportStates,
		"contribution_kind":   ContributionKinds,
	}
}

// The enumerations.
var (
	Access = Enumeration{
		{"public", "Open to everybody"},
		{"restricted", "Open to some, such as customers"},
		{"private", "Not open to the public"},
	}
	ConnectorStandards = Enumeration{
		{"CHADEMO", "CHAdeMO"},
		{"CHAOJI", "ChaoJi"},
		{"DOMESTIC_A", "Household socket type A (North America, Japan)"},
		{"DOMESTIC_B", "Household socket type B (North America)"},
		{"DOMESTIC_C", "Household socket type C (Europlug)"},
		{"DOMESTIC_D", "Household socket type D (India)"},
		{"DOMESTIC_E", "Household socket type E (France)"},
		{"DOMESTIC_F", "Household socket type F (Schuko)"},
		{"DOMESTIC_G", "Household socket type G (United Kingdom)"},
		{"DOMESTIC_H", "Household socket type H (Israel)"},
		{"DOMESTIC_I", "Household socket type I (Australia, China)"},
		{"DOMESTIC_J", "Household socket type J (Switzerland)"},
		{"DOMESTIC_K", "Household socket type K (Denmark)"},
		{"DOMESTIC_L", "Household socket type L (Italy)"},
		{"DOMESTIC_M", "Household socket type M (South Africa)"},
		{"DOMESTIC_N", "Household socket type N (Brazil)"},
		{"DOMESTIC_O", "Household socket type O (Thailand)"},
		{"GBT_AC", "GB/T AC"},
		{"GBT_DC", "GB/T DC"},
		{"IEC_60309_2_single_16", "Industrial socket, blue, 16 A"},
		{"IEC_60309_2_three_16", "Industrial socket, red, 16 A"},
		{"IEC_60309_2_three_32", "Industrial socket, red, 32 A"},
		{"IEC_60309_2_three_64", "Industrial socket, red, 64 A"},
		{"IEC_62196_T1", "Type 1 (J1772)"},
		{"IEC_62196_T1_COMBO", "CCS 1"},
		{"IEC_62196_T2", "Type 2"},
		{"IEC_62196_T2_COMBO", "CCS 2"},
		{"IEC_62196_T3A", "Type 3A"},
		{"IEC_62196_T3C", "Type 3C"},
		{"MCS", "Megawatt charging"},
		{"NEMA_5_20", "NEMA 5-20"},
		{"NEMA_6_30", "NEMA 6-30"},
		{"NEMA_6_50", "NEMA 6-50"},
		{"NEMA_10_30", "NEMA 10-30"},
		{"NEMA_10_50", "NEMA 10-50"},
		{"NEMA_14_30", "NEMA 14-30"},
		{"NEMA_14_50", "NEMA 14-50"},
		{"PANTOGRAPH_BOTTOM_UP", "Pantograph on the vehicle"},
		{"PANTOGRAPH_TOP_DOWN", "Pantograph on the mast"},
		{"SAE_J3400", "NACS (J3400)"},
		{"TESLA_R", "Tesla Roadster"},
		{"TESLA_S", "Tesla, North America"},
	}
	ConnectorFormats = Enumeration{
		{"SOCKET", "Socket: bring a cable"},
		{"CABLE", "Cable attached"},
	}
	PowerTypes = Enumeration{
		{"AC_1_PHASE", "Alternating current, one phase"},
		{"AC_2_PHASE", "Alternating current, two phases"},
		{"AC_2_PHASE_SPLIT", "Alternating current, two phases of a split system"},
		{"AC_3_PHASE", "Alternating current, three phases"},
		{"DC", "Direct current"},
	}
	PlotStatuses = Enumeration{
		{"AVAILABLE", "Free"},
		{"BLOCKED", "Blocked by an obstacle"},
		{"CHARGING", "Charging"},
		{"INOPERATIVE", "Out of operation for now"},
		{"OUTOFORDER", "Out of order"},
		{"PLANNED", "Planned"},
		{"REMOVED", "Removed"},
		{"RESERVED", "Reserved"},
		{"UNKNOWN", "Not known"},
	}
	Capabilities = Enumeration{
		{"CHARGING_PROFILE_CAPABLE", "Takes charging profiles"},
		{"CHARGING_PREFERENCES_CAPABLE", "Takes charging preferences"},
		{"CHIP_CARD_SUPPORT", "Payment terminal reads chip cards"},
		{"CONTACTLESS_CARD_SUPPORT", "Payment terminal reads contactless cards"},
		{"CREDIT_CARD_PAYABLE", "Credit cards are taken"},
		{"DEBIT_CARD_PAYABLE", "Debit cards are taken"},
		{"PED_TERMINAL", "Payment terminal with PIN entry"},
		{"REMOTE_START_STOP_CAPABLE", "Can be started and stopped remotely"},
		{"RESERVABLE", "Can be reserved"},
		{"RFID_READER", "Reads RFID cards"},
		{"START_SESSION_CONNECTOR_REQUIRED", "The connector must be chosen at the start"},
		{"TOKEN_GROUP_CAPABLE", "Knows groups of tokens"},
		{"UNLOCK_CAPABLE", "The connector can be unlocked remotely"},
	}
	ParkingRestrictions = Enumeration{
		{"CUSTOMERS", "For customers"},
		{"DISABLED", "For disabled persons"},
		{"EMPLOYEES", "For employees"},
		{"EV_ONLY", "For electric vehicles only"},
		{"MOTORCYCLES", "For motorcycles and scooters"},
		{"PLUGGED", "Only while plugged in"},
		{"TAXIS", "For taxis"},
		{"TENANTS", "For tenants"},
	}
	ParkingTypes = Enumeration{
		{"ALONG_MOTORWAY", "Along a motorway"},
		{"PARKING_GARAGE", "Multi-storey car park"},
		{"PARKING_LOT", "Car park in the open"},
		{"ON_DRIVEWAY", "On a driveway"},
		{"ON_STREET", "At the kerb"},
		{"UNDERGROUND_GARAGE", "Underground car park"},
	}
	Facilities = Enumeration{
		{"HOTEL", "Hotel"},
		{"RESTAURANT", "Restaurant"},
		{"CAFE", "Café"},
		{"MALL", "Shopping centre"},
		{"SUPERMARKET", "Supermarket"},
		{"SPORT", "Sports"},
		{"RECREATION_AREA", "Recreation area"},
		{"NATURE", "Nature"},
		{"MUSEUM", "Museum"},
		{"BIKE_SHARING", "Bicycle sharing"},
		{"BUS_STOP", "Bus stop"},
		{"TAXI_STAND", "Taxi rank"},
		{"TRAM_STOP", "Tram stop"},
		{"METRO_STATION", "Metro station"},
		{"TRAIN_STATION", "Railway station"},
		{"AIRPORT", "Airport"},
		{"PARKING_LOT", "Car park"},
		{"CARPOOL_PARKING", "Car park for sharing rides"},
		{"FUEL_STATION", "Fuel station"},
		{"WIFI", "Wi-Fi"},
	}
	ImportFormats = Enumeration{
		{"irve", "French register, static scheme (CSV or JSON lines)"},
		{"ocpi", "OCPI 2.2.1 Locations (JSON)"},
		{"ocm", "Open Charge Map points of interest (JSON)"},
		{"afdc", "Alternative Fuels Data Center, USA and Canada (CSV)"},
		{"bnetza", "German register of charging points (CSV)"},
		{"ndjson", "Stations as this API exports them"},
	}
	ImportStates = Enumeration{
		{"receiving", "The file is arriving"},
		{"waiting", "Waiting for a worker"},
		{"running", "Being worked on"},
		{"succeeded", "Done"},
		{"failed", "Failed"},
	}
	FindingSeverities = Enumeration{
		{"rejected", "The row did not go in"},
		{"adjusted", "The row went in with something corrected or left out"},
		{"doubtful", "The row went in as it is, and should be looked at"},
	}
	// VisitOutcomes are Open Charge Map's types of check-ins, but for those that say nothing of the visit.
	VisitOutcomes = Enumeration{
		{"charged", "Charged successfully"},
		{"not_operational", "Failed to charge: the equipment does not operate"},
		{"not_installed", "Failed to charge: the equipment is not fully installed"},
		{"equipment_problem", "Failed to charge: a problem of the equipment"},
		{"not_compatible", "Failed to charge: the equipment and the vehicle do not fit"},
		{"card_required", "Failed to charge: another card or account is required"},
		{"no_equipment", "Failed to charge: there is no equipment"},
		{"in_use", "In use by another electric vehicle"},
		{"blocked", "Blocked by something that does not charge"},
		{"closed", "Not accessible: locked or closed"},
		{"not_found", "Not found by what is said of it"},
		{"confirmed", "Equipment and place confirmed to be right"},
		{"decommissioned", "Decommissioned"},
	}
	// ReportKinds are in OCPI's words for the status of an EVSE where it has one: OUTOFORDER, BLOCKED.
	ReportKinds = Enumeration{
		{"out_of_order", "Out of order: it does not charge"},
		{"payment_failed", "Paying or identifying oneself fails"},
		{"blocked", "Blocked by something that does not charge"},
		{"not_accessible", "Not accessible: locked, closed or built up"},
		{"damaged", "Damaged, but it charges"},
		{"unsafe", "Unsafe: it may hurt somebody"},
		{"wrong_information", "What is said of it is wrong"},
		{"does_not_exist", "It is not there"},
		{"other", "Something else, which the comment says"},
	}
	ReportStates = Enumeration{
		{"open", "Nobody has looked at it yet"},
		{"acknowledged", "It is being dealt with"},
		{"resolved", "The fault is gone"},
		{"dismissed", "It was no fault, or nothing can be done"},
		{"withdrawn", "Taken back by the reporter"},
	}
	ContributionKinds = Enumeration{
		{"review", "A review of a station"},
		{"report", "A report of a fault"},
		{"photo", "A photo of a station"},
	}
)

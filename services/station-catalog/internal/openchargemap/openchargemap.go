// Package openchargemap knows the ids of Open Charge Map's reference data, and what they are in the words of OCPI: the importer reads
// points of interest by them, and the API that Open Charge Map's clients speak writes them.
//
// The tables are those that GET /v3/referencedata of Open Charge Map gave in 2021, titles included, since clients go by some of them.
package openchargemap

// Flag is a boolean that may not be known.
type Flag uint8

// The flags.
const (
	Unknown Flag = iota
	Yes
	No
)

// ConnectionType is a kind of plug.
type ConnectionType struct {
	ID                     int
	Title                  string
	FormalName             string // empty when there is none
	Discontinued, Obsolete Flag
	// Plug is what it is in OCPI's words; the zero Plug when OCPI has no standard for it.
	Plug Plug
	// Foreign says that another type is written for such a plug.
	Foreign bool
}

// Plug is a connector's standard and format. Direct plugs have direct current alone.
type Plug struct {
	Standard string
	Cable    bool
	Direct   bool
}

// ConnectionTypes are all of them, by id.
var ConnectionTypes = []ConnectionType{
	{ID: 0, Title: "Unknown", FormalName: "Not Specified"},
	{ID: 1, Title: "Type 1 (J1772)", FormalName: "SAE J1772-2009", Plug: Plug{"IEC_62196_T1", true, false}},
	{ID: 2, Title: "CHAdeMO", FormalName: "IEC 62196-3 Configuration AA", Plug: Plug{"CHADEMO", true, true}},
	{ID: 3, Title: "BS1363 3 Pin 13 Amp", FormalName: "BS1363 / Type G", Plug: Plug{"DOMESTIC_G", false, false}},
	{ID: 4, Title: "Blue Commando (2P+E)", Plug: Plug{"IEC_60309_2_single_16", false, false}, Foreign: true},
	{ID: 5, Title: "LP Inductive", FormalName: "Large Paddle Inductive", Discontinued: Yes, Obsolete: Yes},
	{ID: 6, Title: "SP Inductive", FormalName: "Small Paddle Inductive", Discontinued: Yes, Obsolete: Yes},
	{ID: 7, Title: "Avcon Connector", FormalName: "Avcon SAE J1772-2001", Discontinued: Yes, Obsolete: No},
	{ID: 8, Title: "Tesla (Roadster)", FormalName: "Tesla Connector", Discontinued: Yes, Obsolete: No, Plug: Plug{"TESLA_R", true, false}},
	{ID: 9, Title: "NEMA 5-20R", Discontinued: No, Obsolete: No, Plug: Plug{"NEMA_5_20", false, false}},
	{ID: 10, Title: "NEMA 14-30", Discontinued: No, Obsolete: No, Plug: Plug{"NEMA_14_30", false, false}},
	{ID: 11, Title: "NEMA 14-50", Discontinued: No, Obsolete: No, Plug: Plug{"NEMA_14_50", false, false}},
	{ID: 13, Title: "Europlug 2-Pin (CEE 7/16)", FormalName: "Europlug 2-Pin (CEE 7/16)", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_C", false, false}},
	{ID: 14, Title: "NEMA 6-20", Discontinued: No, Obsolete: No},
	{ID: 15, Title: "NEMA 6-15", Discontinued: No, Obsolete: No},
	{ID: 16, Title: "CEE 3 Pin", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_60309_2_single_16", false, false}},
	{ID: 17, Title: "CEE 5 Pin", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_60309_2_three_16", false, false}},
	{ID: 18, Title: "CEE+ 7 Pin", Discontinued: No, Obsolete: No},
	{ID: 21, Title: "XLR Plug (4 pin)", Discontinued: No, Obsolete: No},
	{ID: 22, Title: "NEMA 5-15R", FormalName: "NEMA 5-15R", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_B", false, false}},
	{ID: 23, Title: "CEE 7/5", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_E", false, false}},
	{ID: 24, Title: "Wireless Charging", Discontinued: No, Obsolete: No},
	{ID: 25, Title: "Type 2 (Socket Only)", FormalName: "IEC 62196-2 Type 2", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T2", false, false}},
	{ID: 26, Title: "SCAME Type 3C (Schneider-Legrand)", FormalName: "IEC 62196-2 Type 3", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T3C", false, false}},
	{ID: 27, Title: "Tesla Supercharger", FormalName: "Tesla Supercharger", Discontinued: No, Obsolete: No, Plug: Plug{"SAE_J3400", true, true}},
	{ID: 28, Title: "CEE 7/4 - Schuko - Type F", FormalName: "CEE 7/4", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_F", false, false}},
	{ID: 29, Title: "Type I (AS 3112)", FormalName: "Type I/AS 3112/CPCS-CCC", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_I", false, false}},
	{ID: 30, Title: "Tesla (Model S/X)", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T2", true, false}, Foreign: true},
	{ID: 31, Title: "Tesla Battery Swap", FormalName: "Tesla Battery Swap Station", Discontinued: No, Obsolete: No},
	{ID: 32, Title: "CCS (Type 1)", FormalName: "IEC 62196-3 Configuration EE", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T1_COMBO", true, true}},
	{ID: 33, Title: "CCS (Type 2)", FormalName: "IEC 62196-3 Configuration FF", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T2_COMBO", true, true}},
	{ID: 34, Title: "IEC 60309 3-pin", FormalName: "IEC 60309 3-pin", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_60309_2_single_16", false, false}, Foreign: true},
	{ID: 35, Title: "IEC 60309 5-pin", FormalName: "IEC 60309 5-pin", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_60309_2_three_16", false, false}, Foreign: true},
	{ID: 36, Title: "SCAME Type 3A (Low Power)", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T3A", false, false}},
	{ID: 1036, Title: "Type 2 (Tethered Connector) ", FormalName: "IEC 62196-2", Discontinued: No, Obsolete: No, Plug: Plug{"IEC_62196_T2", true, false}},
	{ID: 1037, Title: "T13 - SEC1011 ( Swiss domestic 3-pin ) - Type J", FormalName: "T13/ IEC Type J", Discontinued: No, Obsolete: No, Plug: Plug{"DOMESTIC_J", false, false}},
	{ID: 1038, Title: "GB-T AC - GB/T 20234.2 (Socket)", FormalName: "GB-T AC - GB/T 20234.2 (Socket)", Discontinued: No, Obsolete: No, Plug: Plug{"GBT_AC", false, false}},
	{ID: 1039, Title: "GB-T AC - GB/T 20234.2 (Tethered Cable)", FormalName: "GB-T AC - GB/T 20234.2 (Tethered Cable)", Discontinued: No, Obsolete: No, Plug: Plug{"GBT_AC", true, false}},
	{ID: 1040, Title: "GB-T DC - GB/T 20234.3", FormalName: "GB-T DC - GB/T 20234.3", Discontinued: No, Obsolete: No, Plug: Plug{"GBT_DC", true, true}},
	{ID: 1041, Title: "Three Phase 5-Pin (AS/NZ 3123)", FormalName: "AS/NZS 3123 Three Phase", Discontinued: No, Obsolete: No},
	{ID: 1042, Title: "NEMA TT-30R", Discontinued: No, Obsolete: No},
}

// Type is an entry of a table that has two members alone.
type Type struct {
	ID    int
	Title string
}

// CurrentType is a kind of current.
type CurrentType struct {
	ID          int
	Title       string
	Description string
}

// The kinds of current.
const (
	SinglePhase = 10
	ThreePhase  = 20
	Direct      = 30
)

// CurrentTypes are all of them, by id.
var CurrentTypes = []CurrentType{
	{10, "AC (Single-Phase)", "Alternating Current - Single Phase"},
	{20, "AC (Three-Phase)", "Alternating Current - Three Phase"},
	{30, "DC", "Direct Current"},
}

// ChargerType is a level of power.
type ChargerType struct {
	ID       int
	Title    string
	Comments string
	Fast     Flag
}

// ChargerTypes are all levels, by id.
var ChargerTypes = []ChargerType{
	{1, "Level 1 : Low (Under 2kW)", "Under 2 kW, usually domestic socket types", No},
	{2, "Level 2 : Medium (Over 2kW)", "Over 2 kW, usually non-domestic socket type", No},
	{3, "Level 3:  High (Over 40kW)", "40KW and Higher", Yes},
}

// StatusType says whether something works.
type StatusType struct {
	ID                          int
	Title                       string
	Operational, UserSelectable Flag
}

// StatusTypes are all of them, by id.
var StatusTypes = []StatusType{
	{0, "Unknown", Unknown, Yes},
	{10, "Currently Available (Automated Status)", Yes, No},
	{20, "Currently In Use (Automated Status)", Yes, No},
	{30, "Temporarily Unavailable", Yes, Yes},
	{50, "Operational", Yes, Yes},
	{75, "Partly Operational (Mixed)", Yes, Yes},
	{100, "Not Operational", No, Yes},
	{150, "Planned For Future Date", No, Yes},
	{200, "Removed (Decommissioned)", No, Yes},
	{210, "Removed (Duplicate Listing)", No, Yes},
}

// The status types that are spoken of here.
const (
	StatusUnknown      = 0
	Available          = 10
	InUse              = 20
	Unavailable        = 30
	Operational        = 50
	PartlyOperational  = 75
	NotOperational     = 100
	Planned            = 150
	Removed            = 200
	RemovedAsDuplicate = 210
)

// Free is what UsageCost says where charging costs nothing.
const Free = "Free"

// UsageType says who may charge.
type UsageType struct {
	ID                 int
	Title              string
	PayAtLocation      Flag
	MembershipRequired Flag
	AccessKeyRequired  Flag
}

// UsageTypes are all of them, by id.
var UsageTypes = []UsageType{
	{0, "(Unknown)", Unknown, Unknown, Unknown},
	{1, "Public", Unknown, Unknown, Unknown},
	{2, "Private - Restricted Access", Unknown, Yes, Unknown},
	{3, "Privately Owned - Notice Required", Unknown, Unknown, Unknown},
	{4, "Public - Membership Required", No, Yes, Yes},
	{5, "Public - Pay At Location", Yes, No, No},
	{6, "Private - For Staff, Visitors or Customers", No, No, No},
	{7, "Public - Notice Required", No, No, No},
}

// The usage types that are written.
const (
	Public            = 1
	PrivateRestricted = 2
	NoticeRequired    = 3 // privately owned
	PayAtLocation     = 5
)

// SubmissionStatusType says whether a point is published.
type SubmissionStatusType struct {
	ID    int
	Title string
	Live  Flag
}

// SubmissionStatusTypes are all of them, by id.
var SubmissionStatusTypes = []SubmissionStatusType{
	{1, "Submission Under Review", No},
	{50, "Imported and Under Review", No},
	{100, "Imported and Published", Yes},
	{200, "Submission Published", Yes},
	{250, "Submission Rejected - Incomplete", No},
	{1000, "Delisted", No},
	{1001, "Delisted - Duplicate", No},
	{1002, "Delisted - No Longer Active/Decommissioned", No},
	{1005, "Delisted - Superseded by Update", No},
	{1010, "Delisted - Not Public Information/Is Private Residence", No},
	{1020, "Delisted - Removed by Import Data Provider", No},
}

// The submission statuses of points that are shown.
const (
	Imported  = 100
	Published = 200
)

// UserCommentTypes are the kinds of comments, by id.
var UserCommentTypes = []Type{
	{10, "General Comment"},
	{50, "Important Notice (For Other Users)"},
	{100, "Suggested Change (Note To Editors)"},
	{110, "Suggested Changed (Actioned By Editor)"},
	{1000, "Fault Report (Notice To Users And Operator)"},
}

// GeneralComment is the kind of comments that are written.
const GeneralComment = 10

// CheckinStatusType is what a visit came to.
type CheckinStatusType struct {
	ID                  int
	Title               string
	Positive, Automated Flag
}

// CheckinStatusTypes are all of them, by id.
var CheckinStatusTypes = []CheckinStatusType{
	{0, "Did Not Visit Location", Unknown, No},
	{10, "Charged Successfully", Yes, No},
	{15, "Charged Successfully (Automated Checkin)", Yes, Yes},
	{20, "Failed to Charge (Equipment Not Operational)", No, No},
	{22, "Failed to Charge (Equipment Not Fully Installed)", No, No},
	{25, "Failed to Charge (Equipment Problem)", No, No},
	{30, "Failed to Charge (Equipment Not Compatible)", No, No},
	{40, "Failed to Charge (Required Other Access Card/Fob etc.)", No, No},
	{50, "Failed to Charge (No Charging Equipment Present)", No, No},
	{100, "Charging Spot In Use (Other EV Parked)", Yes, No},
	{110, "Charging Spot In Use (Non-EV Parked)", No, No},
	{120, "Charging Spot Not Accessible (Access locked or site closed)", No, No},
	{130, "Charging Spot Not Found (Inadequate or Incorrect Details)", No, No},
	{140, "Equipment & Location Confirmed Correct", Yes, No},
	{150, "Location Is A Duplicate", No, No},
	{160, "Equipment/Location Has Been Decommissioned", No, No},
	{200, "Other (Negative/Bad)", No, No},
	{210, "Other (Positive/Good)", Yes, No},
}

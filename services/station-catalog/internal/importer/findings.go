package importer

import (
	"fmt"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// advice says what to do about a finding of this code.
var advice = map[string]string{
	"row_too_long":        "Look for a missing line break or quote before this row.",
	"encoding":            "Save the file as UTF-8.",
	"not_json":            "Write one JSON object a line.",
	"not_csv":             "Look at the quotes of this row.",
	"wrong_width":         "Give the row as many fields as the header; quote fields that contain the separator.",
	"missing_id":          "Give the row an id: EVSE and station are known by theirs.",
	"unknown_operator":    "Begin the ids with the country and the three characters of the operator (eMI3), such as FRPD1.",
	"coordinates":         "Write [longitude, latitude] in degrees.",
	"coordinates_outside": "Look whether longitude and latitude are exchanged or cut short.",
	"power_missing":       "Give the power in kilowatts. Without it searches by power do not find the connector.",
	"power_in_watts":      "Give the power in kilowatts.",
	"power_implausible":   "Correct the power or the plugs.",
	"boolean":             "Write true or false.",
	"number":              "Write a whole number.",
	"no_plug":             "Say which plugs the EVSE has. Without one searches by connector do not find it.",
	"hours":               "Write the hours in the syntax of OpenStreetMap, such as Mo-Fr 08:00-19:00.",
	"access":              "Write one of the values of the scheme.",
	"text_too_long":       "Shorten the text.",
	"disagreement":        "Give all rows of a station the same value.",
	"invalid_station":     "Correct the member at the pointer.",
	"duplicate_station":   "Remove one of the two rows.",
	"unknown_value":       "Write one of the values of OCPI.",
	"unpublished":         "Nothing: such stations are not shown.",
	"country":             "Write an ISO 3166-1 code.",
	"evse_id":             "Write an eMI3 id, such as FR*PD1*E1234.",
	"too_many":            "Look whether the number is right.",
	"duplicate_evse":      "Remove one of the two rows.",
}

func finding(line int64, subject string, severity transfer.Severity, code, detail string, args ...any) transfer.Finding {
	text, ok := advice[code]
	if !ok {
		panic("no advice for " + code)
	}
	return transfer.Finding{
		Line: line, Subject: subject, Severity: severity, Code: code, Detail: fmt.Sprintf(detail, args...), Advice: text,
	}
}

func rejected(line int64, code, detail string, args ...any) transfer.Row {
	return transfer.Row{
		Line: line, Findings: []transfer.Finding{finding(line, "", transfer.Rejected, code, detail, args...)},
	}
}

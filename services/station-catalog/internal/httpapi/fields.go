package httpapi

import (
	"strconv"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/rendered"
)

// The properties of items, in the order of the columns of a table.
var itemFields = []string{
	"id", "name", "latitude", "longitude", "address", "city", "postal_code", "country", "access", "operator", "distance_m", "along_m",
	"max_power_kw", "price_from", "free_charging", "open_now", "rating", "plots", "quote", "version", "updated_at",
}

func (r *queryReader) takeFields(value string) {
	for name := range strings.SplitSeq(value, ",") {
		known := false
		for _, field := range itemFields {
			known = known || field == name
		}
		if !known {
			r.wrong("fields", "enum", strconv.Quote(name)+" is not a property of stations; they are "+strings.Join(itemFields, ", "))
			continue
		}
		r.fields = append(r.fields, name)
	}
}

// wants tells whether a property is among those picked, which are all of them when none is.
func wants(fields []string, name string) bool {
	for _, field := range fields {
		if field == name {
			return true
		}
	}
	return len(fields) == 0
}

// pickFields leaves of the items that body has from start on only some properties.
func pickFields(body []byte, start int, fields []string) []byte {
	items := body[start:]
	out := make([]byte, 0, len(body))
	out = append(out, body[:start]...)
	for i, item := range rendered.Items(items) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		first := true
		for name, value := range rendered.Members(item) {
			if !wants(fields, name) {
				continue
			}
			if !first {
				out = append(out, ',')
			}
			first = false
			out = append(append(append(append(out, '"'), name...), `":`...), value...)
		}
		out = append(out, '}')
	}
	return out
}

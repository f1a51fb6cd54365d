package httpapi

import (
	"strconv"
	"strings"
)

// The properties of items, in the order of the columns of a table.
var itemFields = []string{
	"id", "name", "latitude", "longitude", "address", "city", "postal_code", "country", "access", "operator", "distance_m", "along_m",
	"max_power_kw", "price_from", "free_charging", "open_now", "plots", "quote", "version", "updated_at",
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
	for i, item := range splitItems(items) {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		first := true
		for name, value := range members(item) {
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

// splitItems gives the objects of a list that we have rendered: parted by commas, without blanks.
func splitItems(items []byte) [][]byte {
	var out [][]byte
	for len(items) > 0 {
		end := valueEnd(items)
		out = append(out, items[:end])
		items = items[end:]
		if len(items) > 0 {
			items = items[1:] // the comma
		}
	}
	return out
}

// members yields the names and values of an object that we have rendered, without blanks. Names have nothing escaped.
func members(object []byte) func(yield func(name string, value []byte) bool) {
	return func(yield func(string, []byte) bool) {
		rest := object[1:]
		for len(rest) > 0 && rest[0] == '"' {
			end := valueEnd(rest)
			name := string(rest[1 : end-1])
			rest = rest[end+1:] // and the colon
			end = valueEnd(rest)
			if !yield(name, rest[:end]) {
				return
			}
			rest = rest[min(len(rest), end+1):]
		}
	}
}

// valueEnd is where the JSON value ends that text begins with.
func valueEnd(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			if quoted = !quoted; !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case c == ',' && depth == 0:
			return i
		}
	}
	return len(text)
}

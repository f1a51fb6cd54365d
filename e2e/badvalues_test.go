package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// badText is a text that a parameter's schema does not allow, with the reason.
type badText struct{ why, value string }

// badTexts are values of a parameter that its schema does not allow, made from the schema alone.
func badTexts(s *openapi3.Schema) []badText {
	if s.Type.Is("array") { // comma-joined or repeated
		return badTexts(s.Items.Value)
	}
	var out []badText
	add := func(why, value string) { out = append(out, badText{why, value}) }
	switch {
	case s.Type.Is("integer"):
		add("not a number", "abc")
		add("a fraction", "1.5")
		add("empty", "")
		add("too large for any integer", "99999999999999999999")
		add("with a blank", " 1")
		add("in hexadecimal", "0x10")
	case s.Type.Is("number"):
		for _, value := range []string{"abc", "", "NaN", "Infinity", "-Inf", "1e999", "1,5", "0x1p4"} {
			add("no number of JSON", value)
		}
	case s.Type.Is("boolean"):
		for _, value := range []string{"yes", "", "1", "TRUE"} {
			add("neither true nor false", value)
		}
	case s.Type.Is("string"):
		if len(s.Enum) > 0 {
			add("not one of the enumeration", "no-such-value")
		}
		switch s.Format {
		case "uuid":
			add("no UUID", "not-a-uuid")
			add("a UUID cut short", uuid.NewString()[:35])
		case "date-time":
			add("no time", "yesterday")
			add("no such day", "2026-02-30T00:00:00Z")
		}
		if s.Pattern != "" {
			add("against the pattern", "§ no pattern wants this")
		}
		if s.MaxLength != nil {
			add("too long", strings.Repeat("7", int(*s.MaxLength)+1))
		}
	}
	if s.Type.Is("integer") || s.Type.Is("number") {
		if s.Min != nil {
			add("below the least", strconv.FormatFloat(*s.Min-1, 'f', -1, 64))
			if s.ExclusiveMin.IsTrue() {
				add("at the excluded least", strconv.FormatFloat(*s.Min, 'f', -1, 64))
			}
		}
		if s.Max != nil {
			add("above the greatest", strconv.FormatFloat(*s.Max+1, 'f', -1, 64))
		}
	}
	return out
}

// goodText is a value that a parameter's schema allows.
func goodText(s *openapi3.Schema) string {
	if s.Type.Is("array") && s.Example == nil {
		return goodText(s.Items.Value)
	}
	switch {
	case s.Example != nil:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Example), " ", ","), "[]")
	case len(s.Enum) > 0:
		return fmt.Sprint(s.Enum[0])
	case s.Default != nil:
		return fmt.Sprint(s.Default)
	case s.Format == "uuid":
		return uuid.NewString()
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	case s.Type.Is("boolean"):
		return "true"
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return strconv.FormatFloat(*s.Min+1, 'f', -1, 64)
		}
		return "1"
	default:
		return uuid.NewString() // satisfies the patterns of lists of ids
	}
}

// badBody is a JSON body that an operation's schema does not allow. At is where the fault is; nil when it is the whole body.
type badBody struct {
	why string
	raw []byte
	at  *string
}

// badBodies are bodies that a schema of an object does not allow, each with one fault.
func badBodies(s *openapi3.Schema) []badBody {
	good, ok := goodValue(s, 0).(map[string]any)
	if !ok {
		return nil
	}
	var out []badBody
	for _, raw := range []string{"", "{", "nonsense", "[]", `"text"`, "5", "null", "{}{}", strings.Repeat("[", 20000), "{\"a\":\"\xff\"}"} {
		out = append(out, badBody{why: fmt.Sprintf("%.20q as the body", raw), raw: []byte(raw)})
	}
	with := func(why, name string, value any, at string) {
		changed := maps.Clone(good)
		changed[name] = value
		out = append(out, badBody{why: why, raw: mustJSON(changed), at: &at})
	}
	without := func(name string) {
		changed := maps.Clone(good)
		delete(changed, name)
		at := "/" + name
		out = append(out, badBody{why: "without " + name, raw: mustJSON(changed), at: &at})
	}
	if s.AdditionalProperties.Has != nil && !*s.AdditionalProperties.Has {
		with("with an unknown field", "surprise", 1, "/surprise")
		with("with a field named like a column", "is_admin", true, "/is_admin")
	}
	for _, name := range s.Required {
		without(name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		for _, bad := range badValues(s.Properties[name].Value) {
			with(name+" "+bad.why, name, bad.value, "/"+name)
		}
	}
	return out
}

type badValue struct {
	why   string
	value any
}

// badValues are values that a property's schema does not allow.
func badValues(s *openapi3.Schema) []badValue {
	var out []badValue
	add := func(why string, value any) { out = append(out, badValue{why, value}) }
	if !s.Nullable && s.Type != nil {
		add("null", nil)
	}
	switch {
	case s.Type.Is("string"):
		add("a number", 5)
		add("an object", map[string]any{})
		for _, bad := range badTexts(s) {
			add(bad.why, bad.value)
		}
		if s.MinLength > 0 {
			add("empty", "")
		}
	case s.Type.Is("integer"):
		add("a text", "5")
		add("a fraction", 1.5)
	case s.Type.Is("number"):
		add("a text", "5")
	case s.Type.Is("boolean"):
		add("a text", "true")
	case s.Type.Is("array"):
		add("an object", map[string]any{})
		add("of the wrong things", []any{[]any{}})
		if s.MinItems > 0 {
			add("empty", []any{})
		}
	case s.Type.Is("object"):
		add("a list", []any{})
	}
	if s.Type.Is("integer") || s.Type.Is("number") {
		if s.Min != nil {
			add("below the least", *s.Min-1)
		}
		if s.Max != nil {
			add("above the greatest", *s.Max+1)
		}
	}
	return out
}

// goodValue is a value that a schema allows, with what is required and no more.
func goodValue(s *openapi3.Schema, depth int) any {
	if depth > 6 {
		return nil
	}
	for _, all := range s.AllOf {
		return goodValue(all.Value, depth+1)
	}
	switch {
	case s.Example != nil:
		return s.Example
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Type.Is("object"):
		out := map[string]any{}
		for _, name := range s.Required {
			out[name] = goodValue(s.Properties[name].Value, depth+1)
		}
		if len(out) == 0 && s.MinProps > 0 {
			for _, name := range slices.Sorted(maps.Keys(s.Properties))[:s.MinProps] {
				out[name] = goodValue(s.Properties[name].Value, depth+1)
			}
		}
		return out
	case s.Type.Is("array"):
		out := []any{}
		for range s.MinItems {
			out = append(out, goodValue(s.Items.Value, depth+1))
		}
		return out
	case s.Type.Is("integer"), s.Type.Is("number"):
		if s.Min != nil {
			return *s.Min + 1
		}
		return 1
	case s.Type.Is("boolean"):
		return true
	case s.Format == "uuid":
		return uuid.NewString()
	case s.Format == "date-time":
		return "2026-01-01T00:00:00Z"
	default:
		return "FR"
	}
}

// nulBodies put a NUL, which JSON allows and a database does not, into each text of a body.
func nulBodies(s *openapi3.Schema) []badBody {
	good, ok := goodValue(s, 0).(map[string]any)
	if !ok {
		return nil
	}
	var out []badBody
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if !s.Properties[name].Value.Type.Is("string") {
			continue
		}
		changed := maps.Clone(good)
		changed[name] = json.RawMessage(`"nul \u0000 and half a pair \ud800"`)
		out = append(out, badBody{why: name + " with a NUL", raw: mustJSON(changed)})
	}
	return out
}

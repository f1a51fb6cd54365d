package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// direction says whose body it is.
type direction bool

const (
	asRequest  direction = true
	asResponse direction = false
)

var visitOptions = map[direction][]openapi3.SchemaValidationOption{
	asRequest:  {openapi3.VisitAsRequest(), openapi3.MultiErrors(), openapi3.WithStringFormatValidators(bodyFormats())},
	asResponse: {openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.WithStringFormatValidators(bodyFormats())},
}

// bodyFormats are the formats of parameters, for kin-openapi.
func bodyFormats() map[string]openapi3.StringFormatValidator {
	all := make(map[string]openapi3.StringFormatValidator, len(formats))
	for name, f := range formats {
		all[name] = openapi3.NewCallbackValidator(func(s string) error {
			if !f.valid(s) {
				return errors.New("must be " + f.text)
			}
			return nil
		})
	}
	return all
}

// checkJSON judges a JSON body by its schema and adds every fault to found.
func checkJSON(schema *openapi3.Schema, raw []byte, d direction, found *faults) {
	value, ok := decodeJSON(raw, found)
	if !ok {
		return
	}
	walk([]*openapi3.Schema{schema}, value, "", d, found)
	reported := make(map[string]bool)
	for _, f := range found.fields {
		reported[f.Pointer] = true
	}
	if err := schema.VisitJSON(value, visitOptions[d]...); err != nil {
		eachSchemaError(err, func(e *openapi3.SchemaError) {
			f := fieldOf(e)
			// Unknown members, and numbers that do not fit, were reported by walk.
			if e.SchemaField == "properties" || reported[f.Pointer] && f.Code != codeRequired {
				return
			}
			found.fields = append(found.fields, f)
		})
	}
	slices.SortStableFunc(found.fields, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	found.fields = slices.CompactFunc(found.fields, func(a, b fault.Field) bool {
		return a.Parameter == "" && b.Parameter == "" && a.Pointer == b.Pointer && a.Code == b.Code
	})
}

// eachSchemaError takes kin-openapi's tree of errors apart, down to those that
// say something about one place.
func eachSchemaError(err error, emit func(*openapi3.SchemaError)) {
	switch e := err.(type) { //nolint:errorlint // the tree is taken apart level by level
	case openapi3.MultiError:
		for _, inner := range e {
			eachSchemaError(inner, emit)
		}
	case *openapi3.SchemaError:
		if inner, ok := errors.AsType[openapi3.MultiError](e.Origin); ok && e.SchemaField == "allOf" {
			eachSchemaError(inner, emit)
			return
		}
		emit(e)
	default:
		emit(&openapi3.SchemaError{Reason: err.Error()})
	}
}

// fieldOf says in our words what kin-openapi found.
func fieldOf(e *openapi3.SchemaError) fault.Field {
	f := fault.Field{Code: codeSchema, Detail: e.Reason}
	for _, member := range e.JSONPointer() {
		f.Pointer = pointer(f.Pointer, member)
	}
	switch e.SchemaField {
	case "required":
		f.Code, f.Detail = codeRequired, "is required"
	case "type":
		f.Code, f.Detail = codeType, strings.Replace(e.Reason, "value must", "must", 1)
		if e.Schema != nil && (e.Schema.Type.Is(openapi3.TypeInteger) || e.Schema.Type.Is(openapi3.TypeNumber)) {
			f.Detail = rangeText(e.Schema)
		}
	case "nullable":
		f.Code, f.Detail = codeNull, "must not be null"
	case "enum":
		f.Code, f.Detail = codeEnum, "must be one of: "+enumText(e.Schema.Enum)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
		f.Code, f.Detail = codeRange, rangeText(e.Schema)
	case "minLength", "maxLength":
		f.Code, f.Detail = codeLength, countText("characters", e.Schema.MinLength, e.Schema.MaxLength)
	case "pattern":
		f.Code, f.Detail = codePattern, patternText(e.Schema)
	case "format":
		f.Code = codeFormat
		if known, ok := formats[e.Schema.Format]; ok {
			f.Detail = "must be " + known.text
		}
	case "minItems", "maxItems":
		f.Code, f.Detail = codeItems, countText("items", e.Schema.MinItems, e.Schema.MaxItems)
	case "uniqueItems":
		f.Code, f.Detail = codeItems, "must not name an item twice"
	case "minProperties", "maxProperties":
		f.Code, f.Detail = codeItems, countText("members", e.Schema.MinProps, e.Schema.MaxProps)
	case "readOnly":
		f.Code, f.Detail = codeReadOnly, "is set by the server"
	case "oneOf", "anyOf":
		f.Detail = "must match one of the forms that the document describes"
	}
	return f
}

// patternText says what matches a pattern: in the words of the document's x-pattern-text, such as "must be a country, as in FR", or
// else by the pattern itself.
func patternText(s *openapi3.Schema) string {
	if text, ok := s.Extensions["x-pattern-text"].(string); ok {
		return text
	}
	return "must match " + s.Pattern
}

func enumText(allowed []any) string {
	words := make([]string, len(allowed))
	for i, v := range allowed {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

// walk follows a value and every schema that describes it at once (with allOf,
// oneOf and anyOf laid flat), and reports members that none of them knows and
// numbers that the generated types cannot hold.
func walk(schemas []*openapi3.Schema, value any, at string, d direction, found *faults) {
	schemas = flatten(nil, schemas)
	switch value := value.(type) {
	case map[string]any:
		walkObject(schemas, value, at, d, found)
	case []any:
		var items []*openapi3.Schema
		for _, s := range schemas {
			if s.Items != nil {
				items = append(items, s.Items.Value)
			}
		}
		for i, item := range value {
			walk(items, item, pointer(at, strconv.Itoa(i)), d, found)
		}
	case json.Number:
		if d == asResponse {
			return
		}
		for _, s := range schemas {
			if code, detail := checkNumber(s, value); code != "" {
				found.member(at, code, detail)
				return
			}
		}
	}
}

func walkObject(schemas []*openapi3.Schema, object map[string]any, at string, d direction, found *faults) {
	known := make(map[string][]*openapi3.Schema)
	var additional []*openapi3.Schema
	open := false
	closed := false
	for _, s := range schemas {
		for name, property := range s.Properties {
			known[name] = append(known[name], property.Value)
		}
		if extra := s.AdditionalProperties; extra.Schema != nil {
			open = true
			additional = append(additional, extra.Schema.Value)
		} else if extra.Has != nil {
			open = open || *extra.Has
			closed = closed || !*extra.Has
		}
	}
	// An object of which nothing is said may hold anything.
	if len(known) == 0 && !closed {
		open = true
	}
	for name, member := range object {
		here := pointer(at, name)
		switch properties, ok := known[name]; {
		case ok:
			walk(properties, member, here, d, found)
		case open:
			walk(additional, member, here, d, found)
		default:
			found.member(here, codeUnknown, unknownMemberText(known))
		}
	}
}

func unknownMemberText(known map[string][]*openapi3.Schema) string {
	if len(known) == 0 {
		return "is not known; there are no members here"
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return "is not known; known are: " + strings.Join(names, ", ")
}

// flatten appends to flat the schemas and all that they are combined of.
func flatten(flat, schemas []*openapi3.Schema) []*openapi3.Schema {
	for _, s := range schemas {
		if s == nil || slices.Contains(flat, s) {
			continue
		}
		flat = append(flat, s)
		for _, refs := range []openapi3.SchemaRefs{s.AllOf, s.OneOf, s.AnyOf} {
			for _, ref := range refs {
				flat = flatten(flat, []*openapi3.Schema{ref.Value})
			}
		}
	}
	return flat
}

// checkNumber reports a number that its generated type cannot hold: 1.0 and 1e3
// are whole numbers to JSON Schema, but encoding/json refuses them for integers,
// and a number without format is read into 32 bits.
func checkNumber(s *openapi3.Schema, n json.Number) (code, detail string) {
	switch {
	case s.Type.Is(openapi3.TypeInteger):
		size := 64
		if s.Format == "int32" {
			size = 32
		}
		_, err := strconv.ParseInt(n.String(), 10, size)
		if errors.Is(err, strconv.ErrRange) {
			return codeRange, rangeText(s)
		}
		if err != nil {
			return codeType, rangeText(s) + ", without fraction or exponent"
		}
	case s.Type.Is(openapi3.TypeNumber):
		f, err := n.Float64()
		if err != nil || s.Format != "double" && math.Abs(f) > math.MaxFloat32 {
			return codeRange, rangeText(s)
		}
	}
	return "", ""
}

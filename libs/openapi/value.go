package openapi

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// The codes of faults. They are public: programs match on them.
const (
	codeRequired  = "required"
	codeUnknown   = "unknown"
	codeDuplicate = "duplicate"
	codeType      = "type"
	codeFormat    = "format"
	codeEnum      = "enum"
	codeRange     = "range"
	codeLength    = "length"
	codePattern   = "pattern"
	codeItems     = "items"
	codeEncoding  = "encoding"
	codeSyntax    = "syntax"
	codeNull      = "null"
	codeReadOnly  = "read_only"
	codeSchema    = "schema"
	codeUnwanted  = "unwanted"
)

// scalar is the compiled schema of a single value that arrives as text.
type scalar struct {
	kind       string // string, integer, number or boolean
	enum       []string
	enumText   string
	min, max   float64
	above      bool // min itself is not allowed
	below      bool // max itself is not allowed
	multipleOf float64
	single     bool // a number read into 32 bits
	rangeText  string
	minLength  int
	maxLength  int // -1: any
	lengthText string
	pattern    *regexp.Regexp
	// patternText says what matches it.
	patternText string
	format      func(string) bool
	formatText  string
}

func compileScalar(s *openapi3.Schema) (*scalar, error) {
	if len(s.OneOf)+len(s.AnyOf) > 0 || s.Not != nil {
		return nil, errors.New("oneOf, anyOf and not are not checked in parameters")
	}
	if len(s.AllOf) == 1 && s.Type == nil {
		return compileScalar(s.AllOf[0].Value)
	}
	if len(s.AllOf) > 0 {
		return nil, errors.New("allOf is not checked in parameters")
	}
	if s.Type == nil || !s.Type.IsSingle() {
		return nil, errors.New("wants one type")
	}
	v := &scalar{kind: s.Type.Slice()[0], min: math.Inf(-1), max: math.Inf(1), maxLength: -1}
	for _, allowed := range s.Enum {
		v.enum = append(v.enum, fmt.Sprint(allowed))
	}
	v.enumText = "must be one of: " + strings.Join(v.enum, ", ")
	switch v.kind {
	case openapi3.TypeBoolean:
	case openapi3.TypeInteger, openapi3.TypeNumber:
		v.compileRange(s)
	case openapi3.TypeString:
		return v, v.compileText(s)
	default:
		return nil, fmt.Errorf("type %s is not checked in parameters", v.kind)
	}
	return v, nil
}

func (v *scalar) compileRange(s *openapi3.Schema) {
	if s.Min != nil {
		v.min, v.above = *s.Min, s.ExclusiveMin.IsTrue()
	}
	if s.Max != nil {
		v.max, v.below = *s.Max, s.ExclusiveMax.IsTrue()
	}
	if s.MultipleOf != nil {
		v.multipleOf = *s.MultipleOf
	}
	if v.kind == openapi3.TypeInteger && s.Format == "int32" {
		v.min, v.max = max(v.min, math.MinInt32), min(v.max, math.MaxInt32)
	}
	// Generated code reads a number without format into 32 bits.
	v.single = v.kind == openapi3.TypeNumber && s.Format != "double"
	v.rangeText = rangeText(s)
}

// rangeText says which numbers a schema allows.
func rangeText(s *openapi3.Schema) string {
	noun := "a number"
	if s.Type.Is(openapi3.TypeInteger) {
		noun = "a whole number"
	}
	var limits []string
	if s.Min != nil {
		word := "at least "
		if s.ExclusiveMin.IsTrue() {
			word = "more than "
		}
		limits = append(limits, word+number(*s.Min))
	}
	if s.Max != nil {
		word := "at most "
		if s.ExclusiveMax.IsTrue() {
			word = "less than "
		}
		limits = append(limits, word+number(*s.Max))
	}
	text := "must be " + noun
	if len(limits) > 0 {
		text += ", " + strings.Join(limits, " and ")
	}
	if s.MultipleOf != nil {
		text += ", and a multiple of " + number(*s.MultipleOf)
	}
	return text
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (v *scalar) compileText(s *openapi3.Schema) error {
	v.minLength = int(min(s.MinLength, math.MaxInt32))
	if s.MaxLength != nil {
		v.maxLength = int(min(*s.MaxLength, math.MaxInt32))
	}
	v.lengthText = countText("characters", s.MinLength, s.MaxLength)
	if s.Pattern != "" {
		pattern, err := regexp.Compile(s.Pattern)
		if err != nil {
			return fmt.Errorf("pattern: %w", err)
		}
		v.pattern, v.patternText = pattern, patternText(s)
	}
	if f, known := formats[s.Format]; known {
		v.format, v.formatText = f.valid, "must be "+f.text
	} else if s.Format != "" && !slices.Contains(decorativeFormats, s.Format) {
		return fmt.Errorf("format %s is not checked", s.Format)
	}
	return nil
}

// countText says how many of something a schema allows.
func countText(noun string, least uint64, most *uint64) string {
	switch {
	case most == nil:
		return fmt.Sprintf("must have at least %d %s", least, noun)
	case least == 0:
		return fmt.Sprintf("must have at most %d %s", *most, noun)
	default:
		return fmt.Sprintf("must have %d to %d %s", least, *most, noun)
	}
}

// format is a named form of strings.
type format struct {
	text  string
	valid func(string) bool
}

var formats = map[string]format{
	"uuid":      {"a UUID such as 0190a6f0-3c2b-7000-8000-000000000000", validUUID},
	"date-time": {"a time such as 2026-01-31T12:00:00Z", validTime},
	"date":      {"a date such as 2026-01-31", func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }},
}

// decorativeFormats tell people something and allow any string.
var decorativeFormats = []string{"password", "uri", "email", "byte", "binary"}

// validUUID wants the form with hyphens; uuid.Parse is more generous.
func validUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	return uuid.Validate(s) == nil
}

func validTime(s string) bool {
	_, err := time.Parse(time.RFC3339, s)
	// Go takes a comma before the fraction, and one-digit hours; RFC 3339 does not.
	return err == nil && !strings.Contains(s, ",") && len(s) >= len("2006-01-02T15:04:05Z") && s[13] == ':'
}

// check returns the code and the detail of what is wrong with s, or "".
func (v *scalar) check(s string) (code, detail string) {
	switch v.kind {
	case openapi3.TypeBoolean:
		if s != "true" && s != "false" {
			return codeType, "must be true or false"
		}
	case openapi3.TypeInteger:
		n, err := strconv.ParseInt(s, 10, 64)
		if errors.Is(err, strconv.ErrRange) {
			return codeRange, v.rangeText
		}
		if err != nil || s[0] == '+' {
			return codeType, v.rangeText
		}
		if !v.within(float64(n)) {
			return codeRange, v.rangeText
		}
	case openapi3.TypeNumber:
		f, ok := parseNumber(s)
		if !ok {
			return codeType, v.rangeText
		}
		if !v.within(f) {
			return codeRange, v.rangeText
		}
	default:
		if code, detail := v.checkText(s); code != "" {
			return code, detail
		}
	}
	if len(v.enum) > 0 && !slices.Contains(v.enum, s) {
		return codeEnum, v.enumText
	}
	return "", ""
}

// parseNumber reads a number as JSON writes it, leading zeros apart. NaN,
// infinities and hexadecimal digits, which strconv would take, are none.
func parseNumber(s string) (float64, bool) {
	for i := range len(s) {
		switch b := s[i]; {
		case '0' <= b && b <= '9', b == '.', b == '-', b == 'e', b == 'E':
		case b == '+' && i > 0:
		default:
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

func (v *scalar) within(f float64) bool {
	switch {
	case math.IsInf(f, 0), v.single && math.Abs(f) > math.MaxFloat32:
		return false
	case f < v.min, v.above && f == v.min, f > v.max, v.below && f == v.max:
		return false
	case v.multipleOf != 0:
		quotient := f / v.multipleOf
		return math.Abs(quotient-math.Round(quotient)) < 1e-9
	default:
		return true
	}
}

func (v *scalar) checkText(s string) (code, detail string) {
	if v.minLength > 0 || v.maxLength >= 0 {
		// Bytes bound characters: count only when they leave the question open.
		if len(s) < v.minLength || v.maxLength >= 0 && len(s) > v.maxLength || v.minLength > 0 {
			n := utf8.RuneCountInString(s)
			if n < v.minLength || v.maxLength >= 0 && n > v.maxLength {
				return codeLength, v.lengthText
			}
		}
	}
	if v.format != nil && !v.format(s) {
		return codeFormat, v.formatText
	}
	if v.pattern != nil && !v.pattern.MatchString(s) {
		return codePattern, v.patternText
	}
	return "", ""
}

// clean reports whether text is fit to be stored: UTF-8 without NUL.
func clean(s string) bool {
	return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

const cleanText = "must be UTF-8 text without NUL"

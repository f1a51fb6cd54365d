package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a body.
const maxDepth = 64

// decoder reads JSON into maps, slices, strings and json.Numbers, and reports
// what encoding/json would pass over in silence: a member that is given twice,
// of which it keeps the last, and text that is not UTF-8 or holds a NUL, which
// no database takes.
type decoder struct {
	*json.Decoder
	found *faults
}

// decodeJSON returns false when raw is no JSON at all; the fault is then reported.
func decodeJSON(raw []byte, found *faults) (any, bool) {
	if !utf8.Valid(raw) {
		found.member("", codeEncoding, "must be UTF-8")
		return nil, false
	}
	d := decoder{json.NewDecoder(bytes.NewReader(raw)), found}
	d.UseNumber()
	value, err := d.value("", 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON value")
		}
	}
	if err != nil {
		found.member("", codeSyntax, "must be one JSON value: "+syntaxText(err, d.InputOffset()))
		return nil, false
	}
	return value, true
}

func syntaxText(err error, offset int64) string {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	return fmt.Sprintf("%s near byte %d", strings.TrimPrefix(err.Error(), "json: "), offset)
}

func (d *decoder) value(at string, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, fmt.Errorf("nested more than %d deep", maxDepth)
		}
		if token == '[' {
			return d.array(at, depth)
		}
		return d.object(at, depth)
	case string:
		d.text(at, token)
		return token, nil
	default:
		return token, nil
	}
}

func (d *decoder) object(at string, depth int) (any, error) {
	object := make(map[string]any)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		here := pointer(at, key)
		d.text(here, key)
		value, err := d.value(here, depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := object[key]; twice {
			d.found.member(here, codeDuplicate, "must be given once")
		}
		object[key] = value
	}
	_, err := d.Token()
	return object, err
}

func (d *decoder) array(at string, depth int) (any, error) {
	array := make([]any, 0)
	for d.More() {
		value, err := d.value(pointer(at, strconv.Itoa(len(array))), depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := d.Token()
	return array, err
}

func (d *decoder) text(at, s string) {
	if !clean(s) {
		d.found.member(at, codeEncoding, cleanText)
	}
}

// pointer appends a member to a JSON pointer (RFC 6901).
func pointer(at, member string) string {
	if strings.ContainsAny(member, "~/") {
		member = strings.NewReplacer("~", "~0", "/", "~1").Replace(member)
	}
	return at + "/" + member
}

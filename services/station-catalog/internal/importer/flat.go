package importer

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("not a JSON object")

// flat reads a JSON object whose members are texts, numbers, booleans or null, and calls back with each: the text without its
// quotes, other values as they are written, null as nil. An array or object inside is given as it is written. It reads a row of
// the register some ten times as fast as encoding/json, and understands the same objects.
//
// name and value are good until member returns.
func flat(object []byte, member func(name, value []byte)) error {
	f := flatReader{in: object}
	if !f.eat('{') {
		return errJSON
	}
	if f.eat('}') {
		return f.end()
	}
	var nameBuf, valueBuf []byte
	for {
		f.space()
		name, err := f.text(nameBuf[:0])
		if err != nil {
			return err
		}
		nameBuf = name.buffer(nameBuf)
		if !f.eat(':') {
			return errJSON
		}
		f.space()
		value, err := f.value(valueBuf[:0])
		if err != nil {
			return err
		}
		valueBuf = value.buffer(valueBuf)
		member(name.bytes, value.bytes)
		if f.eat(',') {
			continue
		}
		if f.eat('}') {
			return f.end()
		}
		return errJSON
	}
}

type flatReader struct {
	in []byte
	at int
}

// piece is a part of the input, or of a buffer when it had to be unescaped.
type piece struct {
	bytes    []byte
	buffered bool
}

// buffer gives the buffer to use next: the piece's, when it has outgrown the old one.
func (p piece) buffer(old []byte) []byte {
	if p.buffered {
		return p.bytes
	}
	return old
}

func (f *flatReader) space() {
	for f.at < len(f.in) {
		switch f.in[f.at] {
		case ' ', '\t', '\n', '\r':
			f.at++
		default:
			return
		}
	}
}

func (f *flatReader) eat(c byte) bool {
	f.space()
	if f.at < len(f.in) && f.in[f.at] == c {
		f.at++
		return true
	}
	return false
}

func (f *flatReader) end() error {
	f.space()
	if f.at != len(f.in) {
		return errJSON
	}
	return nil
}

func (f *flatReader) value(buf []byte) (piece, error) {
	if f.at == len(f.in) {
		return piece{}, errJSON
	}
	switch f.in[f.at] {
	case '"':
		return f.text(buf)
	case '[', '{':
		return f.nested()
	}
	start := f.at
	for f.at < len(f.in) && f.in[f.at] > ' ' && f.in[f.at] != ',' && f.in[f.at] != '}' && f.in[f.at] != ']' {
		f.at++
	}
	word := f.in[start:f.at]
	switch string(word) {
	case "null":
		return piece{}, nil
	case "true", "false":
		return piece{bytes: word}, nil
	}
	if !jsonNumber(word) {
		return piece{}, errJSON
	}
	return piece{bytes: word}, nil
}

// text reads a text. Without escapes it is a part of the input.
func (f *flatReader) text(buf []byte) (piece, error) {
	if f.at == len(f.in) || f.in[f.at] != '"' {
		return piece{}, errJSON
	}
	f.at++
	start := f.at
	for f.at < len(f.in) {
		switch c := f.in[f.at]; {
		case c == '"':
			plain := f.in[start:f.at]
			f.at++
			return piece{bytes: plain}, nil
		case c == '\\':
			return f.escaped(append(buf, f.in[start:f.at]...))
		case c < ' ':
			return piece{}, errJSON
		}
		f.at++
	}
	return piece{}, errJSON
}

// escaped goes on with a text that has escapes.
func (f *flatReader) escaped(buf []byte) (piece, error) {
	for f.at < len(f.in) {
		c := f.in[f.at]
		f.at++
		switch {
		case c == '"':
			return piece{bytes: buf, buffered: true}, nil
		case c < ' ':
			return piece{}, errJSON
		case c != '\\':
			buf = append(buf, c)
			continue
		}
		if f.at == len(f.in) {
			break
		}
		c = f.in[f.at]
		f.at++
		if c == 'u' {
			r, ok := f.rune()
			if !ok {
				return piece{}, errJSON
			}
			buf = utf8.AppendRune(buf, r)
			continue
		}
		i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
		if i < 0 {
			return piece{}, errJSON
		}
		buf = append(buf, "\"\\/\b\f\n\r\t"[i])
	}
	return piece{}, errJSON
}

// rune reads the digits of \uXXXX, and of the second one of a pair. A half without the other is U+FFFD, as in encoding/json.
func (f *flatReader) rune() (rune, bool) {
	first, ok := f.hex()
	if !ok {
		return 0, false
	}
	if !utf16.IsSurrogate(first) {
		return first, true
	}
	if f.at+1 < len(f.in) && f.in[f.at] == '\\' && f.in[f.at+1] == 'u' {
		mark := f.at
		f.at += 2
		second, ok := f.hex()
		if !ok {
			return 0, false
		}
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, true
		}
		f.at = mark
	}
	return utf8.RuneError, true
}

func (f *flatReader) hex() (rune, bool) {
	if f.at+4 > len(f.in) {
		return 0, false
	}
	digits := f.in[f.at : f.at+4]
	for _, d := range digits {
		switch {
		case '0' <= d && d <= '9', 'a' <= d && d <= 'f', 'A' <= d && d <= 'F':
		default:
			return 0, false
		}
	}
	f.at += 4
	v, err := strconv.ParseUint(string(digits), 16, 16)
	return rune(v), err == nil
}

// nested skips an array or object. It looks at brackets and texts only: what is inside is read by whoever wants it.
func (f *flatReader) nested() (piece, error) {
	start, depth := f.at, 0
	for f.at < len(f.in) {
		switch f.in[f.at] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				f.at++
				return piece{bytes: f.in[start:f.at]}, nil
			}
		case '"':
			if _, err := f.text(nil); err != nil {
				return piece{}, err
			}
			continue
		}
		f.at++
	}
	return piece{}, errJSON
}

// jsonNumber follows the grammar of RFC 8259.
func jsonNumber(s []byte) bool {
	s = bytes.TrimPrefix(s, []byte("-"))
	digits := func() int {
		n := 0
		for n < len(s) && '0' <= s[n] && s[n] <= '9' {
			n++
		}
		return n
	}
	n := digits()
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	s = s[n:]
	if len(s) > 0 && s[0] == '.' {
		s = s[1:]
		if n = digits(); n == 0 {
			return false
		}
		s = s[n:]
	}
	if len(s) > 0 && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = digits(); n == 0 {
			return false
		}
		s = s[n:]
	}
	return len(s) == 0
}

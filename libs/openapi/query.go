package openapi

import (
	"math/bits"
	"net/url"
	"strings"
	"unicode/utf8"
)

// parameters are the query parameters of an operation, or the fields of a form.
type parameters struct {
	all   []*parameter
	index map[string]int
	// open says that unknown names are let through.
	open      bool
	required  bool // some are
	knownText string
}

func (ps *parameters) add(p *parameter) {
	if ps.index == nil {
		ps.index = make(map[string]int)
	}
	ps.index[p.name] = len(ps.all)
	ps.all = append(ps.all, p)
	ps.required = ps.required || p.required
	ps.knownText = "is not known; known are: " + strings.Join(ps.names(), ", ")
}

func (ps *parameters) names() []string {
	names := make([]string, len(ps.all))
	for i, p := range ps.all {
		names[i] = p.name
	}
	return names
}

// maxQueryPairs bounds the work on one query: more pairs than any operation has use for.
const maxQueryPairs = 1024

// counts remembers how often each parameter came; few operations have more than 48.
type counts struct {
	few  [48]int
	many []int
}

func (n *counts) of(size int) []int {
	if size <= len(n.few) {
		return n.few[:size]
	}
	if n.many == nil {
		n.many = make([]int, size)
	}
	return n.many
}

// check judges a raw query string, or a form that was sent as one.
func (ps *parameters) check(query []byte, found *faults) {
	ps.checkAs(query, found.parameter)
}

func (ps *parameters) checkAs(raw []byte, report func(name, code, detail string)) {
	var storage counts
	count := storage.of(len(ps.all))
	var duplicates uint64 // those of the first 64 that were reported already
	query, plain := string(raw), isPlain(raw)
	lists := false // some came
	for pairs := 0; query != ""; pairs++ {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if pair == "" {
			continue
		}
		if pairs == maxQueryPairs {
			report("?", codeItems, "has too many parameters")
			return
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, nameOK, value, valueOK := rawName, true, rawValue, true
		if !plain {
			name, nameOK = unescape(rawName)
			value, valueOK = unescape(rawValue)
			nameOK = nameOK && clean(name)
		}
		i, known := ps.index[name]
		switch {
		case !nameOK:
			report("?", codeEncoding, "has a parameter whose name is not percent-encoded UTF-8")
			continue
		case !known && ps.open:
			continue
		case !known && name == "":
			report("?", codeUnknown, "has a parameter without a name")
			continue
		case !known:
			report(name, codeUnknown, ps.unknownText())
			continue
		case !valueOK:
			report(name, codeEncoding, "must be percent-encoded")
			count[i]++
			continue
		}
		p := ps.all[i]
		if !p.exploded && count[i] > 0 {
			if mark := bits.RotateLeft64(1, i); duplicates&mark == 0 {
				duplicates |= mark
				report(name, codeDuplicate, "must be given once")
			}
			continue
		}
		lists = lists || p.list
		if !plain && !clean(value) {
			report(p.name, codeEncoding, cleanText)
			count[i]++
			continue
		}
		count[i] += p.checkClean(value, func(code, detail string) { report(p.name, code, detail) })
	}
	if !lists && !ps.required {
		return
	}
	for i, p := range ps.all {
		switch {
		case count[i] > 0:
			p.checkCount(count[i], func(code, detail string) { report(p.name, code, detail) })
		case p.required:
			report(p.name, codeRequired, "is required")
		}
	}
}

func (ps *parameters) unknownText() string {
	if len(ps.all) == 0 {
		return "is not known; there are no parameters here"
	}
	return ps.knownText
}

// isPlain tells that nothing in a query needs to be decoded, nor can be unclean once it is.
func isPlain(query []byte) bool {
	for _, b := range query {
		if b < ' ' || b >= utf8.RuneSelf || b == '%' || b == '+' || b == ';' {
			return false
		}
	}
	return true
}

// unescape decodes one name or value as net/url does, which the generated code
// reads it by: a bare semicolon is a fault there, and so it is here.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, ';') >= 0 {
		return "", false
	}
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	decoded, err := url.QueryUnescape(s)
	return decoded, err == nil
}

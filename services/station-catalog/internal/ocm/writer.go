package ocm

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
)

// form is how an answer is written.
type form struct {
	// nulls has what is not known written as null instead of left out.
	nulls bool
	// camel has names begin with small letters.
	camel bool
	// objects has what ids stand for written beside them.
	objects bool
}

// writer writes JSON as Open Charge Map does. A name of "" stands for none: a member of an array.
type writer struct {
	form
	dst []byte
}

// begin writes what comes before a value.
func (w *writer) begin(name string) {
	if last := w.dst[max(0, len(w.dst)-1):]; len(last) > 0 && last[0] != '{' && last[0] != '[' {
		w.dst = append(w.dst, ',')
	}
	if name == "" {
		return
	}
	w.dst = append(w.dst, '"')
	start := len(w.dst)
	w.dst = append(w.dst, name...)
	if w.camel {
		lowerStart(w.dst[start:])
	}
	w.dst = append(w.dst, '"', ':')
}

// lowerStart makes a name begin small, as clients of Open Charge Map know it: the capital letters that it begins with, but for the last one
// when a small letter follows it, as in id, uuid, isoCode and addressInfo.
func lowerStart(name []byte) {
	for i := range name {
		if name[i] < 'A' || name[i] > 'Z' || i > 0 && i+1 < len(name) && (name[i+1] < 'A' || name[i+1] > 'Z') {
			return
		}
		name[i] += 'a' - 'A'
	}
}

func (w *writer) open(name string) {
	w.begin(name)
	w.dst = append(w.dst, '{')
}

func (w *writer) close() { w.dst = append(w.dst, '}') }

func (w *writer) list(name string) {
	w.begin(name)
	w.dst = append(w.dst, '[')
}

func (w *writer) end() { w.dst = append(w.dst, ']') }

// null writes what is not known.
func (w *writer) null(names ...string) {
	if !w.nulls {
		return
	}
	for _, name := range names {
		w.begin(name)
		w.dst = append(w.dst, "null"...)
	}
}

// known is said of what is never left out.
const known = true

func (w *writer) whole(name string, v int64, known bool) {
	if !known {
		w.null(name)
		return
	}
	w.begin(name)
	w.dst = strconv.AppendInt(w.dst, v, 10)
}

func (w *writer) number(name string, v float64, known bool) {
	if !known {
		w.null(name)
		return
	}
	w.begin(name)
	w.dst = strconv.AppendFloat(w.dst, v, 'f', -1, 64)
}

// text writes a text, of which an empty one is not known.
func (w *writer) text(name, v string) {
	if v == "" {
		w.null(name)
		return
	}
	w.given(name, v)
}

// given writes a text that is known, also when it is empty.
func (w *writer) given(name, v string) {
	w.begin(name)
	for i := range len(v) {
		if c := v[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(v) // a string always can be
			w.dst = append(w.dst, quoted...)
			return
		}
	}
	w.dst = append(append(append(w.dst, '"'), v...), '"')
}

func (w *writer) flag(name string, v openchargemap.Flag) {
	switch v {
	case openchargemap.Unknown:
		w.null(name)
	case openchargemap.Yes, openchargemap.No:
		w.truth(name, v == openchargemap.Yes)
	}
}

func (w *writer) truth(name string, v bool) {
	w.begin(name)
	w.dst = strconv.AppendBool(w.dst, v)
}

// moment writes a time to the second, RFC 3339.
func (w *writer) moment(name string, v time.Time) {
	if v.IsZero() {
		w.null(name)
		return
	}
	w.begin(name)
	w.dst = append(v.UTC().AppendFormat(append(w.dst, '"'), time.RFC3339), '"')
}

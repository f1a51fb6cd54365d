package httpapi

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

// rounding keeps 7.4 kW from becoming more than 7,400 W.
const rounding = 1e-6

// number reads what has been checked to be a number.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// whole reads what has been checked to be a whole number.
func whole(s string) int {
	v, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return v
}

// instant reads what has been checked to be a time.
func instant(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func (r *queryReader) values(name, value string, all []string, known reference.Enumeration) []string {
	for v := range strings.SplitSeq(value, ",") {
		if !known.Has(v) {
			r.wrong(name, "enum", strconv.Quote(v)+" is not known; GET /v1/reference lists the values")
		}
		all = append(all, v)
	}
	return all
}

func (r *queryReader) countries(value string, all []string) []string {
	for code := range strings.SplitSeq(value, ",") {
		if !reference.Country(code) {
			r.wrong("country", "enum", strconv.Quote(code)+" is not the ISO 3166-1 alpha-2 code of a country")
		}
		all = append(all, code)
	}
	return all
}

// mostIDs is how many ids a list may have in all.
const mostIDs = 300

// idLength is that of an id with its hyphens; uuid.Parse takes other forms too.
const idLength = 36

// ids reads ids, and is the only check of them: a pattern in the contract as well took up to a fifth of a search by ids.
func (r *queryReader) ids(name, value string, all []uuid.UUID) []uuid.UUID {
	all = slices.Grow(all, 1+strings.Count(value, ","))
	for text := range strings.SplitSeq(value, ",") {
		id, err := uuid.Parse(text)
		if err != nil || len(text) != idLength {
			r.wrong(name, "format", strconv.Quote(text)+" is not an id")
			continue
		}
		all = append(all, id)
	}
	if len(all) > mostIDs {
		r.wrong(name, "items", "must have at most 300 ids")
	}
	return all
}

func (r *queryReader) text(value string) {
	r.q.Words = strings.Fields(words.Of(value))
	switch n := len(r.q.Words); {
	case n == 0:
		r.wrong("q", "pattern", "must have a letter or a digit")
	case n > mostWords:
		r.wrong("q", "items", "must have at most 10 words")
	}
}

func (r *queryReader) open(name, value string) {
	at := r.now
	switch {
	case name == "open_at":
		at = instant(value)
	case value != "true":
		return
	}
	if !r.q.OpenAt.IsZero() {
		r.wrong("open_at", "contradiction", "must not stand beside open_now")
	}
	r.q.OpenAt = at
}

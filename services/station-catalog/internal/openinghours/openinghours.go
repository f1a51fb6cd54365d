// Package openinghours reads opening hours as OpenStreetMap and the French register write them, such as "24/7",
// "Mo-Fr 08:00-12:00,14:00-19:00; Sa 09:00-12:00" or "Th,Tu,Mo  08:00-19:00", into OCPI's regular hours.
//
// It reads the part of the syntax that says the same every week. Anything else (holidays, seasons, sunrise, words) is not guessed
// at: Parse says that it does not understand, and the text is kept as it is.
package openinghours

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

const (
	dayMinutes = 24 * 60
	week       = 7
)

var weekdays = map[string]int{
	"mo": 1, "tu": 2, "we": 3, "th": 4, "fr": 5, "sa": 6, "su": 7,
	"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7,
	"lun": 1, "mar": 2, "mer": 3, "jeu": 4, "ven": 5, "sam": 6, "dim": 7,
	"lu": 1, "me": 3, "je": 4, "ve": 5, "di": 7,
}

// span is a piece of one weekday in minutes.
type span struct{ day, begin, end int }

// Parse gives the hours that the text says, and false when it is not understood. Hours over midnight become a piece of each day;
// a week without a gap is 24/7.
func Parse(text string) (*station.OpeningTimes, bool) {
	compact := strings.ToLower(strings.Join(strings.Fields(text), " "))
	if compact == "24/7" || compact == "24/24" || compact == "24h/24" {
		return &station.OpeningTimes{TwentyFourSeven: true}, true
	}
	p := parser{rest: compact}
	spans, ok := p.rules()
	if !ok || len(spans) == 0 {
		return nil, false
	}
	return times(merge(spans)), true
}

func times(spans []span) *station.OpeningTimes {
	out := &station.OpeningTimes{}
	full := 0
	for _, s := range spans {
		if s.begin == 0 && s.end == dayMinutes {
			full++
		}
		out.Regular = append(out.Regular, station.RegularHours{Weekday: s.day, Begin: clock(s.begin), End: clock(s.end)})
	}
	if full == week {
		return &station.OpeningTimes{TwentyFourSeven: true}
	}
	return out
}

func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// merge sorts the spans and joins those that touch or overlap within a day.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.begin, b.begin))
	})
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].day == s.day && s.begin <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

type parser struct{ rest string }

// rules reads groups of days and times until the end. A comma may part days, times or whole rules: days that follow times begin
// the next rule. After a semicolon the days of a rule replace what earlier rules said of them, as in OpenStreetMap; after a comma
// they add to it.
func (p *parser) rules() ([]span, bool) {
	var all []span
	replace := false
	for {
		days, ok := p.days()
		if !ok {
			return nil, false
		}
		hours, closed, ok := p.hours()
		if !ok {
			return nil, false
		}
		if replace || closed {
			all = slices.DeleteFunc(all, func(s span) bool { return days[s.day] })
		}
		for day := 1; day <= week; day++ {
			if !days[day] {
				continue
			}
			for _, h := range hours {
				all = append(all, h.on(day)...)
			}
		}
		p.space()
		switch {
		case p.rest == "":
			return all, true
		case p.eat(";"):
			replace = true
		case p.eat(","):
			replace = false
		default:
			return nil, false
		}
		p.space()
		if p.rest == "" {
			return all, true
		}
	}
}

// days reads "mo-fr", "th,tu,mo" and mixtures; none means every day.
func (p *parser) days() (days [week + 1]bool, ok bool) {
	p.space()
	found := false
	for {
		first, named := p.day()
		if !named {
			if found {
				return days, false
			}
			return [week + 1]bool{false, true, true, true, true, true, true, true}, true
		}
		last := first
		p.space()
		if p.eat("-") {
			p.space()
			if last, named = p.day(); !named {
				return days, false
			}
		}
		for d := first; ; d = d%week + 1 {
			days[d] = true
			if d == last {
				break
			}
		}
		found = true
		p.space()
		p.eat(":")
		p.space()
		if !p.eat(",") {
			return days, true
		}
		p.space()
	}
}

// day reads one name of a weekday.
func (p *parser) day() (int, bool) {
	n := 0
	for n < len(p.rest) && p.rest[n] >= 'a' && p.rest[n] <= 'z' {
		n++
	}
	day, ok := weekdays[p.rest[:n]]
	if !ok {
		return 0, false
	}
	p.rest = p.rest[n:]
	return day, true
}

type hours struct{ begin, end int }

// on gives the pieces of a day; the part after midnight falls on the next. Equal ends are a whole day.
func (h hours) on(day int) []span {
	switch {
	case h.end > h.begin && h.end <= dayMinutes:
		return []span{{day, h.begin, h.end}}
	case h.end > dayMinutes:
		return []span{{day, h.begin, dayMinutes}, {day%week + 1, 0, h.end - dayMinutes}}
	case h.end == 0:
		return []span{{day, h.begin, dayMinutes}}
	default: // over midnight, or round the clock
		return []span{{day, h.begin, dayMinutes}, {day%week + 1, 0, h.end}}
	}
}

// hours reads "08:00-12:00,14:00-19:00", "24/7" or "off" for the days before them.
func (p *parser) hours() (all []hours, closed, ok bool) {
	p.space()
	if p.eat("off") || p.eat("closed") {
		return nil, true, true
	}
	if p.eat("24/7") || p.eat("24/24") {
		return []hours{{0, dayMinutes}}, false, true
	}
	for {
		begin, ok := p.minute()
		if !ok {
			return nil, false, false
		}
		p.space()
		if !p.eat("-") {
			return nil, false, false
		}
		p.space()
		end, ok := p.minute()
		if !ok || begin >= dayMinutes {
			return nil, false, false
		}
		all = append(all, hours{begin, end})
		p.space()
		if !p.more() {
			return all, false, true
		}
	}
}

// more eats a comma when another time follows it.
func (p *parser) more() bool {
	rest := strings.TrimLeft(strings.TrimPrefix(p.rest, ","), " ")
	if !strings.HasPrefix(p.rest, ",") || rest == "" || rest[0] < '0' || rest[0] > '9' {
		return false
	}
	p.rest = rest
	return true
}

// minute reads "8:00", "08:00", "08h30" or "26:00" as minutes of the day.
func (p *parser) minute() (int, bool) {
	hour, n := p.number()
	if n == 0 || n > 2 || hour > 48 {
		return 0, false
	}
	p.rest = p.rest[n:]
	if !p.eat(":") && !p.eat("h") {
		return 0, false
	}
	minute, n := p.number()
	if n != 2 || minute > 59 || hour == 48 && minute > 0 {
		return 0, false
	}
	p.rest = p.rest[n:]
	return hour*60 + minute, true
}

func (p *parser) number() (value, digits int) {
	for digits < len(p.rest) && digits < 3 && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		value = value*10 + int(p.rest[digits]-'0')
		digits++
	}
	return value, digits
}

func (p *parser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

func (p *parser) eat(prefix string) bool {
	if rest, found := strings.CutPrefix(p.rest, prefix); found {
		p.rest = rest
		return true
	}
	return false
}

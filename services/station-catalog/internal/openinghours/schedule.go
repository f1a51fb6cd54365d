package openinghours

import (
	"encoding/json"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Schedule is OCPI opening hours made ready to be asked. Clock times are the station's own: in the hour that a change to summer time
// skips nobody comes, and one that comes twice is open twice.
type Schedule struct {
	always             bool
	zone               *time.Location
	week               [7][]hours // by time.Weekday, in minutes
	openings, closings []station.Period
	key                string
}

// NewSchedule gives nil when nothing is known of the hours, or the zone is not known.
func NewSchedule(o *station.OpeningTimes, zone string) *Schedule {
	if o == nil {
		return nil
	}
	location, err := station.Zone(zone)
	if err != nil {
		return nil
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil
	}
	s := &Schedule{always: o.TwentyFourSeven, zone: location, openings: o.Openings, closings: o.Closings, key: zone + string(text)}
	if s.always && len(s.closings) == 0 {
		s.key = "24/7" // wherever it is
	}
	for _, r := range o.Regular {
		begin, known := minuteOfDay(r.Begin)
		end, alsoKnown := minuteOfDay(r.End)
		if known && alsoKnown && r.Weekday >= 1 && r.Weekday <= week {
			day := r.Weekday % week
			s.week[day] = append(s.week[day], hours{begin, end})
		}
	}
	return s
}

func minuteOfDay(clock string) (int, bool) {
	p := parser{rest: clock}
	minute, ok := p.minute()
	return minute, ok && p.rest == ""
}

// Key is the same for schedules that say the same.
func (s *Schedule) Key() string { return s.key }

// Open tells whether it is open at a time. An exceptional closing outdoes everything, an exceptional opening the regular hours; the
// ends of periods do not belong to them.
func (s *Schedule) Open(at time.Time) bool {
	switch {
	case within(at, s.closings):
		return false
	case s.always, within(at, s.openings):
		return true
	}
	local := at.In(s.zone)
	minute := local.Hour()*60 + local.Minute()
	for _, h := range s.week[local.Weekday()] {
		if minute >= h.begin && minute < h.end {
			return true
		}
	}
	return false
}

func within(at time.Time, periods []station.Period) bool {
	for i := range periods {
		if !at.Before(periods[i].Begin) && at.Before(periods[i].End) {
			return true
		}
	}
	return false
}

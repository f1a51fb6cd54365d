package chart

import (
	"time"

	"gonum.org/v1/plot"
)

// clockSteps are the distances of marks on an axis of clock times.
var clockSteps = []time.Duration{
	10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// ClockTicks are at most seven marks of an axis that counts seconds from a moment, at round times by the clocks of a zone: hours, or
// days when the span is longer.
func ClockTicks(from, to time.Time, zone *time.Location) []plot.Tick {
	const most = 6
	var ticks []plot.Tick
	mark := func(at time.Time, layout string) {
		if !at.Before(from) && !at.After(to) {
			ticks = append(ticks, plot.Tick{Value: at.Sub(from).Seconds(), Label: at.Format(layout)})
		}
	}
	local := from.In(zone)
	midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	for _, step := range clockSteps {
		if to.Sub(from) > most*step {
			continue
		}
		for day := midnight; !day.After(to); day = day.AddDate(0, 0, 1) {
			for past := time.Duration(0); past < 24*time.Hour; past += step {
				mark(time.Date(day.Year(), day.Month(), day.Day(), 0, int(past.Minutes()), 0, 0, zone), "15:04")
			}
		}
		return ticks
	}
	days := 1
	for to.Sub(from) > time.Duration(most*days)*24*time.Hour {
		days++
	}
	for day := midnight; !day.After(to); day = day.AddDate(0, 0, days) {
		mark(day, "2 Jan")
	}
	return ticks
}

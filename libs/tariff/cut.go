package tariff

import (
	"math/big"
	"slices"
	"time"
)

// cutter cuts the segments of one phase, one after the other.
type cutter struct {
	tariff   Tariff
	location *time.Location
	phase    Phase
	expired  bool
	began    time.Time
	energy   *big.Rat // kWh before the segment at hand
}

// cut appends the segment's pieces. Places within the segment are fractions from 0 to 1, so that time and energy are divided exactly.
func (c *cutter) cut(out []piece, s Segment) []piece {
	total := s.EnergyKWh
	if total == nil {
		total = new(big.Rat)
	}
	length := s.End.Sub(s.Start)
	places := c.places(s, total)
	for i := range len(places) - 1 {
		share := new(big.Rat).Sub(places[i+1], places[i])
		middle := new(big.Rat).Mul(new(big.Rat).Add(places[i], places[i+1]), big.NewRat(1, 2))
		p := piece{
			charging: s.Charging,
			hours:    new(big.Rat).Mul(share, big.NewRat(int64(length), int64(time.Hour))),
			kWh:      new(big.Rat).Mul(share, total),
		}
		p.moment = c.momentAt(s, total, middle)
		out = append(out, p)
	}
	c.energy = new(big.Rat).Add(c.energy, total)
	return out
}

func (c *cutter) momentAt(s Segment, total, place *big.Rat) moment {
	length := s.End.Sub(s.Start)
	since := new(big.Rat).Mul(place, new(big.Rat).SetInt64(int64(length)))
	offset, _ := since.Float64()
	m := moment{
		local:   s.Start.Add(time.Duration(offset)).In(c.location),
		phase:   c.phase,
		expired: c.expired,
		energy:  new(big.Rat).Add(c.energy, new(big.Rat).Mul(place, total)),
		current: new(big.Rat),
		power:   new(big.Rat),
	}
	m.duration = new(big.Rat).Add(big.NewRat(int64(s.Start.Sub(c.began)), int64(time.Second)),
		new(big.Rat).Quo(since, new(big.Rat).SetInt64(int64(time.Second))))
	if s.CurrentA != nil {
		m.current = s.CurrentA
	}
	switch {
	case s.PowerKW != nil:
		m.power = s.PowerKW
	case length > 0:
		m.power = new(big.Rat).Quo(total, big.NewRat(int64(length), int64(time.Hour)))
	}
	return m
}

// places lists, in order and without repeats, 0, 1 and every fraction of the segment at which a restriction may begin or end to hold.
func (c *cutter) places(s Segment, total *big.Rat) []*big.Rat {
	places := []*big.Rat{new(big.Rat), big.NewRat(1, 1)}
	length := s.End.Sub(s.Start)
	at := func(t time.Time) {
		if t.After(s.Start) && t.Before(s.End) {
			places = append(places, big.NewRat(int64(t.Sub(s.Start)), int64(length)))
		}
	}
	reached := func(kWh *Number) {
		if kWh == nil || total.Sign() == 0 {
			return
		}
		place := new(big.Rat).Quo(new(big.Rat).Sub(kWh.Rat(), c.energy), total)
		if place.Sign() > 0 && place.Cmp(big.NewRat(1, 1)) < 0 {
			places = append(places, place)
		}
	}
	for _, e := range c.tariff.Elements {
		r := e.Restrictions
		if r == nil {
			continue
		}
		reached(r.MinKWh)
		reached(r.MaxKWh)
		for _, seconds := range []*int64{r.MinDuration, r.MaxDuration} {
			if seconds != nil {
				at(c.began.Add(time.Duration(*seconds) * time.Second))
			}
		}
		for _, clock := range r.clocks() {
			eachDay(s, c.location, clock, at)
		}
	}
	slices.SortFunc(places, (*big.Rat).Cmp)
	return slices.CompactFunc(places, func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
}

// clocks lists the times of day at which the restriction may change: those it names, and midnight when it depends on the day.
func (r *Restrictions) clocks() []string {
	var out []string
	for _, clock := range []string{r.StartTime, r.EndTime} {
		if clock != "" {
			out = append(out, clock)
		}
	}
	if len(r.DayOfWeek) > 0 || r.StartDate != "" || r.EndDate != "" || len(out) > 0 {
		out = append(out, "00:00")
	}
	return out
}

// eachDay calls back with the moment of a clock time on every local day that the segment touches.
func eachDay(s Segment, location *time.Location, clock string, at func(time.Time)) {
	hm, err := time.Parse("15:04", clock)
	if err != nil {
		return
	}
	year, month, day := s.Start.In(location).Date()
	for {
		t := time.Date(year, month, day, hm.Hour(), hm.Minute(), 0, 0, location)
		if t.After(s.End) {
			return
		}
		at(t)
		day++
	}
}

package tariff

import (
	"math/big"
	"time"
)

// Price answers what the usage costs. It fails when the usage is impossible: segments out of order, negative energy.
// A tariff that Validate refuses is priced as far as it makes sense.
func (t Tariff) Price(u Usage) (Bill, error) {
	if err := u.validate(); err != nil {
		return Bill{}, err
	}
	ledger := ledger{tariff: t}
	for _, p := range t.pieces(u) {
		ledger.enter(p)
	}
	for phase := range ledger.phases {
		ledger.phases[phase].roundUp()
	}
	return ledger.bill(len(u.Segments) > 0), nil
}

// ledger collects the lines of each phase.
type ledger struct {
	tariff Tariff
	phases [2]phaseLedger // reservation, session
}

type phaseLedger struct {
	lines []*Line
	last  map[Dimension]*Line // the line written last in each dimension
	timed Dimension           // the dimension of time that was priced last
}

func (l *ledger) enter(p piece) {
	phase := &l.phases[0]
	if p.phase == PhaseSession {
		phase = &l.phases[1]
	}
	if phase.last == nil {
		phase.last = make(map[Dimension]*Line)
	}
	if phase.last[Flat] == nil {
		l.add(phase, p, Flat, big.NewRat(1, 1))
	}
	if p.kWh.Sign() > 0 {
		l.add(phase, p, Energy, p.kWh)
	}
	if p.hours.Sign() > 0 {
		dimension := Time
		if p.phase == PhaseSession && !p.charging {
			dimension = ParkingTime
		}
		if l.add(phase, p, dimension, p.hours) {
			phase.timed = dimension
		}
	}
}

// add prices a volume by the first element that holds and prices the dimension, and reports whether there was one.
func (l *ledger) add(phase *phaseLedger, p piece, dimension Dimension, volume *big.Rat) bool {
	for i, element := range l.tariff.Elements {
		component := element.component(dimension)
		if component == nil || !element.Restrictions.hold(p.moment) {
			continue
		}
		line := phase.last[dimension]
		if line == nil || line.Element != i {
			line = &Line{Phase: p.phase, Dimension: dimension, Element: i, component: *component, Volume: new(big.Rat)}
			phase.lines = append(phase.lines, line)
			phase.last[dimension] = line
		}
		line.Volume.Add(line.Volume, volume)
		return true
	}
	return false
}

func (e Element) component(dimension Dimension) *PriceComponent {
	for i := range e.PriceComponents {
		if e.PriceComponents[i].Type == dimension {
			return &e.PriceComponents[i]
		}
	}
	return nil
}

// roundUp bills the phase's energy, and its last dimension of time, in whole steps; what is added goes into the last line.
func (p *phaseLedger) roundUp() {
	for _, dimension := range []Dimension{Energy, p.timed} {
		line := p.last[dimension]
		if line == nil || line.component.StepSize == 0 {
			continue
		}
		step := stepOf(line.component)
		total := new(big.Rat)
		for _, l := range p.lines {
			if l.Dimension == dimension {
				total.Add(total, l.Volume)
			}
		}
		steps := ceil(new(big.Rat).Quo(total, step))
		billed := new(big.Rat).Mul(steps, step)
		line.Volume.Add(line.Volume, billed.Sub(billed, total))
	}
}

// stepOf is a component's step in the dimension's unit: kWh or hours.
func stepOf(c PriceComponent) *big.Rat {
	if c.Type == Energy {
		return big.NewRat(c.StepSize, 1000)
	}
	return big.NewRat(c.StepSize, int64(time.Hour/time.Second))
}

func ceil(r *big.Rat) *big.Rat {
	quotient, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		quotient.Add(quotient, big.NewInt(1))
	}
	return new(big.Rat).SetInt(quotient)
}

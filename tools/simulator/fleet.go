package simulator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// FleetConfig is a fleet: its stations and how they behave.
type FleetConfig struct {
	Options
	Stations []StationConfig
	// ConnectSpread is the span over which the stations come alive, so that they do not all knock at once.
	ConnectSpread time.Duration
}

// A Fleet is many stations in one process. One costs two goroutines and some 30 KiB.
type Fleet struct {
	cfg      FleetConfig
	stations []*Station
	byName   map[string]*Station
	stats    Stats
}

// NewFleet makes the stations. It fails when there is no URL or two have one identity.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	if cfg.URL == "" {
		return nil, errors.New("simulator: no URL to connect to")
	}
	cfg.Options = cfg.withDefaults()
	f := &Fleet{cfg: cfg, byName: map[string]*Station{}}
	for _, one := range cfg.Stations {
		if one.Identity == "" || f.byName[one.Identity] != nil {
			return nil, fmt.Errorf("simulator: the identity %q is empty or there twice", one.Identity)
		}
		s := newStation(one, cfg.Options, &f.stats)
		f.stations = append(f.stations, s)
		f.byName[one.Identity] = s
	}
	return f, nil
}

// Run gives the stations life, one after the other over ConnectSpread, and returns when ctx ends and all have stopped.
func (f *Fleet) Run(ctx context.Context) error {
	var all sync.WaitGroup
	pace := f.cfg.ConnectSpread / time.Duration(max(1, len(f.stations)))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for _, s := range f.stations {
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Reset(pace)
		// Stations that never come alive end at once, so that nobody waits for them.
		all.Go(func() { _ = s.Run(ctx) })
	}
	all.Wait()
	return nil
}

// Stations returns the stations in the order of the configuration.
func (f *Fleet) Stations() []*Station { return f.stations }

// Station returns the one of this identity, nil when there is none.
func (f *Fleet) Station(identity string) *Station { return f.byName[identity] }

// Totals returns what the fleet did so far.
func (f *Fleet) Totals() Totals { return f.stats.Totals() }

// Each does something to every station, many at a time, and returns the errors joined.
func (f *Fleet) Each(do func(*Station) error) error {
	errs := make([]error, len(f.stations))
	var all sync.WaitGroup
	slots := make(chan struct{}, 64)
	for i, s := range f.stations {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(s)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

package metering_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/metering"
)

// book counts what it is asked for.
type book struct {
	rolls, stops, tables, drops int
	minutes, quarters           int
	due                         []int // how many sessions the next rolls find
	broken                      int   // how many of the next tables cannot be made
	before                      time.Time
}

func (b *book) RollUp(context.Context, int) (int, error) {
	b.rolls++
	if len(b.due) == 0 {
		return 0, nil
	}
	n := b.due[0]
	b.due = b.due[1:]
	return n, nil
}

func (b *book) Enforce(context.Context, int) (int, error) {
	b.stops++
	return 0, errors.New("the database is away")
}

func (b *book) EnsurePartitions(context.Context) error {
	b.tables++
	if b.broken > 0 {
		b.broken--
		return errors.New("somebody uses it")
	}
	return nil
}

func (b *book) DropReadings(_ context.Context, before time.Time, _ int) (weeks, rows int64, err error) {
	b.drops++
	b.before = before
	return 0, 0, nil
}

func (b *book) DropMinutes(_ context.Context, before time.Time, limit int) (rows int64, err error) {
	b.minutes++
	if b.minutes == 1 {
		return int64(limit), nil // there are more
	}
	if age := time.Since(before); age < 60*24*time.Hour || age > 61*24*time.Hour {
		return 0, errors.New("minutes are not kept as long as they should")
	}
	return 1, nil
}

func (b *book) DropQuarters(context.Context, time.Time, int) (rows int64, err error) {
	b.quarters++
	return 0, nil
}

func TestWhatWasSummedUpIsForgottenWhenItIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		ctx, stop := context.WithTimeout(t.Context(), 10500*time.Millisecond)
		defer stop()
		cfg := metering.Config{Tick: time.Second, KeepMinutes: 60 * 24 * time.Hour}
		if err := metering.Run(ctx, cfg, b, b, time.Now, slog.New(slog.DiscardHandler)); err != nil {
			t.Error(err)
		}
		if b.minutes != 2 || b.quarters != 0 || b.drops != 0 { // the rest of the minutes with the next tick; the others are kept for ever
			t.Errorf("in ten seconds: %+v", b)
		}
	})
}

func run(t *testing.T, b *book, keep, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	cfg := metering.Config{Tick: time.Second, Keep: keep}
	if err := metering.Run(ctx, cfg, b, b, time.Now, slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

func TestEachThingIsDoneWhenItIsDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{due: []int{100, 100, 7}}
		run(t, b, 30*24*time.Hour, 10500*time.Millisecond)
		// Eleven looks, the first of which finds three batches; what fails does not stop the rest.
		if b.rolls != 13 || b.stops != 11 || b.tables != 1 || b.drops != 1 {
			t.Errorf("in ten seconds: %+v", b)
		}
		if age := time.Since(b.before); age < 30*24*time.Hour || age > 31*24*time.Hour {
			t.Errorf("readings are kept for %s", age)
		}
	})
}

func TestTablesAreTriedAgainUntilTheyAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{broken: 3}
		run(t, b, 0, 10*time.Minute+10500*time.Millisecond)
		if b.tables != 5 || b.drops != 0 { // three in vain, one, and one ten minutes later
			t.Errorf("in ten minutes: %+v", b)
		}
	})
}

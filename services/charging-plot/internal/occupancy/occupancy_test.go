package occupancy_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chart/charttest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/occupancy"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestATrackIsMadeOfWhatChangesTheStatus(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 5, 4, 12, minute, 0, 0, time.UTC) }
	got := occupancy.NewTrack([]plot.Change{
		{Status: status.Unknown, Since: at(0), Version: 1},
		{Status: status.Available, Since: at(1), Version: 2},
		{Status: status.Available, Since: at(9), Version: 3}, // somebody else says so
		{Status: status.Blocked, Since: at(5), Version: 4},   // and this was true before
		{Status: status.Charging, Since: at(6), Version: 5},
		{Status: status.OutOfOrder, Since: at(30), Version: 6},
	})
	want := occupancy.Track{{At: at(0)}, {At: at(1), State: occupancy.Free}, {At: at(5), State: occupancy.Taken}, {At: at(30)}}
	if len(got) != len(want) {
		t.Fatalf("the track is %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("turn %d is %v, want %v", i, got[i], want[i])
		}
	}
}

// random is a track of turns at random minutes.
func random(noise *rand.Rand, from time.Time, n int) occupancy.Track {
	var out occupancy.Track
	for range n {
		from = from.Add(time.Duration(1+noise.IntN(400)) * time.Minute)
		out = append(out, occupancy.Turn{At: from, State: occupancy.State(noise.IntN(3))})
	}
	return out
}

// The oracle walks through every minute and asks a calendar what the clocks show, over the change of clocks as well.
func TestTheWeekIsWhatEveryMinuteComesTo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kathmandu"} {
		z, noise := zone(t, name), rand.New(rand.NewPCG(1, 2))
		from := time.Date(2026, 3, 9, 7, 30, 0, 0, time.UTC)
		to := from.AddDate(0, 0, 28)
		tracks := []occupancy.Track{random(noise, from.Add(-time.Hour), 150), random(noise, from, 150), nil}
		got := occupancy.Compute(tracks, from, to, z)
		var want occupancy.Week
		for at := got.From; at.Before(got.To); at = at.Add(time.Minute) {
			local := at.In(z)
			cell := (int(local.Weekday())+6)%7*24 + local.Hour()
			for _, track := range tracks {
				state := occupancy.Unseen
				for _, turn := range track {
					if !turn.At.After(at) {
						state = turn.State
					}
				}
				if state != occupancy.Unseen {
					want.SeenS[cell] += 60
				}
				if state == occupancy.Taken {
					want.TakenS[cell] += 60
				}
			}
		}
		if got.Week.TakenS != want.TakenS || got.Week.SeenS != want.SeenS {
			t.Errorf("%s: the week is\n%v of %v, want\n%v of %v", name, got.Week.TakenS, got.Week.SeenS, want.TakenS, want.SeenS)
		}
		if local := got.From.In(z); local.Minute() != 0 || got.From.Before(from) || got.To.After(to) {
			t.Errorf("%s: it is of %s to %s", name, got.From, got.To)
		}
		if hours := got.Week.Hours[30]; hours < 3 || hours > 4 { // Tuesday, six o'clock
			t.Errorf("%s: %d hours are behind a cell of four weeks", name, hours)
		}
	}
}

// Commuters makes plots that are taken on working days from about eight to about half past five, each in its own way, with some that stay
// away and some who come at night.
func commuters(plots int, from time.Time, days int, z *time.Location) []occupancy.Track {
	noise := rand.New(rand.NewPCG(3, 4))
	tracks := make([]occupancy.Track, plots)
	for p := range tracks {
		tracks[p] = occupancy.Track{{At: from, State: occupancy.Free}}
		for d := range days {
			day := from.In(z).AddDate(0, 0, d)
			minutes, likely := 480.0, 0.85
			if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
				minutes, likely = 660, 0.3
			}
			if noise.Float64() > likely {
				continue
			}
			begin := time.Date(day.Year(), day.Month(), day.Day(), 0, int(minutes+30*noise.NormFloat64()), 0, 0, z)
			end := begin.Add(time.Duration(300+200*noise.Float64()) * time.Minute)
			tracks[p] = append(tracks[p], occupancy.Turn{At: begin.UTC(), State: occupancy.Taken}, occupancy.Turn{At: end.UTC(), State: occupancy.Free})
		}
	}
	return tracks
}

var monday = time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)

func TestTheForecastBeatsSameAsNowOnWhatItHasNotSeen(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Paris")
	got := occupancy.Compute(commuters(6, monday, 56, z), monday, monday.Add(occupancy.Window), z)
	for i, s := range got.Score {
		t.Logf("%2d h ahead: Brier %.3f, same as now %.3f, of %d", i+1, s.Brier, s.SameAsNow, s.Samples)
		if s.Samples < 1500 || s.Brier >= s.SameAsNow {
			t.Errorf("%d h ahead the forecast is no better than none: %+v", i+1, s)
		}
	}
	if got.Lasts[0] < got.Lasts[5] || got.Lasts[0] < 0.5 || got.Lasts[11] > 0.5 {
		t.Errorf("what is unusual lasts %v", got.Lasts)
	}
	// Six o'clock on a working day, all plots free: they fill.
	now := time.Date(2026, 3, 31, 4, 0, 0, 0, time.UTC)
	next := got.Forecast(now, z, 0, 6)
	if len(next) != occupancy.Ahead || !next[0].At.Equal(now.Add(time.Hour)) || next[0].Share > 0.15 || next[4].Share < 0.7 {
		t.Errorf("the forecast of a morning is %v", next)
	}
	// In the middle of the day, all free: that is unusual, and it lasts a while.
	noon := now.Add(6 * time.Hour)
	if empty, usual := got.Forecast(noon, z, 0, 6), got.Forecast(noon, z, 0, 0); empty[0].Share >= usual[0].Share-0.2 {
		t.Errorf("with all plots free %v, knowing nothing %v", empty[0], usual[0])
	}
}

func TestThereIsNoForecastAndNoScoreOfWhatWasNotSeen(t *testing.T) {
	t.Parallel()
	nothing := occupancy.Compute([]occupancy.Track{nil, {{At: monday, State: occupancy.Unseen}}}, monday, monday.Add(occupancy.Window), time.UTC)
	if next := nothing.Forecast(monday, time.UTC, 1, 1); next != nil {
		t.Errorf("of nothing follows %v", next)
	}
	if !math.IsNaN(nothing.Week.Mean()) || !math.IsNaN(nothing.Week.Share(3)) {
		t.Errorf("the week of nothing has a mean of %f", nothing.Week.Mean())
	}
	few := occupancy.Compute(commuters(3, monday, 6, time.UTC), monday, monday.AddDate(0, 0, 6), time.UTC)
	if next := few.Forecast(monday.AddDate(0, 0, 6), time.UTC, 1, 2); len(next) != occupancy.Ahead {
		t.Errorf("of six days follows %v", next)
	}
	for _, s := range few.Score {
		if s.Samples != 0 {
			t.Errorf("six days are scored: %+v", s)
		}
	}
}

func TestPicturesAreAsTheyWereLookedAt(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Paris")
	now := monday.Add(occupancy.Window).Add(5*time.Hour + 20*time.Minute)
	busy := occupancy.Compute(commuters(6, monday, 56, z), monday, monday.Add(occupancy.Window), z)
	fresh := occupancy.Compute(commuters(2, monday, 4, z), monday, monday.AddDate(0, 0, 4), z)
	for name, p := range map[string]occupancy.Picture{
		"busy":  {Typical: busy, Zone: z, Now: now, Share: 1.0 / 6, Next: busy.Forecast(now, z, 1, 5)},
		"new":   {Typical: fresh, Zone: z, Now: now, Share: math.NaN(), Next: fresh.Forecast(now, z, 0, 0)},
		"empty": {Zone: time.UTC, Now: now, Share: math.NaN()},
	} {
		charttest.Looked(t, name, charttest.Picture{SVG: p.SVG, PNG: p.PNG})
	}
}

// due is a store with so many stations to compute.
type due struct {
	mu                    sync.Mutex
	quiet, left, computed int
	failing               bool
	again                 time.Time
}

func (d *due) PostponeQuiet(_ context.Context, _ time.Time, limit int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(d.quiet, limit)
	d.quiet -= n
	return n, nil
}

func (d *due) ComputeOccupancy(_ context.Context, again time.Time) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing {
		return false, errors.New("no database")
	}
	if d.left == 0 {
		return false, nil
	}
	d.left, d.computed, d.again = d.left-1, d.computed+1, again
	return true, nil
}

// set leaves so many to be computed, which fails or does not.
func (d *due) set(left int, failing bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.failing = left, failing
}

func (d *due) done() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.computed
}

func TestRunComputesAllThatIsDueAndComesBackAfterAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &due{quiet: 12_000, left: 30}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		began := time.Now()
		go func() {
			cfg := occupancy.Config{Tick: 10 * time.Second, Every: time.Hour}
			done <- occupancy.Run(ctx, cfg, d, time.Now, slog.New(slog.DiscardHandler))
		}()
		synctest.Wait()
		if d.quiet != 0 || d.computed != 30 || !d.again.Equal(began.Add(time.Hour)) {
			t.Errorf("the first look leaves %+v", d)
		}
		d.set(2, true)
		time.Sleep(11 * time.Second) //nolint:forbidigo // the bubble's clock
		d.set(2, false)
		time.Sleep(10 * time.Second) //nolint:forbidigo // the bubble's clock
		if n := d.done(); n != 32 {
			t.Errorf("after a failure %d were computed, want 32", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

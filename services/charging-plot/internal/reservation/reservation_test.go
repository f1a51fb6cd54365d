package reservation_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/reservation"
)

var (
	noon  = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	terms = reservation.Terms{
		MinDuration: 5 * time.Minute, MaxDuration: 24 * time.Hour, MaxAhead: 30 * 24 * time.Hour, NoShowAfter: 15 * time.Minute,
	}
)

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		starts time.Time
		d      time.Duration
		from   time.Time
		noShow time.Time
		err    error
	}{
		{"now, when nothing is said", time.Time{}, time.Hour, noon, noon.Add(15 * time.Minute), nil},
		{"now, by a clock that is a little behind", noon.Add(-20 * time.Second), time.Hour, noon, noon.Add(15 * time.Minute), nil},
		{"later, to the microsecond", noon.Add(time.Hour + 1500), time.Hour, noon.Add(time.Hour + 1000), noon.Add(75*time.Minute + 1000), nil},
		{"shorter than the plot waits", time.Time{}, 10 * time.Minute, noon, noon.Add(10 * time.Minute), nil},
		{"in the past", noon.Add(-time.Minute), time.Hour, noon, noon, reservation.ErrPast},
		{"too far ahead", noon.Add(31 * 24 * time.Hour), time.Hour, noon, noon, reservation.ErrTooFar},
		{"too short", time.Time{}, 4 * time.Minute, noon, noon, reservation.ErrDuration},
		{"too long", time.Time{}, 25 * time.Hour, noon, noon, reservation.ErrDuration},
	} {
		r, err := terms.Plan(reservation.Claim{PlotID: uuid.New(), DriverID: uuid.New(), StartsAt: c.starts, Duration: c.d}, noon)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
			continue
		}
		if err == nil && (!r.StartsAt.Equal(c.from) || !r.EndsAt.Equal(c.from.Add(c.d)) || !r.NoShowAt.Equal(c.noShow) || r.State != reservation.Reserved) {
			t.Errorf("%s: %s to %s, given up at %s", c.name, r.StartsAt, r.EndsAt, r.NoShowAt)
		}
	}
}

// TestRefusalsSpeakTheCallersUnits promises that a refusal gives its bounds in what the caller sends, minutes, or as people say them.
func TestRefusalsSpeakTheCallersUnits(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) *time.Duration { return &d }
	plan := func(t reservation.Terms, ahead, d time.Duration) error {
		_, err := t.Plan(reservation.Claim{StartsAt: noon.Add(ahead), Duration: d}, noon)
		return err
	}
	apply := func(o reservation.OperatorTerms, ahead, d time.Duration) error {
		r, err := terms.Plan(reservation.Claim{StartsAt: noon.Add(ahead), Duration: d}, noon)
		if err != nil {
			t.Fatal(err)
		}
		_, err = o.Apply(r, noon)
		return err
	}
	half, hour := in(30*time.Minute), in(time.Hour)
	many := 9
	for want, err := range map[string]error{
		"must be between 5 and 1440 minutes":                         plan(terms, 0, time.Minute),
		"must be at most 30 days from now":                           plan(terms, 31*24*time.Hour, time.Hour),
		"must be at most 36 hours from now":                          plan(reservation.Terms{MaxAhead: 36 * time.Hour}, 48*time.Hour, time.Hour),
		"must be at most 1 hour from now":                            apply(reservation.OperatorTerms{MaxAhead: hour}, 2*time.Hour, time.Hour),
		"must be at most 90 minutes from now":                        apply(reservation.OperatorTerms{MaxAhead: in(90 * time.Minute)}, 2*time.Hour, time.Hour),
		"must be between 30 and 60 minutes at this operator's plots": apply(reservation.OperatorTerms{MinDuration: half, MaxDuration: hour}, 0, 2*time.Hour),
		"must be at least 30 minutes at this operator's plots":       apply(reservation.OperatorTerms{MinDuration: half}, 0, 10*time.Minute),
		"must be at most 60 minutes at this operator's plots":        apply(reservation.OperatorTerms{MaxDuration: hour}, 0, 2*time.Hour),
		"must be between 0 and 43200 minutes":                        reservation.OperatorTerms{MaxAhead: in(31 * 24 * time.Hour)}.Within(terms),
		"must be between 1 and 5":                                    reservation.OperatorTerms{PerDriver: &many}.Within(reservation.Terms{PerDriver: 5}),
	} {
		if fields := fault.Of(err).Fields(); len(fields) != 1 || fields[0].Detail != want {
			t.Errorf("the refusal says %+v, want %q", fields, want)
		}
	}
}

func TestMove(t *testing.T) {
	t.Parallel()
	later, _ := terms.Plan(reservation.Claim{StartsAt: noon.Add(time.Hour), Duration: time.Hour}, noon)
	begun, _ := terms.Plan(reservation.Claim{Duration: time.Hour}, noon.Add(-10*time.Minute))
	ended := later
	ended.State = reservation.Canceled
	for _, c := range []struct {
		name     string
		r        reservation.Reservation
		starts   time.Time
		d        time.Duration
		from, to time.Time
		err      error
	}{
		{"later", later, noon.Add(2 * time.Hour), 0, noon.Add(2 * time.Hour), noon.Add(3 * time.Hour), nil},
		{"longer", later, time.Time{}, 2 * time.Hour, noon.Add(time.Hour), noon.Add(3 * time.Hour), nil},
		{"longer, once it has begun", begun, time.Time{}, 2 * time.Hour, noon.Add(-10 * time.Minute), noon.Add(110 * time.Minute), nil},
		{"the same beginning, once it has begun", begun, begun.StartsAt, 0, begun.StartsAt, begun.EndsAt, nil},
		{"another beginning, once it has begun", begun, noon.Add(time.Hour), 0, noon, noon, reservation.ErrBegun},
		{"so short that it would be over", begun, time.Time{}, 8 * time.Minute, noon, noon, reservation.ErrDuration},
		{"into the past", later, noon.Add(-time.Hour), 0, noon, noon, reservation.ErrPast},
		{"once it has ended", ended, noon.Add(2 * time.Hour), 0, noon, noon, reservation.ErrEnded},
	} {
		moved, err := terms.Move(c.r, c.starts, c.d, noon)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
			continue
		}
		if err == nil && (!moved.StartsAt.Equal(c.from) || !moved.EndsAt.Equal(c.to) || moved.NoShowAt.After(moved.EndsAt)) {
			t.Errorf("%s: %s to %s, given up at %s", c.name, moved.StartsAt, moved.EndsAt, moved.NoShowAt)
		}
	}
}

func TestStatesMoveForwardOnly(t *testing.T) {
	t.Parallel()
	all := []reservation.State{
		reservation.Pending, reservation.Reserved, reservation.Fulfilled, reservation.NoShow, reservation.Canceled, reservation.Rejected, reservation.Failed,
	}
	allowed := 0
	for _, from := range all {
		for _, to := range all {
			if from.CanBecome(to) {
				allowed++
				if !from.Open() || to.CanBecome(from) {
					t.Errorf("%s may become %s", from, to)
				}
			}
		}
	}
	if allowed != 10 {
		t.Errorf("%d moves are allowed, want the 10 of the diagram", allowed)
	}
}

func TestNextFreeIsTheFirstFreeMoment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var taken []reservation.Span
		for range rapid.IntRange(0, 8).Draw(t, "spans") {
			from := rapid.IntRange(-50, 50).Draw(t, "from")
			taken = append(taken, reservation.Span{
				From:  noon.Add(time.Duration(from) * time.Minute),
				Until: noon.Add(time.Duration(from+rapid.IntRange(1, 20).Draw(t, "length")) * time.Minute),
			})
		}
		d := time.Duration(rapid.IntRange(1, 30).Draw(t, "duration")) * time.Minute
		free := func(at time.Time) bool {
			for _, s := range taken {
				if s.From.Before(at.Add(d)) && s.Until.After(at) {
					return false
				}
			}
			return true
		}
		got := reservation.NextFree(taken, noon, d)
		for at := noon; at.Before(got); at = at.Add(time.Minute) {
			if free(at) {
				t.Fatalf("free at %s already, not only at %s", at, got)
			}
		}
		if !free(got) {
			t.Fatalf("not free at %s", got)
		}
	})
}

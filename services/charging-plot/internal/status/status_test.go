package status_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// The table of the package's documentation, each rank won against everything below it.
func TestTheRankingIsAsItIsWrittenDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		facts status.Facts
		want  status.Verdict
	}{
		{"nobody ever spoke", status.Facts{}, status.Verdict{Status: status.Unknown, Source: status.FromNone}},
		{"silence", status.Facts{Spoken: true}, status.Verdict{Status: status.Unknown, Source: status.FromSilence}},
		{"push", status.Facts{Spoken: true, Pushed: status.Blocked}, status.Verdict{Status: status.Blocked, Source: status.FromPush}},
		{
			"free, against a push",
			status.Facts{Spoken: true, Pushed: status.Blocked, Reports: []status.Report{status.ReportsFree}},
			status.Verdict{Status: status.Available, Source: status.FromChargePoint},
		},
		{
			"held, against free",
			status.Facts{Reports: []status.Report{status.ReportsFree, status.ReportsHeld}},
			status.Verdict{Status: status.Reserved, Source: status.FromChargePoint},
		},
		{
			"a car, against held",
			status.Facts{Reports: []status.Report{status.ReportsHeld, status.ReportsCar}},
			status.Verdict{Status: status.Blocked, Source: status.FromChargePoint},
		},
		{
			"a reservation, against a car",
			status.Facts{Reserved: true, Reports: []status.Report{status.ReportsCar}},
			status.Verdict{Status: status.Reserved, Source: status.FromReservation},
		},
		{
			"power, against a reservation",
			status.Facts{Reserved: true, Reports: []status.Report{status.ReportsPower}},
			status.Verdict{Status: status.Charging, Source: status.FromChargePoint},
		},
		{
			"an order, against power",
			status.Facts{Session: status.SessionPending, Reports: []status.Report{status.ReportsPower}},
			status.Verdict{Status: status.Reserved, Source: status.FromSession},
		},
		{
			"off, against an order",
			status.Facts{Session: status.SessionPending, Reports: []status.Report{status.ReportsOff}},
			status.Verdict{Status: status.Inoperative, Source: status.FromChargePoint},
		},
		{
			"closed, against off",
			status.Facts{OutOfService: true, Reports: []status.Report{status.ReportsOff}},
			status.Verdict{Status: status.Inoperative, Source: status.FromOperator},
		},
		{
			"a session, against closed",
			status.Facts{OutOfService: true, Session: status.SessionActive},
			status.Verdict{Status: status.Charging, Source: status.FromSession},
		},
		{
			"a fault, against a session",
			status.Facts{Session: status.SessionActive, Reports: []status.Report{status.ReportsFault}},
			status.Verdict{Status: status.OutOfOrder, Source: status.FromChargePoint},
		},
		{
			"removed, against a fault",
			status.Facts{Removed: true, Reports: []status.Report{status.ReportsFault}},
			status.Verdict{Status: status.Removed, Source: status.FromCatalog},
		},
		{
			"one of two outlets broken",
			status.Facts{Reports: []status.Report{status.ReportsFault, status.ReportsFree}},
			status.Verdict{Status: status.Available, Source: status.FromChargePoint},
		},
		{
			"one broken, one off",
			status.Facts{Reports: []status.Report{status.ReportsFault, status.ReportsOff}},
			status.Verdict{Status: status.Inoperative, Source: status.FromChargePoint},
		},
		{
			"one broken, one silent",
			status.Facts{Spoken: true, Reports: []status.Report{status.ReportsFault, status.NoReport}},
			status.Verdict{Status: status.OutOfOrder, Source: status.FromChargePoint},
		},
	} {
		if got := status.Decide(c.facts); got != c.want {
			t.Errorf("%s: %s by %s, want %s by %s", c.name, got.Status, got.Source, c.want.Status, c.want.Source)
		}
	}
}

var factsGen = rapid.Custom(func(t *rapid.T) status.Facts {
	return status.Facts{
		Removed: rapid.Bool().Draw(t, "removed"), OutOfService: rapid.Bool().Draw(t, "closed"), Reserved: rapid.Bool().Draw(t, "reserved"),
		Session: status.SessionState(rapid.IntRange(0, 2).Draw(t, "session")), Spoken: rapid.Bool().Draw(t, "spoken"),
		Reports: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) status.Report {
			return status.Report(rapid.IntRange(0, int(status.ReportsFault)).Draw(t, "report"))
		}), 0, 3).Draw(t, "reports"),
		Pushed: rapid.SampledFrom(append(status.All(), "")).Draw(t, "pushed"),
	}
})

func TestAPlotIsAvailableOnlyWhenNothingStandsAgainstIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := factsGen.Draw(t, "facts")
		v := status.Decide(f)
		if v.Status == status.Available && (f.Removed || f.OutOfService || f.Reserved || f.Session != status.NoSession) {
			t.Fatalf("AVAILABLE with %+v", f)
		}
		// The order in which EVSEs are listed says nothing.
		for i, j := 0, len(f.Reports)-1; i < j; i, j = i+1, j-1 {
			f.Reports[i], f.Reports[j] = f.Reports[j], f.Reports[i]
		}
		if again := status.Decide(f); again != v {
			t.Fatalf("in another order it is %+v, not %+v", again, v)
		}
	})
}

func TestFromOCPP(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]status.Report{
		"Available": status.ReportsFree, "Preparing": status.ReportsCar, "Charging": status.ReportsPower, "SuspendedEVSE": status.ReportsPower,
		"SuspendedEV": status.ReportsPower, "Finishing": status.ReportsCar, "Reserved": status.ReportsHeld, "Unavailable": status.ReportsOff,
		"Faulted": status.ReportsFault, "Occupied": status.ReportsCar, "": status.NoReport, "available": status.NoReport,
	} {
		if got := status.FromOCPP(word); got != want {
			t.Errorf("%q is %d, want %d", word, got, want)
		}
	}
	if got := status.Combine(status.ReportsFault, status.ReportsPower); got != status.ReportsFault {
		t.Errorf("a faulty charge point's charging connector reports %d", got)
	}
	if got := status.Combine(status.ReportsFree, status.ReportsPower); got != status.ReportsPower {
		t.Errorf("a sound charge point's charging connector reports %d", got)
	}
}

func TestBelieved(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for said, want := range map[time.Time]time.Time{
		{}:                           now,
		time.Unix(0, 0):              now,
		now.AddDate(1, 0, 0):         now,
		now.Add(30 * time.Second):    now,
		now.Add(-time.Hour):          now.Add(-time.Hour),
		now.Add(-6 * 24 * time.Hour): now.Add(-6 * 24 * time.Hour),
		now.Add(-8 * 24 * time.Hour): now,
	} {
		if got := status.Believed(said, now); !got.Equal(want) {
			t.Errorf("%s is believed as %s, want %s", said, got, want)
		}
	}
}

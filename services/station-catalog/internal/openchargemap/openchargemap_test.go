package openchargemap_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestWhatIsWrittenIsReadAgain promises that both directions go by one table: of plugs, countries, usages and voltages.
func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	written := 0
	for _, s := range reference.ConnectorStandards {
		for _, format := range []string{"CABLE", "SOCKET"} {
			id := openchargemap.TypeOf(s.Value, format)
			plug, ok := openchargemap.PlugOf(id)
			if ok == (id == 0) {
				t.Errorf("%s is written as %d, which is read as %+v", s.Value, id, plug)
			}
			if id != 0 && openchargemap.TypeOf(plug.Standard, map[bool]string{true: "CABLE", false: "SOCKET"}[plug.Cable]) != id {
				t.Errorf("%s %s is written as %d, and what that is read as is not", s.Value, format, id)
			}
			if id != 0 {
				written++
			}
		}
	}
	if written < 40 {
		t.Errorf("only %d plugs have a type", written)
	}
	for _, c := range openchargemap.Countries() {
		if of, ok := openchargemap.CountryOf(c.ID); !ok || of != c || openchargemap.CountryID(c.ISOCode) != c.ID || c.Title == "" || len(c.ContinentCode) != 2 {
			t.Errorf("the country %+v is read as %+v", c, of)
		}
	}
	// Islands and alliances with a code reserved, and countries that are no more.
	const others = "AC AN CP CS DG FQ NT PC SU TA YU"
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			if code := string([]rune{a, b}); reference.Country(code) && !strings.Contains(others, code) && openchargemap.CountryID(code) == 0 {
				t.Errorf("the country %s has no id", code)
			}
		}
	}
	if _, ok := openchargemap.CountryOf(0); ok || openchargemap.CountryID("XX") != 0 {
		t.Error("there is a country of the id 0")
	}
	for _, access := range []station.Access{station.Public, station.Restricted, station.Private} {
		for _, adHoc := range []bool{true, false} {
			st := station.Station{Access: access, Payment: &station.Payment{AdHoc: &adHoc}}
			if got := openchargemap.AccessOf(openchargemap.UsageOf(&st)); got != access {
				t.Errorf("access %s is read again as %s", access, got)
			}
		}
	}
	for volts := 1; volts <= 1000; volts++ {
		for _, power := range []string{"AC_1_PHASE", "AC_3_PHASE", "DC"} {
			got := openchargemap.ToNeutral(openchargemap.BetweenLines(volts, power), power)
			// By the nominal 400 V, 231 V are 230.
			if got != volts && (volts != 231 || got != 230) {
				t.Errorf("%d V of %s are read again as %d", volts, power, got)
			}
		}
	}
	for _, outcome := range reference.VisitOutcomes {
		if openchargemap.CheckinOf(outcome.Value) == 0 {
			t.Errorf("the outcome %s has no checkin status", outcome.Value)
		}
	}
}

// TestStandardsAndPowersOfFilters promises that what a filter is narrowed to leaves out nothing that it is for, and that it is exact only
// when it lets through nothing else.
func TestStandardsAndPowersOfFilters(t *testing.T) {
	t.Parallel()
	for _, types := range [][]int{{25}, {1036}, {25, 1036}, {33, 2}, {0}, {24}, {27}, {1, 25, 1036}, nil} {
		standards, exact := openchargemap.StandardsOf(types)
		for _, s := range reference.ConnectorStandards {
			for _, format := range []string{"CABLE", "SOCKET"} {
				asked, found := slices.Contains(types, openchargemap.TypeOf(s.Value, format)), slices.Contains(standards, s.Value)
				if asked && !found || exact && found && !asked {
					t.Errorf("types %v: %s %s is asked for: %v, found: %v, exact: %v", types, s.Value, format, asked, found, exact)
				}
			}
		}
	}
	for _, levels := range [][]int{{1}, {2}, {3}, {1, 2}, {2, 3}, {1, 3}, {1, 2, 3}} {
		least, most, exact := openchargemap.PowerOf(levels)
		for _, watts := range []int{1, 1999, 2000, 22000, 39999, 40000, 400000} {
			asked, found := slices.Contains(levels, openchargemap.LevelOf(watts)), watts >= least && (most == 0 || watts <= most)
			if asked && !found || exact && found && !asked {
				t.Errorf("levels %v: %d W are asked for: %v, found: %v, exact: %v", levels, watts, asked, found, exact)
			}
		}
	}
}

// TestStatuses promises the status of a site by whether it works, and of plugs by the best of them.
func TestStatuses(t *testing.T) {
	t.Parallel()
	const a, c, x, o, p, u = station.Available, station.Charging, station.Inoperative, station.OutOfOrder, station.Planned, station.Unknown
	for _, c := range []struct {
		plots      []station.Status
		site, plug int
	}{
		{nil, 0, 0},
		{[]station.Status{u, u}, 0, 0},
		{[]station.Status{a, u}, 50, 10},
		{[]station.Status{c, c}, 50, 20},
		{[]station.Status{c, a}, 50, 10},
		{[]station.Status{a, o}, 75, 10},
		{[]station.Status{c, x}, 75, 20},
		{[]station.Status{x, o}, 30, 30},
		{[]station.Status{o, o}, 100, 100},
		{[]station.Status{p}, 150, 150},
		{[]station.Status{a, p}, 50, 10},
		{[]station.Status{station.Reserved}, 50, 20},
		{[]station.Status{station.Blocked}, 30, 30},
	} {
		if site, plug := openchargemap.SiteStatusOf(c.plots), openchargemap.StatusOf(c.plots); site != c.site || plug != c.plug {
			t.Errorf("plots that are %v make a site %d and a plug %d, want %d and %d", c.plots, site, plug, c.site, c.plug)
		}
	}
}

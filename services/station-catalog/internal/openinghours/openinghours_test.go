package openinghours_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openinghours"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// TestParse promises the hours of every way of writing them that the French register has, and no guess at any other.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"24/7":                              "24/7",
		" 24/7 ":                            "24/7",
		"Mo-Fr 08:00-19:00":                 "1-5 08:00-19:00",
		"MO-FR 08:00-17:00":                 "1-5 08:00-17:00",
		"Mo-Su 9:00-19:00":                  "1-7 09:00-19:00",
		"Mo-Sun 07:00-19:00":                "1-7 07:00-19:00",
		"08:00-20:00":                       "1-7 08:00-20:00",
		"Th,Tu,Su,Fr,We,Mo,Sa  08:00-19:00": "1-7 08:00-19:00",
		"Mo-Fr 08:00-12:00,14:00-19:00":     "1-5 08:00-12:00 14:00-19:00",
		"Mo-Fr 08:00-12:00,Mo-Fr 14:00-19:00,Sa 09:00-12:00,Sa 14:00-18:00": "1-5 08:00-12:00 14:00-19:00, 6 09:00-12:00 14:00-18:00",
		"Mo 08:00-12:00, Mo 14:00-19:00, Sa 09:00-12:00":                    "1 08:00-12:00 14:00-19:00, 6 09:00-12:00",
		"Sa  07:45-20:45,Fr,We,Th,Mo,Tu  07:45-20:15":                       "1-5 07:45-20:15, 6 07:45-20:45",
		"Mo-Fr 08:00-18:00; Sa 09:00-12:00":                                 "1-5 08:00-18:00, 6 09:00-12:00",
		"Mo-Fr 08:00-18:00; We 10:00-12:00":                                 "1-2 08:00-18:00, 3 10:00-12:00, 4-5 08:00-18:00",
		"Mo-Su 08:00-18:00; Su off":                                         "1-6 08:00-18:00",
		"Sa-Mo 10:00-12:00":                                                 "1 10:00-12:00, 6-7 10:00-12:00",
		"Lun-Ven 07:00-19:00, Sam 09:00-18:00":                              "1-5 07:00-19:00, 6 09:00-18:00",
		"Mo-Su 08:00-08:00":                                                 "24/7",
		"Mo-Su 00:00-24:00":                                                 "24/7",
		"Mo-Su 00:00-00:00":                                                 "24/7",
		"Mo 07:00-00:00":                                                    "1 07:00-24:00",
		"Fr 22:00-02:00":                                                    "5 22:00-24:00, 6 00:00-02:00",
		"Su 22:00-26:00":                                                    "1 00:00-02:00, 7 22:00-24:00",
		"Mo 09:45-23:59,Tu 00:00-01:00":                                     "1 09:45-23:59, 2 00:00-01:00",
		"Su,Tu,We,Mo  08:00-22:00,We,Mo,Tu,Su  07:00-21:00":                 "1-3 07:00-22:00, 7 07:00-22:00",
		"Mo-Fr 08h00-12h30":                                                 "1-5 08:00-12:30",
		// Not the same every week, or not hours at all.
		"":                            "?",
		"sur rendez-vous":             "?",
		"Mo-Fr":                       "?",
		"Mo-Fr 08:00":                 "?",
		"Mo-Fr 08:00-25:61":           "?",
		"Mo-Fr 08:00-12:00 except PH": "?",
		"PH off":                      "?",
		"Jan-Mar Mo-Fr 08:00-12:00":   "?",
		"Mo-Fr sunrise-sunset":        "?",
		"Xy 08:00-12:00":              "?",
		"Mo-Fr 08:00-12:00,,":         "?",
		"Mo,, 08:00-12:00":            "?",
	} {
		if got := spell(openinghours.Parse(text)); got != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

// spell writes hours shortly: runs of days with equal spans.
func spell(o *station.OpeningTimes, ok bool) string {
	if !ok {
		return "?"
	}
	if o.TwentyFourSeven {
		return "24/7"
	}
	var byDay [8]string
	for _, h := range o.Regular {
		byDay[h.Weekday] += " " + h.Begin + "-" + h.End
	}
	var runs []string
	for day := 1; day <= 7; day++ {
		last := day
		for last < 7 && byDay[last+1] == byDay[day] {
			last++
		}
		if byDay[day] != "" {
			days := fmt.Sprint(day)
			if last > day {
				days = fmt.Sprintf("%d-%d", day, last)
			}
			runs = append(runs, days+byDay[day])
		}
		day = last
	}
	return strings.Join(runs, ", ")
}

// FuzzParse promises that what is understood is valid hours, whatever the text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"24/7", "Mo-Fr 08:00-12:00,14:00-19:00; Sa off", "Su 22:00-26:00", "Mo 00:00-48:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, ok := openinghours.Parse(text)
		if !ok {
			if o != nil {
				t.Fatalf("%q is not understood and yet %+v", text, o)
			}
			return
		}
		s := station.Station{Opening: o}
		for _, fault := range s.Validate() {
			if strings.HasPrefix(fault.Pointer, "/opening_times") {
				t.Errorf("%q is read as something invalid: %+v", text, fault)
			}
		}
		again, ok := openinghours.Parse(text)
		if !ok || !cmp.Equal(o, again) {
			t.Errorf("%q is read otherwise the second time", text)
		}
	})
}

// TestRegisterHours promises that nearly all opening hours of the real registers are understood, by value and by EVSE.
func TestRegisterHours(t *testing.T) {
	t.Parallel()
	values := map[string]int{}
	for _, name := range []string{"fr_irve_static_2024-07-03.jsonl.gz", "fr_irve_static_2026-04-13.jsonl.gz"} {
		file, err := os.Open(filepath.Join("../../../../../shared/data", name))
		if err != nil {
			t.Logf("the real register is not beside the repository, and nothing was measured: %v", err)
			return
		}
		defer file.Close()
		plain, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		for rows := json.NewDecoder(plain); ; {
			var row struct {
				Hours string `json:"horaires"`
			}
			if err := rows.Decode(&row); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			values[row.Hours]++
		}
	}
	understood, rows, all := 0, 0, 0
	var missed []string
	for value, n := range values {
		all += n
		if _, ok := openinghours.Parse(value); ok {
			understood++
			rows += n
			continue
		}
		missed = append(missed, value)
	}
	slices.Sort(missed)
	t.Logf("%d of %d values are understood, at %d of %d EVSEs; not: %q", understood, len(values), rows, all, missed)
	if understood*100 < 90*len(values) || rows*100 < 98*all {
		t.Error("too much is not understood")
	}
}

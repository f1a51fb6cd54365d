package search

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestInstantsAreWrittenAsTheStandardLibraryDoes(t *testing.T) {
	t.Parallel()
	check := func(t rapid.TB, micros int64) {
		t.Helper()
		got, want := string(appendInstant(nil, micros)), time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
		if got != want {
			t.Fatalf("%d: %s, want %s", micros, got, want)
		}
	}
	for day := time.Unix(0, 0).UTC(); day.Year() < 2410; day = day.AddDate(0, 0, 1) { // each of a whole cycle of 400 years
		check(t, day.UnixMicro())
		check(t, day.UnixMicro()-1)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, rapid.Int64Range(-lastDay, lastDay+10*microsPerDay).Draw(t, "microseconds"))
	})
}

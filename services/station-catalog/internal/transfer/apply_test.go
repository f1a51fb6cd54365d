package transfer

import (
	"testing"
	"time"
)

func TestTransactionsAreAsLargeAsTheyAreFast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rows int
		took time.Duration
		want int64
	}{
		{1000, time.Second, 300},
		{1000, 300 * time.Millisecond, 1000},
		{1000, 150 * time.Millisecond, 2000},
		{3000, 100 * time.Millisecond, mostRows},
		{250, 10 * time.Second, fewestRows},
		{0, 0, fewestRows},
	} {
		if got := nextRows(c.rows, c.took); got != c.want {
			t.Errorf("after %d rows in %v come %d, want %d", c.rows, c.took, got, c.want)
		}
	}
}

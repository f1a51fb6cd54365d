package proctest_test

import (
	"os"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/proctest"
)

func TestWhatThisProcessCosts(t *testing.T) {
	t.Parallel()
	before := proctest.CPU(t, os.Getpid())
	looks := 0
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; looks++ {
		continue
	}
	if used := proctest.CPU(t, os.Getpid()) - before; used < 5*time.Millisecond || used > time.Minute {
		t.Errorf("50 ms of work, %d looks at the clock, took %v of the processor", looks, used)
	}
	block := make([]byte, 64<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	now, peak := proctest.Memory(t, os.Getpid()), proctest.PeakMemory(t, os.Getpid())
	if now < float64(len(block)) || peak < now || now > 4<<30 {
		t.Errorf("with %d bytes in use there are %.0f, and at most were %.0f", len(block), now, peak)
	}
	if block[4096] != 1 {
		t.Error("the block is gone")
	}
}

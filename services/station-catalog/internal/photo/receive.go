package photo

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Bounds of files under way, which are held in memory.
const (
	mostUnderWay = 16 // 128 MiB
	mostOfOne    = 3
	// mostTime is how long a file may take: 8 MiB at half a megabit a second.
	mostTime = 140 * time.Second
)

var (
	errCrowded  = fault.Define(fault.Unavailable, "uploads_under_way", "Too many pictures are being sent at the moment").After(5 * time.Second)
	errOneByOne = fault.Define(fault.Limited, "own_uploads_under_way", "You are sending too many pictures at once").After(2 * time.Second)
	errSlow     = fault.Define(fault.RequestTimeout, "upload_too_slow", "The picture took too long to arrive")
)

// Desk takes files in, so many at once, and of each person fewer. The zero value is ready.
type Desk struct {
	mu       sync.Mutex
	underWay int
	of       map[uuid.UUID]int
}

// Receive reads a file whole.
func (d *Desk) Receive(ctx context.Context, person uuid.UUID, r io.Reader) ([]byte, error) {
	if err := d.enter(person); err != nil {
		return nil, err
	}
	defer d.leave(person)
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	return io.ReadAll(timely{ctx, r})
}

func (d *Desk) enter(person uuid.UUID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.of[person] >= mostOfOne:
		return errOneByOne
	case d.underWay >= mostUnderWay:
		return errCrowded
	case d.of == nil:
		d.of = map[uuid.UUID]int{}
	}
	d.underWay++
	d.of[person]++
	return nil
}

func (d *Desk) leave(person uuid.UUID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay--
	if d.of[person]--; d.of[person] == 0 {
		delete(d.of, person)
	}
}

// timely reads until the context ends.
type timely struct {
	ctx context.Context //nolint:containedctx // it is one reading
	r   io.Reader
}

func (t timely) Read(p []byte) (int, error) {
	if err := t.ctx.Err(); err != nil {
		return 0, errSlow.Because(err)
	}
	return t.r.Read(p)
}

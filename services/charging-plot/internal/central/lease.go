package central

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// leaseOf is how long a replica counts as alive after it last said so, in intervals between signs of life.
const leaseOf = 3

// renew says that this replica lives, and ends the connections of those that do not say so any more. After a time in which nobody could
// say anything, such as an outage of the database, everybody is given time to speak first; and what others took for dead meanwhile is
// said again.
func (c *Central) renew(ctx context.Context) {
	now, lease := c.now(), leaseOf*c.cfg.SeenEvery
	lapsed, err := c.links.RenewLease(ctx, c.cfg.Replica, now, now.Add(lease))
	if err != nil {
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "the replica's lease could not be renewed", "error", err)
		}
		return
	}
	if lapsed {
		c.unbroken = now
		if err := c.links.Reclaim(ctx, c.cfg.Replica, c.held()); err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "connections could not be noted again", "error", err)
		}
		return
	}
	if now.Sub(c.unbroken) < lease {
		return
	}
	n, err := c.links.ForgetDead(ctx, now)
	if err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "connections of dead replicas could not be ended", "error", err)
	}
	if n > 0 {
		c.log.WarnContext(ctx, "connections of a dead replica were ended", "connections", n)
	}
}

// held gives the sockets of this process.
func (c *Central) held() map[uuid.UUID]chargepoint.Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := make(map[uuid.UUID]chargepoint.Connection, len(c.sockets))
	for id, conn := range c.sockets {
		held[id] = conn
	}
	return held
}

// Replace says how a socket of this process is ended whose charge point has opened another. It belongs before Run.
func (c *Central) Replace(end func(id, connection uuid.UUID)) { c.replace = end }

// endReplaced ends the sockets whose charge points have opened another one at another replica: of two with one identity the newer counts,
// wherever they are.
func (c *Central) endReplaced(ctx context.Context) {
	held := c.held()
	if len(held) == 0 || c.replace == nil {
		return
	}
	replaced, err := c.links.Replaced(ctx, c.cfg.Replica, held)
	if err != nil {
		if ctx.Err() == nil {
			c.log.WarnContext(ctx, "whether sockets were replaced could not be read", "error", err)
		}
		return
	}
	for _, id := range replaced {
		c.replace(id, held[id].ID)
	}
}

func (c *Central) hold(id uuid.UUID, conn chargepoint.Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sockets[id] = conn
}

func (c *Central) letGo(id uuid.UUID, conn chargepoint.Connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sockets[id].ID == conn.ID {
		delete(c.sockets, id)
	}
}

// Run writes the signs of life now and then until ctx ends. A heartbeat tells nothing but that somebody lives, so it is the one thing
// that is acknowledged before it is written: ten thousand of them are then one statement.
func (c *Central) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.cfg.SeenEvery)
	defer ticker.Stop()
	c.unbroken = c.now()
	c.renew(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			c.renew(ctx)
			c.writeSeen(ctx)
			c.endReplaced(ctx)
			c.settleStrayed(ctx)
		}
	}
}

package ratelimit

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
)

// callerKind tells callers apart whose ids could coincide.
type callerKind uint8

const (
	kindAddress callerKind = iota + 1
	kindPrincipal
	kindNamed
)

// callerKey is whose budget it is.
type callerKey struct {
	policy string
	kind   callerKind
	id     [16]byte
}

// caller is what a process remembers of one budget.
type caller struct {
	// The lease: units taken from Redis and not spent yet, good until leaseEnd.
	units    int
	leaseEnd time.Time
	// The demand: units spent in this leaseTime, which began at since, and in the one before.
	since         time.Time
	spent, before int
	// owed is what was allowed while Redis was away, and it does not know of.
	owed int
	// remaining is what Redis had left when it was last asked.
	remaining int
	// refusedUntil is when Redis will have a unit again.
	refusedUntil time.Time
	// full is when the budget will be whole again (GCRA's theoretical arrival
	// time), by Redis or, while it is away, by our own account.
	full time.Time
}

const (
	shardCount = 64
	shardSize  = 2048
)

// callers are the budgets that the process remembers, bounded in number.
type callers struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

type shard struct {
	mu  sync.Mutex
	all map[callerKey]*caller
	_   [40]byte // each shard on a cache line of its own
}

func (cs *callers) init() {
	cs.seed = maphash.MakeSeed()
	for i := range cs.shards {
		cs.shards[i].all = make(map[callerKey]*caller)
	}
}

func (cs *callers) shard(key callerKey) *shard {
	return &cs.shards[maphash.Comparable(cs.seed, key)%shardCount]
}

// get returns the caller's account, a new one when there is none. The shard is locked.
func (s *shard) get(key callerKey, now time.Time) *caller {
	c := s.all[key]
	if c != nil {
		return c
	}
	if len(s.all) >= shardSize {
		s.makeRoom(now)
	}
	c = &caller{}
	s.all[key] = c
	return c
}

// makeRoom forgets who has a whole budget anyway, and when nobody has, a few at
// random: with Redis their account is safe, without it they gain a burst.
func (s *shard) makeRoom(now time.Time) {
	for key, c := range s.all {
		if c.full.Before(now) && c.leaseEnd.Before(now) {
			delete(s.all, key)
		}
	}
	for key := range s.all {
		if len(s.all) < shardSize*7/8 {
			return
		}
		delete(s.all, key)
	}
}

// fromLease answers without asking Redis, when there is a lease with enough in it
// or a refusal that still holds. Otherwise it says how much to lease.
func (cs *callers) fromLease(key callerKey, b *budget, now time.Time) (r result, known bool, w wish) {
	s := cs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.get(key, now)
	if now.After(c.leaseEnd) {
		c.units = 0 // what was not spent in time is lost
	}
	if c.units >= b.cost {
		c.spend(b.cost, now) // also when somebody who asked at the same time was refused
		return c.allowed(now), true, wish{}
	}
	if now.Before(c.refusedUntil) {
		return result{retryAfter: c.refusedUntil.Sub(now), resetAfter: c.full.Sub(now)}, true, wish{}
	}
	if now.After(c.full) {
		c.owed = 0 // it has come back by now
	}
	return result{}, false, wish{units: c.demand(b, now), owed: min(c.owed, b.limit.Burst)}
}

// wish is what a process wants of Redis: units to spend, and to book what was owed.
type wish struct{ units, owed int }

// demand is how much to lease: a quarter of what was spent lately, so that
// little is lost when the caller stops; and near the end of the budget less and
// less, since no process may hoard.
func (c *caller) demand(b *budget, now time.Time) int {
	c.roll(now)
	return max(b.cost, min(max(c.spent, c.before)/4, b.maxLease, c.remaining/leaseShare))
}

func (c *caller) spend(cost int, now time.Time) {
	c.roll(now)
	c.units -= cost
	c.spent += cost
}

func (c *caller) roll(now time.Time) {
	age := now.Sub(c.since)
	if age < leaseTime {
		return
	}
	if c.before = c.spent; age >= 2*leaseTime {
		c.before = 0
	}
	c.spent, c.since = 0, now
}

func (c *caller) allowed(now time.Time) result {
	return result{allowed: true, remaining: c.remaining + c.units, resetAfter: max(0, c.full.Sub(now))}
}

// leased books what Redis gave, and spends the cost of the request from it.
func (cs *callers) leased(key callerKey, b *budget, now time.Time, got *redis_rate.Result) result {
	s := cs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.get(key, now)
	c.remaining = got.Remaining
	c.owed = 0
	c.full = now.Add(got.ResetAfter)
	if got.Allowed == 0 {
		c.refusedUntil = now.Add(got.RetryAfter)
		return result{retryAfter: got.RetryAfter, resetAfter: got.ResetAfter}
	}
	c.units += got.Allowed
	c.spend(b.cost, now)
	c.leaseEnd = now.Add(leaseTime)
	return c.allowed(now)
}

// alone counts by GCRA in the process. Each unit counts for every process, as if
// the others gave one too.
func (cs *callers) alone(key callerKey, b *budget, now time.Time, processes int64) result {
	s := cs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.get(key, now)
	step := b.interval * time.Duration(b.cost) * time.Duration(processes)
	// A budget smaller than the number of processes still gives each its turn.
	whole := max(b.interval*time.Duration(b.limit.Burst), step)
	next := c.full
	if next.Before(now) {
		next = now
	}
	next = next.Add(step)
	if wait := next.Add(-whole).Sub(now); wait > 0 {
		return result{retryAfter: wait, resetAfter: c.full.Sub(now)}
	}
	c.full = next
	c.owed += b.cost
	left := (whole - next.Sub(now)) / (b.interval * time.Duration(processes))
	return result{allowed: true, remaining: int(left), resetAfter: next.Sub(now)}
}

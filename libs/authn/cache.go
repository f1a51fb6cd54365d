package authn

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// claimsTTL bounds how long a token is taken without looking at it again.
	claimsTTL = time.Minute
	// At most shards*perShard tokens are remembered: about 8 MiB of principals.
	shards   = 16
	perShard = 1024
)

// claimsCache remembers verified tokens. Its shards keep requests on many cores apart.
type claimsCache struct {
	shards [shards]shard
}

type shard struct {
	sync.RWMutex
	byToken map[[sha256.Size]byte]cachedClaims
}

type cachedClaims struct {
	principal Principal
	until     time.Time
}

func newClaimsCache() *claimsCache {
	c := &claimsCache{}
	c.clear()
	return c
}

func (c *claimsCache) get(token [sha256.Size]byte, now time.Time) (Principal, bool) {
	s := &c.shards[token[0]%shards]
	s.RLock()
	entry, ok := s.byToken[token]
	s.RUnlock()
	if !ok || !now.Before(entry.until) {
		return Principal{}, false
	}
	return entry.principal, true
}

// put remembers the principal, never beyond the token's own end. A full shard forgets an entry
// that is over or else some other: which one matters little, since a miss costs microseconds.
func (c *claimsCache) put(token [sha256.Size]byte, p Principal, now time.Time) {
	until := now.Add(claimsTTL)
	if p.Expires.Before(until) {
		until = p.Expires
	}
	if !now.Before(until) {
		return
	}
	s := &c.shards[token[0]%shards]
	s.Lock()
	defer s.Unlock()
	if len(s.byToken) >= perShard {
		s.evict(now)
	}
	s.byToken[token] = cachedClaims{p, until}
}

// evict makes room for one: it looks at a few entries for one that is over.
func (s *shard) evict(now time.Time) {
	const looks = 8
	looked := 0
	for token, entry := range s.byToken {
		if looked++; looked == looks || !now.Before(entry.until) {
			delete(s.byToken, token)
			return
		}
	}
}

func (c *claimsCache) clear() {
	for i := range c.shards {
		c.shards[i].Lock()
		c.shards[i].byToken = map[[sha256.Size]byte]cachedClaims{}
		c.shards[i].Unlock()
	}
}

package authn

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
)

// RevokedKind is what a Revocation ends.
type RevokedKind string

// The kinds.
const (
	RevokedSession RevokedKind = "sid" // every token of a login, or of an API key
	RevokedSubject RevokedKind = "sub" // every token of a subject (or by its hand, as actor) of a lower version
	RevokedKey     RevokedKind = "kid" // every token that a key has signed
)

// Revocation ends tokens before their time.
type Revocation struct {
	Kind    RevokedKind
	ID      string    // of the session, the subject, the key
	Version int64     // of a subject: the least that is still good
	Until   time.Time // when the last of these tokens would have ended by itself
}

// The revocations travel through one Redis stream. The marker names the stream's incarnation: a Redis that has lost its data has
// neither, and whoever reads must not believe that nothing was revoked. Both names share a slot of a cluster.
const (
	streamKey = "{authn:revocations}"
	markerKey = "{authn:revocations}:filled"
	// streamKeeps is how long entries stay: longer than any access token lives.
	streamKeeps = 20 * time.Minute
	// keysLive is the TTL of both keys. auth renews it all the time.
	keysLive  = 2 * time.Hour
	readBatch = 1000
	// readBlock is how long one read waits for something new, and so how often freshness is confirmed.
	readBlock   = 500 * time.Millisecond
	readTimeout = readBlock + 500*time.Millisecond
	retryEvery  = 200 * time.Millisecond
	// staleAfter is how old the last confirmation may be.
	staleAfter = 2 * time.Second
)

// Revocations is what one process knows of tokens that were ended before their time. It follows the stream that auth fills; a
// verifier asks it about every token, also about those whose signature it remembers. It is safe for concurrent use.
type Revocations struct {
	client redis.UniversalClient
	log    *slog.Logger

	mu       sync.RWMutex
	sessions map[string]time.Time
	subjects map[uuid.UUID]leastVersion
	keys     map[string]time.Time
	onKey    []func(kid string)
	swept    time.Time

	confirmed atomic.Int64 // Unix nanoseconds: the set was complete at this moment
	cursor    string
	marker    string
}

type leastVersion struct {
	version int64
	until   time.Time
}

// FollowRevocations follows the stream until ctx ends. With a nil client, which is a configuration without Redis, it returns nil:
// see Config.Revocations.
func FollowRevocations(ctx context.Context, client redis.UniversalClient, log *slog.Logger) *Revocations {
	if client == nil {
		return nil
	}
	r := &Revocations{
		client: client, log: log, cursor: "0-0",
		sessions: map[string]time.Time{}, subjects: map[uuid.UUID]leastVersion{}, keys: map[string]time.Time{},
	}
	go r.follow(ctx)
	return r
}

// Fresh tells whether everything that was revoked until two seconds ago is known.
func (r *Revocations) Fresh() bool {
	return r != nil && time.Since(time.Unix(0, r.confirmed.Load())) <= staleAfter
}

// Len counts what is known.
func (r *Revocations) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.sessions) + len(r.subjects) + len(r.keys)
}

// ended tells whether the principal's token was revoked.
func (r *Revocations) ended(p Principal) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if _, ended := r.sessions[p.SessionID]; ended && p.SessionID != "" {
		return true
	}
	if least, there := r.subjects[p.Subject]; there && p.Version < least.version {
		return true
	}
	least, there := r.subjects[p.Actor]
	return there && p.Actor != uuid.Nil && p.ActorVersion < least.version
}

// keyEnded tells whether a key was revoked.
func (r *Revocations) keyEnded(kid string) bool {
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ended := r.keys[kid]
	return ended
}

// whenKeyEnds has f called for each key that is revoked from now on.
func (r *Revocations) whenKeyEnds(f func(kid string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onKey = append(r.onKey, f)
}

func (r *Revocations) follow(ctx context.Context) {
	away := false
	for {
		err := r.read(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !away:
			away = true
			r.log.WarnContext(ctx, "revocations cannot be followed: privileged requests are confirmed at auth one by one", "error", err)
		case err == nil && away:
			away = false
			r.log.InfoContext(ctx, "revocations are followed again", "known", r.Len())
		}
		if err != nil && pause.For(ctx, pause.Around(retryEvery, 0.2)) != nil {
			return
		}
	}
}

// read takes what is new in the stream, waiting a little for it, and confirms that nothing is missing.
func (r *Revocations) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	asked := time.Now()
	var marker *redis.StringCmd
	var there *redis.IntCmd
	if _, err := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		marker, there = p.Get(ctx, markerKey), p.Exists(ctx, streamKey)
		return nil
	}); err != nil && err != redis.Nil { //nolint:errorlint // the client returns it bare
		return fmt.Errorf("read the marker: %w", err)
	}
	if marker.Val() == "" || there.Val() == 0 {
		return fmt.Errorf("auth has not filled the stream yet")
	}
	if marker.Val() != r.marker { // another incarnation, whose ids may lie before those that were read
		r.marker, r.cursor = marker.Val(), "0-0"
	}
	for {
		block := readBlock
		if r.cursor == "0-0" {
			block = -1
		}
		streams, err := r.client.XRead(ctx, &redis.XReadArgs{Streams: []string{streamKey, r.cursor}, Count: readBatch, Block: block}).Result()
		if err == redis.Nil { //nolint:errorlint // the client returns it bare
			r.confirm(asked)
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
		messages := streams[0].Messages
		for _, message := range messages {
			r.take(message.Values)
			r.cursor = message.ID
		}
		if len(messages) < readBatch {
			r.confirm(asked)
			return nil
		}
	}
}

// confirm notes that everything is known that was revoked before the moment, and forgets what has ended by itself.
func (r *Revocations) confirm(at time.Time) {
	r.confirmed.Store(at.UnixNano())
	r.mu.Lock()
	defer r.mu.Unlock()
	if at.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = at
	for id, until := range r.sessions {
		if at.After(until) {
			delete(r.sessions, id)
		}
	}
	for id, least := range r.subjects {
		if at.After(least.until) {
			delete(r.subjects, id)
		}
	}
	for id, until := range r.keys {
		if at.After(until) {
			delete(r.keys, id)
		}
	}
}

// take notes one entry. What cannot be read is passed over: an older release must live with what a newer one writes.
func (r *Revocations) take(values map[string]any) {
	text := func(name string) string { s, _ := values[name].(string); return s }
	seconds, err := strconv.ParseInt(text("until"), 10, 64)
	if err != nil {
		return
	}
	id, until := text("id"), time.Unix(seconds, 0)
	r.mu.Lock()
	var told []func(string)
	switch RevokedKind(text("kind")) {
	case RevokedSession:
		r.sessions[id] = until
	case RevokedSubject:
		subject, err := uuid.Parse(id)
		version, err2 := strconv.ParseInt(text("version"), 10, 64)
		if err == nil && err2 == nil && version >= r.subjects[subject].version {
			r.subjects[subject] = leastVersion{version, until}
		}
	case RevokedKey:
		if _, known := r.keys[id]; !known {
			told = r.onKey
		}
		r.keys[id] = until
	}
	r.mu.Unlock()
	for _, f := range told {
		f(id)
	}
}

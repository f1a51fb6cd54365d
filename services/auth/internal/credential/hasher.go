// Package credential knows passwords: which are good enough (Policy), how they are kept and compared (Hasher).
//
// A Hasher holds all argon2 work of a process under one bound, so that a flood of logins makes callers wait, then turns them
// away, and never takes more memory than was planned.
package credential

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Params are argon2id's costs.
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultParams are those of the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
var DefaultParams = Params{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1}

// ErrBusy is returned when more hashes wait than will be computed in time.
var ErrBusy = fault.Define(fault.Unavailable, "password_check_busy", "Too many logins at once").After(2 * time.Second)

var errHash = errors.New("not a password hash that we can read")

const (
	saltBytes = 16
	sumBytes  = 32
	// The costs that a stored hash may ask for. A row with more would be a way to use up the memory.
	maxMemoryKiB = 256 * 1024
	maxPasses    = 16
	maxLanes     = 8
)

// Hasher hashes and compares passwords. It is safe for concurrent use.
type Hasher struct {
	params  Params
	slots   chan struct{}
	queue   int64
	waiting atomic.Int64
	dummy   string
}

// NewHasher makes a hasher that computes at most parallel hashes at once and lets at most queue callers wait. Zeros mean one
// hash for each CPU, and a queue that a second of work empties.
func NewHasher(params Params, parallel, queue int) *Hasher {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	if queue <= 0 {
		queue = 32 * parallel
	}
	h := &Hasher{params: params, slots: make(chan struct{}, parallel), queue: int64(queue)}
	// The dummy has the form and the costs of every fresh hash, and no password: its sum is drawn, not computed.
	h.dummy = unusable(params)
	return h
}

// Hash returns the hash of a password in the PHC string format. It returns ErrBusy when the queue is full and the context's
// error when it ends before a slot is free.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt)
	sum, err := h.sum(ctx, h.params, password, salt, sumBytes)
	if err != nil {
		return "", err
	}
	return encode(h.params, salt, sum), nil
}

// Verify reports whether the password has the hash, and whether it should be hashed anew because its costs or its scheme are not today's.
// For the hash "" (there is nobody) it computes as long as for a real one and reports false.
func (h *Hasher) Verify(ctx context.Context, hash, password string) (ok, outdated bool, err error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	params, salt, want, err := decode(hash)
	if err != nil {
		return h.verifyForeign(ctx, hash, password)
	}
	got, err := h.sum(ctx, params, password, salt, len(want))
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, want) == 1 && known
	return ok, ok && params != h.params, nil
}

// verifyForeign compares with a hash of another program. It is outdated, whatever its costs.
func (h *Hasher) verifyForeign(ctx context.Context, hash, password string) (ok, outdated bool, err error) {
	foreign, err := ParseForeign(hash)
	if err != nil {
		return false, false, err
	}
	if err := h.acquire(ctx); err != nil {
		return false, false, err
	}
	defer func() { <-h.slots }()
	ok = foreign.matches(password)
	return ok, ok, nil
}

func (h *Hasher) sum(ctx context.Context, params Params, password string, salt []byte, length int) ([]byte, error) {
	if err := h.acquire(ctx); err != nil {
		return nil, err
	}
	defer func() { <-h.slots }()
	return argon2.IDKey([]byte(Normalize(password)), salt, params.Passes, params.MemoryKiB, params.Lanes, uint32(length)), nil //nolint:gosec // decode bounds length to 64
}

func (h *Hasher) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		return ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

func encode(params Params, salt, sum []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, params.MemoryKiB, params.Passes, params.Lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

func decode(hash string) (params Params, salt, sum []byte, err error) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return Params{}, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &params.MemoryKiB, &params.Passes, &params.Lanes); err != nil {
		return Params{}, nil, nil, errHash
	}
	salt, errSalt := base64.RawStdEncoding.Strict().DecodeString(parts[4])
	sum, errSum := base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if errors.Join(errSalt, errSum) != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 ||
		params.MemoryKiB < 8 || params.MemoryKiB > maxMemoryKiB || params.Passes < 1 || params.Passes > maxPasses ||
		params.Lanes < 1 || params.Lanes > maxLanes {
		return Params{}, nil, nil, errHash
	}
	return params, salt, sum, nil
}

package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
)

// ErrUnconfirmed says that a privileged request cannot be confirmed: neither are the revocations known, nor does auth answer.
var ErrUnconfirmed = fault.Define(fault.Unavailable, "token_unconfirmed", "Whether the access token was revoked cannot be checked at the moment").
	After(2 * time.Second)

const (
	// confirmedFor is how long auth's word is taken for the next request with the same token: within the bound of a revocation.
	confirmedFor    = time.Second
	confirmTimeout  = 3 * time.Second
	maxConfirmation = 4096
)

// Confirm makes sure that the caller's token was not revoked before it is used for the scopes. While the revocations are followed
// that is known already. While they are not (Redis is away) privileged scopes are confirmed at auth, and refused with
// ErrUnconfirmed when that does not answer either; others go on, for the few minutes that a token lives.
func Confirm(ctx context.Context, scopes ...string) error {
	who, known := ctx.Value(contextKey{}).(identity)
	if !known || who.verifier == nil || !slices.ContainsFunc(scopes, policy.Privileged) {
		return nil
	}
	return who.verifier.confirm(ctx, who.token)
}

func (v *Verifier) confirm(ctx context.Context, token string) error {
	switch {
	case v.revocations == nil && v.introspect == nil, v.revocations.Fresh():
		return nil
	case v.introspect == nil:
		return ErrUnconfirmed
	}
	live, err := v.confirmed.ask(ctx, token, v.introspect)
	switch {
	case err != nil:
		return ErrUnconfirmed.Because(err)
	case !live:
		return ErrToken.Detailf("The access token was revoked")
	default:
		return nil
	}
}

// confirmations remembers for a moment what auth has said, and asks once for many who want to know at once.
type confirmations struct {
	flights singleflight.Group
	mu      sync.Mutex
	until   map[[sha256.Size]byte]time.Time
}

func (c *confirmations) ask(ctx context.Context, token string, introspect func(context.Context, string) (bool, error)) (bool, error) {
	sum := sha256.Sum256([]byte(token))
	c.mu.Lock()
	until := c.until[sum]
	c.mu.Unlock()
	if time.Now().Before(until) {
		return true, nil
	}
	flight := c.flights.DoChan(string(sum[:]), func() (any, error) {
		// The question belongs to all who wait for its answer.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), confirmTimeout)
		defer cancel()
		asked := time.Now()
		live, err := introspect(ctx, token)
		if live && err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			if len(c.until) >= maxConfirmation || c.until == nil {
				c.until = map[[sha256.Size]byte]time.Time{}
			}
			c.until[sum] = asked.Add(confirmedFor)
		}
		return live, err
	})
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case result := <-flight:
		live, ok := result.Val.(bool)
		if !ok && result.Err == nil {
			return false, errors.New("no answer")
		}
		return live, result.Err
	}
}

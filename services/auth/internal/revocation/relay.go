// Package revocation carries what ends tokens before their time from the database, where it is written with what caused it, to
// every verifier.
//
// Whoever ends a session, takes a role or revokes a key writes that down in one transaction and is done: a Relay, on whichever
// replica is first, publishes it within milliseconds, and again whenever the other side has lost its memory.
package revocation

import (
	"context"
	"log/slog"
	"time"
)

// Kind is what is revoked.
type Kind string

// The kinds.
const (
	Session Kind = "sid"    // a login or an API key
	Account Kind = "sub"    // tokens of an account of a lower version
	Client  Kind = "client" // tokens of a service client of a lower version
	Key     Kind = "kid"    // a signing key
)

// Revocation ends tokens.
type Revocation struct {
	Kind    Kind
	Subject string
	Version int64
	Until   time.Time
}

// Store keeps revocations.
type Store interface {
	// Outstanding hands revocations that were not published yet, oldest first, to publish, and notes that they were when it
	// returns nil. It returns how many there were; no two replicas are given the same at once.
	Outstanding(ctx context.Context, publish func([]Revocation) error) (int, error)
	// ListRevocations returns all that still matter.
	ListRevocations(ctx context.Context) ([]Revocation, error)
}

// Publisher tells the verifiers.
type Publisher interface {
	// Filled reports whether the verifiers have what was published before.
	Filled(ctx context.Context) (bool, error)
	// Fill tells them everything.
	Fill(ctx context.Context, all []Revocation) error
	// Publish tells them what is new.
	Publish(ctx context.Context, some []Revocation) error
}

// lookEvery is how often a Relay looks without being woken: the longest that a revocation waits when a notification is lost.
const lookEvery = time.Second

// Relay publishes revocations.
type Relay struct {
	store     Store
	publisher Publisher
	log       *slog.Logger
	wake      chan struct{}
}

// NewRelay makes a Relay.
func NewRelay(store Store, publisher Publisher, log *slog.Logger) *Relay {
	return &Relay{store: store, publisher: publisher, log: log, wake: make(chan struct{}, 1)}
}

// Wake has the relay look at once.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run publishes until ctx ends. What fails is tried again each second: meanwhile verifiers know that they do not know.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failing, looked := false, time.Time{}
	for {
		err := r.Carry(ctx, time.Since(looked) >= lookEvery)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			r.log.WarnContext(ctx, "revocations cannot be published", "error", err)
		case err == nil && failing:
			r.log.InfoContext(ctx, "revocations are published again")
		}
		if failing = err != nil; !failing {
			looked = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-tick.C:
		}
	}
}

// Carry publishes what is outstanding. With look it first fills verifiers that have lost what they had.
func (r *Relay) Carry(ctx context.Context, look bool) error {
	if look {
		filled, err := r.publisher.Filled(ctx)
		if err != nil {
			return err
		}
		if !filled {
			all, err := r.store.ListRevocations(ctx)
			if err != nil {
				return err
			}
			if err := r.publisher.Fill(ctx, all); err != nil {
				return err
			}
			r.log.InfoContext(ctx, "revocations were filled in", "revocations", len(all))
		}
	}
	for {
		n, err := r.store.Outstanding(ctx, func(some []Revocation) error { return r.publisher.Publish(ctx, some) })
		if err != nil || n == 0 {
			return err
		}
	}
}

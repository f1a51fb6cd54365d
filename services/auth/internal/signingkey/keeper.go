package signingkey

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// Faults of the operators' verbs.
var (
	ErrNoKey  = fault.Define(fault.NotFound, "no_such_key", "There is no such signing key")
	ErrUnripe = fault.Define(fault.Conflict, "key_not_ripe", "The next key has not been published long enough")
)

// Change is a key as it shall be, and what to write into the audit log.
type Change struct {
	Key   Key
	Event audit.Event
}

// Store keeps keys.
type Store interface {
	// ListKeys returns all keys, oldest first, those that are gone included.
	ListKeys(ctx context.Context) ([]Key, error)
	// ChangeKeys calls decide with all keys and writes the changes it returns, in their order and in one transaction. No two
	// calls overlap, on whichever replica.
	ChangeKeys(ctx context.Context, decide func(keys []Key) ([]Change, error)) error
}

// Keeper moves keys through their life.
type Keeper struct {
	store    Store
	sealer   *Sealer
	schedule Schedule
	now      func() time.Time
}

// NewKeeper makes a keeper. The clock is a parameter so that a test can live through a month.
func NewKeeper(store Store, sealer *Sealer, schedule Schedule, now func() time.Time) *Keeper {
	return &Keeper{store: store, sealer: sealer, schedule: schedule, now: now}
}

// Maintain does what Plan finds due, and seals anew what an older key-encryption key has sealed. Most of the time that is
// nothing, which it finds out without taking the lock.
func (k *Keeper) Maintain(ctx context.Context) error {
	keys, err := k.store.ListKeys(ctx)
	if err != nil {
		return err
	}
	changes, err := k.due(keys)
	if err != nil || len(changes) == 0 {
		return err
	}
	return k.store.ChangeKeys(ctx, k.due)
}

// List returns all keys, oldest first.
func (k *Keeper) List(ctx context.Context) ([]Key, error) { return k.store.ListKeys(ctx) }

// Rotate lets the pending key sign from now on. It returns ErrUnripe when that key has been published for less than the
// schedule asks for, unless force is set: verifiers that do not have the key then ask for it at the first token.
func (k *Keeper) Rotate(ctx context.Context, actor string, force bool) (active string, err error) {
	err = k.store.ChangeKeys(ctx, func(keys []Key) ([]Change, error) {
		from, next := find(keys, Active), find(keys, Pending)
		if from == nil || next == nil {
			return nil, ErrNoKey.Detailf("there is no pending key yet: the service makes one when it starts")
		}
		if age := k.now().Sub(next.CreatedAt); age < k.schedule.PublishAhead && !force {
			return nil, ErrUnripe.Detailf("the next key was published %s ago; verifiers are given %s", age.Round(time.Second), k.schedule.PublishAhead)
		}
		active = next.ID
		return k.take(keys, actor, append(rotation(from.ID, next.ID), Step{Do: Create, State: Pending})...)
	})
	return active, err
}

// Revoke ends a key at once, whatever its state: it is published no more, and tokens that it signed are refused by every
// verifier that reads the key set again. Another key takes its place. It returns ErrNoKey for an unknown key.
func (k *Keeper) Revoke(ctx context.Context, actor, kid string) error {
	return k.store.ChangeKeys(ctx, func(keys []Key) ([]Change, error) {
		at := slices.IndexFunc(keys, func(key Key) bool { return key.ID == kid })
		if at < 0 || keys[at].State == Gone {
			return nil, ErrNoKey.Detailf("there is no published key %q", kid)
		}
		changes, err := k.take(keys, actor, Step{Do: Wipe, Key: kid})
		if err != nil {
			return nil, err
		}
		changes[0].Event = keyEvent(audit.KeyRevoked, actor, kid)
		keys = slices.Clone(keys)
		keys[at] = changes[0].Key
		more, err := k.due(keys)
		return append(changes, more...), err
	})
}

// due returns the changes that Plan asks for, and keys to be sealed anew.
func (k *Keeper) due(keys []Key) ([]Change, error) {
	changes, err := k.take(keys, audit.System, Plan(keys, k.schedule, k.now())...)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		changed := slices.ContainsFunc(changes, func(c Change) bool { return c.Key.ID == key.ID })
		if key.State == Gone || changed || key.SealedBy == k.sealer.current {
			continue
		}
		private, err := k.sealer.open(key)
		if err != nil {
			return nil, err
		}
		if key.Sealed, key.SealedBy, err = k.sealer.seal(key.ID, private); err != nil {
			return nil, err
		}
		changes = append(changes, Change{Key: key, Event: keyEvent(audit.KeySealed, audit.System, key.ID)})
	}
	return changes, nil
}

// take turns steps into changes.
func (k *Keeper) take(keys []Key, actor string, steps ...Step) ([]Change, error) {
	now := k.now()
	changes := make([]Change, 0, len(steps))
	for _, step := range steps {
		if step.Do == Create {
			key, err := New(k.sealer, step.State, now)
			if err != nil {
				return nil, err
			}
			changes = append(changes, Change{Key: key, Event: keyEvent(audit.KeyCreated, actor, key.ID)})
			continue
		}
		at := slices.IndexFunc(keys, func(key Key) bool { return key.ID == step.Key })
		if at < 0 {
			return nil, fmt.Errorf("%s signing key %s: there is none", step.Do, step.Key)
		}
		key, kind := keys[at], audit.KeyActivated
		switch step.Do {
		case Activate:
			key.State, key.ActivatedAt = Active, now
		case Retire:
			key.State, key.RetiredAt, kind = Retiring, now, audit.KeyRetired
		case Wipe:
			key.State, key.GoneAt, key.Sealed, kind = Gone, now, nil, audit.KeyGone
		case Create: // above
		}
		changes = append(changes, Change{Key: key, Event: keyEvent(kind, actor, key.ID)})
	}
	return changes, nil
}

func find(keys []Key, state State) *Key {
	for i := range keys {
		if keys[i].State == state {
			return &keys[i]
		}
	}
	return nil
}

func keyEvent(kind audit.Kind, actor, kid string) audit.Event {
	return audit.New(kind, uuid.Nil, actor).With("kid", kid)
}

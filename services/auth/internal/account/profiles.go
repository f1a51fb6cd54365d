package account

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
)

// ErrLocale is returned for a text that is no language tag.
var ErrLocale = fault.Define(fault.Invalid, "bad_locale", "This is not a language tag")

// Holder is an account in one of its sessions: whoever presents an access token.
type Holder struct {
	Account uuid.UUID
	Session uuid.UUID
}

// Patch is a change of a profile. Nil leaves a field as it is.
type Patch struct {
	Name   *string
	Locale *string
}

// ProfileStore keeps profiles.
type ProfileStore interface {
	// GetAccount returns the holder's account, or ErrNone.
	GetAccount(ctx context.Context, holder Holder) (Account, error)
	// UpdateProfile changes the fields that the patch names if the account still has the version, and returns the account
	// as it is then. It returns ErrNone, or ErrStale.
	UpdateProfile(ctx context.Context, holder Holder, version int64, patch Patch, event audit.Event) (Account, error)
	// SetUsername gives the holder's account a username, queues the mail, and returns the account as it is then. It returns
	// ErrNone, or ErrUsernameTaken when somebody has it or one that looks like it.
	SetUsername(ctx context.Context, holder Holder, username Username, event audit.Event) (Account, error)
}

// ErrUsernamesFixed is returned where people may not change their usernames.
var ErrUsernamesFixed = fault.Define(fault.Forbidden, "usernames_fixed", "Usernames cannot be changed here")

// usernameChanges is the budget of changes of one account's username: one who tries names would find out who has which.
var usernameChanges = throttle.Rule{Name: "username-change", Burst: 5, Every: 6 * time.Hour}

// Profiles reads and changes what people say of themselves.
type Profiles struct {
	store          ProfileStore
	throttle       Throttle
	usernamesFixed bool
	queued         func()
}

// NewProfiles makes Profiles. With usernamesFixed nobody may change theirs. It calls queued after each mail that it has queued.
func NewProfiles(store ProfileStore, limits Throttle, usernamesFixed bool, queued func()) *Profiles {
	return &Profiles{store: store, throttle: limits, usernamesFixed: usernamesFixed, queued: queued}
}

// Get returns the holder's account, or ErrNone.
func (p *Profiles) Get(ctx context.Context, holder Holder) (Account, error) {
	return p.store.GetAccount(ctx, holder)
}

// Update changes a profile in the version that the caller has seen. It returns the faults of the patch, ErrStale and ErrNone.
func (p *Profiles) Update(ctx context.Context, holder Holder, version int64, patch Patch, from caller.Caller) (Account, error) {
	var faults faultList
	if patch.Name != nil {
		name, err := ParseName(*patch.Name)
		if err != nil {
			faults.add("/name", err)
		}
		patch.Name = &name
	}
	if patch.Locale != nil && *patch.Locale != "" {
		locale, err := ParseLocale(*patch.Locale)
		if err != nil {
			faults.add("/locale", err)
		}
		patch.Locale = &locale
	}
	if err := faults.err(); err != nil {
		return Account{}, err
	}
	return p.store.UpdateProfile(ctx, holder, version, patch, own(audit.ProfileChanged, holder, from))
}

// SetUsername gives the holder's account a username. It returns ErrUsername, ErrUsernameTaken, ErrUsernamesFixed, ErrNone and
// throttle.ErrLimited.
func (p *Profiles) SetUsername(ctx context.Context, holder Holder, text string, from caller.Caller) (Account, error) {
	if p.usernamesFixed {
		return Account{}, ErrUsernamesFixed
	}
	username, err := ParseUsername(text)
	if err != nil {
		return Account{}, at("/username", err)
	}
	if err := p.throttle.Take(ctx, usernameChanges.For(holder.Account[:])); err != nil {
		return Account{}, err
	}
	changed, err := p.store.SetUsername(ctx, holder, username, own(audit.UsernameChanged, holder, from))
	if errors.Is(err, ErrUsernameTaken) {
		return Account{}, takenUsername
	}
	if err != nil {
		return Account{}, err
	}
	p.queued()
	return changed, nil
}

// ParseLocale reads a BCP 47 tag and returns its usual spelling, or ErrLocale.
func ParseLocale(text string) (string, error) {
	tag, err := language.Parse(text)
	if err != nil || tag == language.Und {
		return "", ErrLocale.Because(err)
	}
	return tag.String(), nil
}

package account

import (
	"context"

	"github.com/google/uuid"
	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
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
}

// Profiles reads and changes what people say of themselves.
type Profiles struct {
	store ProfileStore
}

// NewProfiles makes Profiles.
func NewProfiles(store ProfileStore) *Profiles { return &Profiles{store: store} }

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
	event := audit.New(audit.ProfileChanged, holder.Account, audit.ByAccount(holder.Account)).In(holder.Session).From(from)
	return p.store.UpdateProfile(ctx, holder, version, patch, event)
}

// ParseLocale reads a BCP 47 tag and returns its usual spelling, or ErrLocale.
func ParseLocale(text string) (string, error) {
	tag, err := language.Parse(text)
	if err != nil || tag == language.Und {
		return "", ErrLocale.Because(err)
	}
	return tag.String(), nil
}

// Package apikey is about API keys: secrets with which programs act for an account.
//
// A Key has a name, scopes, and if its owner likes an end and networks that it may be used from. Its text is shown once, when it is
// made or rotated; what is stored of it is a hash under a Pepper. Services never see a key's rights in it: they hand the text in
// (Service.Exchange) and are given an access token of a few minutes. Such a token has what the key and its owner both have at that
// moment, so that a key can never do more than its owner.
//
// A rotation gives a key another text. For a grace the one before works, too; the key and its id stay the same.
package apikey

import (
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// Most is how many keys an account may have.
const Most = 50

// MaxGrace is how long the text before a rotation may go on working.
const MaxGrace = 7 * 24 * time.Hour

// maxNetworks keeps the tokens small.
const maxNetworks = 16

// Faults of API keys.
var (
	// ErrUnknown is the one answer to every text that does not work.
	ErrUnknown = fault.Define(fault.Invalid, "invalid_grant", "The API key is unknown, expired or revoked")
	// ErrNotFound is returned for a key that the account does not have.
	ErrNotFound = fault.Define(fault.NotFound, "no_such_api_key", "There is no such API key")
	// ErrTooMany is returned when an account has Most keys.
	ErrTooMany = fault.Define(fault.Conflict, "too_many_api_keys", "There are too many API keys").
			Detailf("An account has %d at most: delete one that is not used.", Most)
	// ErrScope is returned for a scope that the owner does not have.
	ErrScope = fault.Define(fault.Forbidden, "scope_not_yours", "The key cannot have a scope that its owner does not have")
	// ErrNetworks is returned for what is no list of networks.
	ErrNetworks = fault.Define(fault.Invalid, "bad_networks", "These are no networks")
	// ErrExpiry is returned for an end that has passed.
	ErrExpiry = fault.Define(fault.Invalid, "bad_expiry", "The key would have expired already").
			At(fault.Field{Pointer: "/expires_at", Code: "past", Detail: "it has to be in the future"})
	// ErrExpired is returned for the rotation of a key that has expired.
	ErrExpired = fault.Define(fault.Conflict, "api_key_expired", "The API key has expired").Detailf("Make another one.")
)

// Key is one.
type Key struct {
	ID         uuid.UUID
	Name       string
	Scopes     []string
	Networks   []netip.Prefix // none: from everywhere
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero: never
	LastUsedAt time.Time // to the minute; zero: not yet
	// EarlierUntil is until when the text before the last rotation works; zero: it does not.
	EarlierUntil time.Time
}

// Secret is a text of a key, as it is stored.
type Secret struct {
	ID   uuid.UUID
	Hash Hash
}

// Use is a key that was handed in, and its owner at that moment.
type Use struct {
	Key      uuid.UUID
	Secret   uuid.UUID
	Account  uuid.UUID
	Version  int64 // of the account's rights
	Grants   []role.Grant
	Scopes   []string
	Networks []netip.Prefix
	// Left is how long the text still works; negative when it does not end.
	Left time.Duration
}

// ParseNetworks reads addresses and networks in CIDR. It returns ErrNetworks.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	if len(texts) > maxNetworks {
		return nil, ErrNetworks.Detailf("at most %d", maxNetworks)
	}
	networks := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if address, addressErr := netip.ParseAddr(text); addressErr == nil && address.Zone() == "" {
			address = address.Unmap()
			prefix, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil || prefix.Addr().Is4In6() {
			return nil, ErrNetworks.Detailf("%q is neither an address nor a network such as 192.0.2.0/24", text)
		}
		networks[i] = prefix.Masked()
	}
	return networks, nil
}

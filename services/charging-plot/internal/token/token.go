// Package token is what a driver shows a charge point where no app is at hand: a card, or the contract that a plug-and-charge car brings.
// The words are those of OCPI's tokens module.
//
// A token belongs to one owner. A driver's own begins sessions of that driver at every charge point of the network; so does a partner's,
// for whoever the partner gave it to. One that an operator issued holds at that operator's charge points alone and names no driver: an
// operator must not be able to make anybody pay elsewhere.
package token

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Token is one token. Exactly one of DriverID, OperatorID and Party says whose it is.
type Token struct {
	ID         uuid.UUID
	UID        string // what the card or the car says
	Type       Type
	DriverID   uuid.UUID
	OperatorID uuid.UUID
	Party      Party

	ContractID   string // eMAID where there is one
	Issuer       string
	VisualNumber string
	GroupID      string // tokens of a group may stop each other's charges
	Language     string
	Whitelist    Whitelist
	Valid        bool
	// Unproven is a driver's own that was typed in and not shown yet: anybody can type in what is printed on somebody's card. It holds
	// nowhere, and keeps nobody from registering the same.
	Unproven bool

	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// Party is an OCPI party.
type Party struct {
	CountryCode string // ISO 3166-1 alpha-2
	PartyID     string // three characters
}

// Driver stands for whoever charges by a contract of the party: the same for each of the contract's tokens, and nobody else. So a
// charge or a reservation for the contract is like one of a driver of ours.
func (p Party) Driver(contractID string) uuid.UUID {
	return uuid.NewSHA1(contracts, []byte(p.CountryCode+"*"+p.PartyID+"*"+Key(contractID)))
}

var contracts = uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:ihr:roaming:contract"))

// Driver is who charges with the token: its driver, or who stands for a partner's contract; zero for an operator's.
func (t Token) Driver() uuid.UUID {
	if t.Party != (Party{}) {
		return t.Party.Driver(t.ContractID)
	}
	return t.DriverID
}

// Type is the kind of a token.
type Type string

// The kinds of tokens.
const (
	AdHocUser Type = "AD_HOC_USER" // a payment at the charge point
	AppUser   Type = "APP_USER"
	EMAID     Type = "EMAID" // the contract of a plug-and-charge car
	Other     Type = "OTHER"
	RFID      Type = "RFID"
)

// Whitelist says when a token must be asked about.
type Whitelist string

// The rules of whitelisting.
const (
	Always         Whitelist = "ALWAYS"          // it always holds
	Allowed        Whitelist = "ALLOWED"         // its owner may be asked
	AllowedOffline Whitelist = "ALLOWED_OFFLINE" // its owner is asked, except where that cannot be
	Never          Whitelist = "NEVER"           // its owner must be asked each time
)

// Key gives a uid as tokens are matched by it. Readers spell one card in several ways ("04:a2:2b", "04A22B"), and eMAIDs come with and
// without hyphens.
func Key(uid string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', ':', ' ', '*':
			return -1
		}
		return r
	}, strings.ToUpper(uid))
}

// Key gives what the token is kept under: no card is matched by one that is unproven.
func (t Token) Key() string {
	if t.Unproven {
		return UnprovenKey(t.UID, t.DriverID)
	}
	return Key(t.UID)
}

// UnprovenKey gives what a driver's token is kept under until the driver has shown it. No uid has such a key, which holds a space.
func UnprovenKey(uid string, driver uuid.UUID) string { return Key(uid) + " " + driver.String() }

// HoldsAt tells whether the token may begin a charge at an operator's charge points without anybody being asked.
func (t Token) HoldsAt(operator uuid.UUID) bool {
	if !t.Offline() {
		return false
	}
	return t.OperatorID == uuid.Nil || t.OperatorID == operator
}

// Offline tells whether a charge point may keep the token in its own list.
func (t Token) Offline() bool { return t.Valid && !t.Unproven && t.Whitelist != Never }

// Snapshot is what a session keeps of the token that began it, in the form of OCPI's CdrToken.
type Snapshot struct {
	CountryCode string `json:"country_code,omitempty"`
	PartyID     string `json:"party_id,omitempty"`
	UID         string `json:"uid"`
	Type        Type   `json:"type"`
	ContractID  string `json:"contract_id"`
	GroupID     string `json:"group_id,omitempty"`
}

// Snapshot gives what a session keeps of the token.
func (t Token) Snapshot() Snapshot {
	return Snapshot{
		CountryCode: t.Party.CountryCode, PartyID: t.Party.PartyID, UID: t.UID, Type: t.Type, ContractID: t.ContractID, GroupID: t.GroupID,
	}
}

// Selection says which tokens a list shows, in order of id; zero fields do not narrow it.
type Selection struct {
	Driver   uuid.UUID
	Operator uuid.UUID
	Type     Type
	Valid    *bool
	After    uuid.UUID
	Limit    int
}

// Patch is a change of a token; nil keeps what there is.
type Patch struct {
	ContractID, Issuer, VisualNumber, GroupID *string
	Whitelist                                 *Whitelist
	Valid                                     *bool
	// Proven takes a driver's token for shown; an administrator's alone.
	Proven bool
}

// Apply gives the token as the patch makes it.
func (p Patch) Apply(t Token) Token {
	set(&t.ContractID, p.ContractID)
	set(&t.Issuer, p.Issuer)
	set(&t.VisualNumber, p.VisualNumber)
	set(&t.GroupID, p.GroupID)
	set(&t.Whitelist, p.Whitelist)
	set(&t.Valid, p.Valid)
	t.Unproven = t.Unproven && !p.Proven
	return t
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// Faults of tokens.
var (
	// ErrNotFound is a token that is absent or that the caller may not see.
	ErrNotFound = fault.Define(fault.NotFound, "token_not_found", "There is no such token")
	// ErrTaken is a uid that is registered already, for whomever.
	ErrTaken = fault.Define(fault.Conflict, "token_taken", "A token with this uid is registered already")
	// ErrUnproven is the word of somebody else than an administrator that a driver has a card.
	ErrUnproven = fault.Define(fault.Forbidden, "token_unproven", "Order a charge and begin it with the card: that proves that it is yours")
	// ErrBadUID is a uid that leaves nothing to be matched by.
	ErrBadUID = fault.Define(fault.Invalid, "bad_token_uid", "The uid is not one")
	// ErrForeign is a token for an operator that the caller does not act for.
	ErrForeign = fault.Define(fault.Forbidden, "token_of_another_operator", "You do not act for this operator")
)

// Package policy says who may do what: the one table of roles, the scopes that each puts into an access token, and how far a
// scope reaches in the hands of each.
//
//	p, _ := authn.FromContext(ctx)
//	if !p.May(policy.StationsWrite, policy.Row{Operator: station.Operator}) { return station.ErrNotFound }
//
// auth turns a person's roles into scopes with it, the contract (`security:` of each operation) asks for scopes, and services
// ask it whose rows a caller reaches. What the table does not say is not allowed. Who wants a new permission adds a scope and
// the lines of the roles that have it.
package policy

import (
	"maps"
	"slices"

	"github.com/google/uuid"
)

// Role is what somebody is to the product.
type Role string

// The roles, weakest first.
const (
	Driver        Role = "driver"
	Operator      Role = "operator"       // works for one operator
	OperatorAdmin Role = "operator_admin" // runs one operator
	Moderator     Role = "moderator"
	Admin         Role = "admin"
)

// Roles returns every role, weakest first.
func Roles() []Role { return []Role{Driver, Operator, OperatorAdmin, Moderator, Admin} }

// WithinOperator reports whether the role holds within one operator and means nothing without it.
func (r Role) WithinOperator() bool { return r == Operator || r == OperatorAdmin }

// The scopes that an access token can carry.
const (
	Profile           = "profile"
	UsersRead         = "users:read"
	UsersWrite        = "users:write"
	StaffWrite        = "staff:write" // invite people to an operator's staff, and take their roles
	AuditRead         = "audit:read"
	WebhooksWrite     = "webhooks:write"
	StationsWrite     = "stations:write"
	StationsMerge     = "stations:merge"
	ImportsWrite      = "imports:write"
	TariffsWrite      = "tariffs:write"
	PlotsWrite        = "plots:write"
	ReservationsRead  = "reservations:read"
	ReservationsWrite = "reservations:write"
	SessionsRead      = "sessions:read"
	SessionsWrite     = "sessions:write"
	ReviewsWrite      = "reviews:write"
	ReviewsModerate   = "reviews:moderate" // hide what others have written of stations, and their photos
	PhotosWrite       = "photos:write"     // send photos of stations
	ReportsWrite      = "reports:write"
	ReportsHandle     = "reports:handle" // settle the faults that others have reported
	SuggestionsWrite  = "suggestions:write"
	SuggestionsDecide = "suggestions:decide" // accept or reject what people suggest of stations
	ChargePointsRead  = "charge-points:read"
	ChargePointsWrite = "charge-points:write"
	FeedsRead         = "feeds:read"
	// OCPI lets a roaming partner speak to us. Its key reaches the stations and tariffs of the operator that its owner works for, of
	// all operators when an administrator made it. Only the latter registers as a partner, since a partner's tokens hold at every charge
	// point; and of charges, bills, tokens and reservations a partner reaches those of its own contracts alone: services compare whose
	// contract a row names with the parties that the partner registered with.
	OCPI = "ocpi"
)

// Reach is whose rows a scope reaches. A greater reach includes the lesser ones.
type Reach uint8

// The reaches.
const (
	Nobody Reach = iota
	Own          // rows that belong to the caller
	Within       // rows of the caller's operator, and the caller's own
	All          // every row
)

// permission is a line of the policy.
type permission struct {
	reach map[Role]Reach // roles that are not named do not have the scope
	// privileged scopes reach other people's rows for good or ill. While it is not known which tokens have been revoked they
	// are asked for one by one.
	privileged bool
}

// table is the policy.
var table = map[string]permission{
	Profile:           {reach: everybody},
	ReservationsRead:  {reach: map[Role]Reach{Driver: Own, Moderator: Own, Operator: Within, OperatorAdmin: Within, Admin: All}},
	ReservationsWrite: {reach: everybody},
	SessionsRead:      {reach: map[Role]Reach{Driver: Own, Moderator: Own, Operator: Within, OperatorAdmin: Within, Admin: All}},
	SessionsWrite:     {reach: map[Role]Reach{Driver: Own, Moderator: Own, Operator: Within, OperatorAdmin: Within, Admin: All}},
	ReviewsWrite:      {reach: everybody},
	PhotosWrite:       {reach: everybody},
	ReviewsModerate:   {reach: map[Role]Reach{Moderator: All, Admin: All}, privileged: true},
	ReportsWrite:      {reach: everybody},
	ReportsHandle:     {reach: moderators, privileged: true},
	SuggestionsWrite:  {reach: everybody},
	SuggestionsDecide: {reach: moderators, privileged: true},
	StationsWrite:     {reach: operators, privileged: true},
	StationsMerge:     {reach: moderators, privileged: true},
	ImportsWrite:      {reach: operators, privileged: true},
	TariffsWrite:      {reach: operators, privileged: true},
	PlotsWrite:        {reach: operators, privileged: true},
	ChargePointsRead:  {reach: operators},
	ChargePointsWrite: {reach: operators, privileged: true},
	UsersRead:         {reach: map[Role]Reach{OperatorAdmin: Within, Admin: All}, privileged: true},
	StaffWrite:        {reach: map[Role]Reach{OperatorAdmin: Within, Admin: All}, privileged: true},
	UsersWrite:        {reach: map[Role]Reach{Admin: All}, privileged: true},
	AuditRead:         {reach: map[Role]Reach{Admin: All}, privileged: true},
	WebhooksWrite:     {reach: operators, privileged: true},
	FeedsRead:         {reach: map[Role]Reach{Admin: All}},
	OCPI:              {reach: operators, privileged: true},
}

var operators = map[Role]Reach{Operator: Within, OperatorAdmin: Within, Admin: All}

// moderators are those who decide of what others have said.
var moderators = map[Role]Reach{Operator: Within, OperatorAdmin: Within, Moderator: All, Admin: All}

// everybody reaches what is their own.
var everybody = map[Role]Reach{Driver: Own, Operator: Own, OperatorAdmin: Own, Moderator: Own, Admin: Own}

// Scopes returns every scope there is, sorted.
func Scopes() []string { return slices.Sorted(maps.Keys(table)) }

// IsScope reports whether there is such a scope.
func IsScope(scope string) bool {
	_, there := table[scope]
	return there
}

// ScopesOf returns the scopes that a role puts into a token, sorted.
func ScopesOf(role Role) []string {
	var scopes []string
	for scope, line := range table {
		if line.reach[role] > Nobody {
			scopes = append(scopes, scope)
		}
	}
	slices.Sort(scopes)
	return scopes
}

// Privileged reports whether the scope reaches other people's rows for good or ill. So does a scope that there is not.
func Privileged(scope string) bool {
	line, there := table[scope]
	return !there || line.privileged
}

// Subject is who asks.
type Subject struct {
	ID       uuid.UUID
	Operator uuid.UUID // within whom the roles of operators' people hold; zero: none
	Service  bool      // a service calls in its own name: its scopes were given to it one by one, and reach every row
	Roles    []string
	Scopes   []string // what the token carries, which may be less than the roles permit
}

// Row is what is asked for. A zero id belongs to nobody.
type Row struct {
	Owner    uuid.UUID
	Operator uuid.UUID
}

// Reach returns how far a scope reaches in the subject's hands: Nobody when the token does not carry it.
func (s Subject) Reach(scope string) Reach {
	line, there := table[scope]
	if !there || !slices.Contains(s.Scopes, scope) {
		return Nobody
	}
	if s.Service {
		if s.Operator != uuid.Nil {
			return Within
		}
		return All
	}
	farthest := Nobody
	for _, role := range s.Roles {
		farthest = max(farthest, line.reach[Role(role)])
	}
	if farthest == Within && s.Operator == uuid.Nil {
		return Own
	}
	return farthest
}

// Unbound reports whether the subject's scopes reach beyond one operator: it is an administrator, or a service that no
// operator's name is on.
func (s Subject) Unbound() bool {
	return s.Service && s.Operator == uuid.Nil || slices.Contains(s.Roles, string(Admin))
}

// May reports whether the subject may use the scope on a row.
func (s Subject) May(scope string, row Row) bool {
	switch s.Reach(scope) {
	case All:
		return true
	case Within:
		return row.Operator != uuid.Nil && row.Operator == s.Operator || s.owns(row)
	case Own:
		return s.owns(row)
	case Nobody:
	}
	return false
}

func (s Subject) owns(row Row) bool { return row.Owner != uuid.Nil && row.Owner == s.ID }

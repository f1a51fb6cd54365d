// Package roaming is the network's partners: those who sell charges at our charge points to drivers of their own, and speak OCPI with us.
//
// A partner is known by the key that an administrator made for it, and stands for the parties that it registered with. It sees the
// charges and bills of these parties' contracts alone. Its tokens hold at every charge point, which is why no operator can make partners.
package roaming

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// Partner is one that has registered.
type Partner struct {
	ID        uuid.UUID // of its key
	URL       string    // of its versions
	Token     string    // what we call it with
	Roles     []Role
	Endpoints []Endpoint

	RegisteredAt time.Time
	UpdatedAt    time.Time
}

// Role is a party and what it is, in OCPI's words.
type Role struct {
	Role        string `json:"role"`
	CountryCode string `json:"country_code"`
	PartyID     string `json:"party_id"`
	Name        string `json:"name"`
}

// Endpoint is where a partner has a module of OCPI.
type Endpoint struct {
	Identifier string `json:"identifier"`
	Role       string `json:"role"`
	URL        string `json:"url"`
}

// Parties are those that the partner stands for.
func (p Partner) Parties() []token.Party {
	var out []token.Party
	for _, r := range p.Roles {
		if party := (token.Party{CountryCode: r.CountryCode, PartyID: r.PartyID}); !slices.Contains(out, party) {
			out = append(out, party)
		}
	}
	return out
}

// Speaks tells whether the partner stands for a party.
func (p Partner) Speaks(party token.Party) bool { return slices.Contains(p.Parties(), party) }

// Span is a part of a list: of the parties' contracts what was last updated in [From, To), zero times for any, and of that so many from
// so many on.
type Span struct {
	Parties       []token.Party
	From, To      time.Time
	Offset, Limit int
}

// Charge is a session with where it is.
type Charge struct {
	Session session.Session
	Place   session.Place
}

// Outlet is a plot's outlet as a command names it.
type Outlet struct {
	Plot        uuid.UUID `db:"plot_id"`
	EVSE        uuid.UUID `db:"evse_id"`
	Free        bool      `db:"free"`
	ChargePoint uuid.UUID `db:"charge_point_id"` // zero: none serves it
	Connector   int       `db:"number"`
}

// Faults of partners.
var (
	// ErrUnknown is a partner that has not registered.
	ErrUnknown = fault.Define(fault.Unauthenticated, "partner_not_registered", "Register by the credentials module first")
	// ErrTaken is a party that another partner stands for.
	ErrTaken = fault.Define(fault.Conflict, "party_taken", "The party is registered by another partner")
	// ErrNoReservation is a name under which nothing is reserved.
	ErrNoReservation = fault.Define(fault.NotFound, "reservation_not_found", "There is no such reservation")
)

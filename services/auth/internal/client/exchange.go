package client

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// ErrSubject is returned for a token that cannot be exchanged.
var ErrSubject = fault.Define(fault.Invalid, "invalid_grant", "The subject token cannot be exchanged")

// exchangedLife is the most that a token on behalf of a user lives: it is for one call, and the calls that follow from it.
const exchangedLife = 2 * time.Minute

// Exchange returns an access token with which the client calls one service on behalf of the user that a live access token speaks
// for (RFC 8693). It returns ErrSubject unless that token is a user's own and was for the client itself: nobody exchanges what it
// has come by; ErrAudience for a service that the client may not call, and for any number of services but one; ErrScope for a
// scope that not both have, or when they have none in common.
func (s *Service) Exchange(c Client, subject token.Access, scopes, resources []string, now time.Time) (Issued, error) {
	switch {
	case subject.SessionID == uuid.Nil:
		return Issued{}, ErrSubject.Detailf("the subject token is not a user's")
	case subject.Actor != uuid.Nil:
		return Issued{}, ErrSubject.Detailf("the subject token was exchanged before")
	case !slices.Contains(subject.Audience, Audience(s.minter.Issuer(), c.ID)):
		return Issued{}, ErrSubject.Detailf("the subject token is not for %s", c.ID)
	case len(resources) != 1:
		return Issued{}, ErrAudience.Detailf("name the one service to be called as resource")
	case !slices.ContainsFunc(c.Audiences, func(service string) bool { return Audience(s.minter.Issuer(), service) == resources[0] }):
		return Issued{}, ErrAudience.Detailf("the client may not call %q", resources[0])
	}
	common := slices.DeleteFunc(slices.Clone(subject.Scopes), func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
	for _, scope := range scopes {
		if !slices.Contains(common, scope) {
			return Issued{}, ErrScope.Detailf("not both the user's token and the client have the scope %q", scope)
		}
	}
	if len(scopes) > 0 {
		common = scopes
	}
	if len(common) == 0 {
		return Issued{}, ErrScope.Detailf("the user's token and the client have no scope in common")
	}
	life := min(exchangedLife, subject.Expires.Sub(now).Truncate(time.Second))
	if life <= 0 {
		return Issued{}, ErrSubject.Detailf("the subject token is about to end")
	}
	subject.ClientID, subject.Audience, subject.Scopes = c.ID, resources, common
	subject.Actor, subject.ActorVersion = c.Subject(), c.Version
	text, _, err := s.minter.Mint(subject, life)
	return Issued{Access: text, Life: life, Scopes: common}, err
}

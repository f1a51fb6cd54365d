package httpapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// noStore keeps tokens out of caches (RFC 6749, section 5.1).
var noStore = "no-store"

// optional turns "" into an absent member.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func wholeSeconds(d time.Duration) int64 { return int64(d / time.Second) }

func toAPITokens(t session.Tokens) TokensJSONResponse {
	return TokensJSONResponse{
		Body: Tokens{
			AccessToken: t.Access, TokenType: TokensTokenTypeBearer, ExpiresIn: wholeSeconds(t.AccessLife),
			RefreshToken: t.Refresh, RefreshExpiresIn: wholeSeconds(t.RefreshLife), Scope: strings.Join(t.Scopes, " "),
		},
		Headers: TokensResponseHeaders{CacheControl: &noStore},
	}
}

func toAPIMe(a account.Account) Me {
	me := Me{
		Id: a.ID, Email: a.Email.Address(), EmailConfirmed: true, Username: optional(a.Username.String()), Name: a.Name,
		Locale: optional(a.Locale), Roles: toAPIRoleGrants(a.Grants), Scopes: role.AuthorityOf(a.Grants).Scopes,
		CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
	if !a.EraseAt.IsZero() {
		when := a.EraseAt.UTC()
		me.EraseAt = &when
	}
	if me.Scopes == nil {
		me.Scopes = []string{}
	}
	return me
}

func toAPIRoleGrants(grants []role.Grant) []RoleGrant {
	out := make([]RoleGrant, len(grants))
	for i, grant := range grants {
		out[i] = RoleGrant{Role: RoleGrantRole(grant.Role)}
		if grant.Operator != uuid.Nil {
			out[i].OperatorId = &grant.Operator
		}
	}
	return out
}

func fromAPIRoleGrant(g RoleGrant) role.Grant {
	grant := role.Grant{Role: role.Role(g.Role)}
	if g.OperatorId != nil {
		grant.Operator = *g.OperatorId
	}
	return grant
}

// etagOf names the version of an account, and whose it is: /v1/me is at one address for everybody, and what a browser keeps of one
// person must not pass for another's.
func etagOf(a account.Account) string {
	return `"` + a.ID.String() + "." + strconv.FormatInt(a.Version, 10) + `"`
}

func fromAPIMePatch(patch *MePatch) account.Patch {
	return account.Patch{Name: fromNullable(patch.Name), Locale: fromNullable(patch.Locale)}
}

// fromNullable reads a member of a merge patch: absent is nil, null is empty.
func fromNullable(member nullable.Nullable[string]) *string {
	if !member.IsSpecified() {
		return nil
	}
	value := ""
	if !member.IsNull() {
		value = member.MustGet()
	}
	return &value
}

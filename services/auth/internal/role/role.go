// Package role is about what people are granted: roles, some within one operator, and what a set of them amounts to in an access
// token. What each role permits is the policy that all services share; see libs/policy.
package role

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
)

// Role is what somebody is to the product.
type Role = policy.Role

// The roles.
const (
	Driver        = policy.Driver
	Operator      = policy.Operator
	OperatorAdmin = policy.OperatorAdmin
	Moderator     = policy.Moderator
	Admin         = policy.Admin
)

// privileged reports whether tokens that carry the role live shorter.
func privileged(r Role) bool { return r == Admin || r == Moderator }

// Grant is a role that somebody holds.
type Grant struct {
	Role     Role
	Operator uuid.UUID // zero unless the role holds within one
}

// ErrGrant is returned for a grant that means nothing.
var ErrGrant = fault.Define(fault.Invalid, "bad_grant", "The role cannot be granted so")

// Check returns ErrGrant for an unknown role, for an operator's role without an operator, and for any other role with one.
func (g Grant) Check() error {
	switch {
	case !slices.Contains(policy.Roles(), g.Role):
		return ErrGrant.Detailf("there is no role %q; the roles are %s", g.Role, join(policy.Roles()))
	case g.Role.WithinOperator() && g.Operator == uuid.Nil:
		return ErrGrant.Detailf("the role %s holds within one operator: write %s@OPERATOR-ID", g.Role, g.Role)
	case !g.Role.WithinOperator() && g.Operator != uuid.Nil:
		return ErrGrant.Detailf("the role %s does not belong to an operator", g.Role)
	}
	return nil
}

// ErrMayNot is returned to who may not give or take a role.
var ErrMayNot = fault.Define(fault.Forbidden, "role_not_yours", "This role is not yours to give or to take")

// MayManage reports whether who holds some grants may give and take another: an administrator any, an operator's administrator
// those within that operator.
func MayManage(held []Grant, grant Grant) bool {
	return slices.ContainsFunc(held, func(own Grant) bool {
		return own.Role == Admin || own.Role == OperatorAdmin && grant.Role.WithinOperator() && grant.Operator == own.Operator
	})
}

// String is the form that ParseGrant reads.
func (g Grant) String() string {
	if g.Operator == uuid.Nil {
		return string(g.Role)
	}
	return fmt.Sprintf("%s@%s", g.Role, g.Operator)
}

// ParseGrant reads "driver" or "operator@OPERATOR-ID". It returns ErrGrant for anything else.
func ParseGrant(text string) (Grant, error) {
	name, operator, within := strings.Cut(text, "@")
	grant := Grant{Role: Role(name)}
	if within {
		id, err := uuid.Parse(operator)
		if err != nil {
			return Grant{}, ErrGrant.Detailf("the operator of %q is not a UUID", text)
		}
		grant.Operator = id
	}
	return grant, grant.Check()
}

// Authority is what a set of grants amounts to in one access token. A token speaks for one operator at most.
type Authority struct {
	Roles    []string
	Scopes   []string
	Operator uuid.UUID
	// Privileged asks for a token of shorter life.
	Privileged bool
}

// AuthorityOf sums up grants, given in the order in which they were made: the operator is that of the first grant within
// one, and grants within other operators do not count. Roles and scopes come out sorted.
func AuthorityOf(grants []Grant) Authority {
	var sum Authority
	for _, grant := range grants {
		if grant.Role.WithinOperator() {
			if sum.Operator == uuid.Nil {
				sum.Operator = grant.Operator
			}
			if grant.Operator != sum.Operator {
				continue
			}
		}
		sum.Roles = append(sum.Roles, string(grant.Role))
		sum.Scopes = append(sum.Scopes, policy.ScopesOf(grant.Role)...)
		sum.Privileged = sum.Privileged || privileged(grant.Role)
	}
	slices.Sort(sum.Roles)
	sum.Roles = slices.Compact(sum.Roles)
	slices.Sort(sum.Scopes)
	sum.Scopes = slices.Compact(sum.Scopes)
	return sum
}

func join(roles []Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}

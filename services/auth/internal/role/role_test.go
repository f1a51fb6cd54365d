package role_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

var (
	north = uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")
	south = uuid.MustParse("0190f0a0-0000-7000-8000-000000000002")
)

func TestAuthorityOf(t *testing.T) {
	t.Parallel()
	driver := []string{"photos:write", "profile", "reports:write", "reservations:read", "reservations:write", "reviews:write", "sessions:read", "sessions:write", "suggestions:write"}
	operator := []string{
		"charge-points:read", "charge-points:write", "imports:write", "ocpi", "photos:write", "plots:write", "profile", "reports:handle", "reports:write", "reservations:read",
		"reservations:write", "reviews:write", "sessions:read", "sessions:write", "stations:merge", "stations:write",
		"suggestions:decide", "suggestions:write", "tariffs:write", "webhooks:write",
	}
	for name, c := range map[string]struct {
		grants []role.Grant
		want   role.Authority
	}{
		"nobody may do nothing": {nil, role.Authority{}},
		"a driver":              {[]role.Grant{{Role: role.Driver}}, role.Authority{Roles: []string{"driver"}, Scopes: driver}},
		"an operator's people act within it": {
			[]role.Grant{{Role: role.Driver}, {Role: role.Operator, Operator: north}},
			role.Authority{Roles: []string{"driver", "operator"}, Scopes: operator, Operator: north},
		},
		"a second operator does not leak into the token of the first": {
			[]role.Grant{{Role: role.Operator, Operator: north}, {Role: role.OperatorAdmin, Operator: south}},
			role.Authority{Roles: []string{"operator"}, Scopes: operator, Operator: north},
		},
		"an operator's admin reads its users": {
			[]role.Grant{{Role: role.OperatorAdmin, Operator: south}},
			role.Authority{Roles: []string{"operator_admin"}, Scopes: sorted(append(slices.Clone(operator), "users:read", "staff:write")), Operator: south},
		},
		"a moderator's token lives shorter": {
			[]role.Grant{{Role: role.Moderator}},
			role.Authority{Roles: []string{"moderator"}, Scopes: sorted(append(slices.Clone(driver), "reports:handle", "reviews:moderate", "stations:merge", "suggestions:decide")), Privileged: true},
		},
		"an admin may do everything": {
			[]role.Grant{{Role: role.Admin}},
			role.Authority{Roles: []string{"admin"}, Scopes: policy.Scopes(), Privileged: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, role.AuthorityOf(c.grants)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseGrant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]role.Grant{
		"driver":                           {Role: role.Driver},
		"admin":                            {Role: role.Admin},
		"operator@" + north.String():       {Role: role.Operator, Operator: north},
		"operator_admin@" + north.String(): {Role: role.OperatorAdmin, Operator: north},
	} {
		got, err := role.ParseGrant(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("ParseGrant(%q) = %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "Driver", "root", "operator", "operator@", "operator@north", "driver@" + north.String()} {
		if got, err := role.ParseGrant(text); !errors.Is(err, role.ErrGrant) {
			t.Errorf("ParseGrant(%q) = %v, %v; want ErrGrant", text, got, err)
		}
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

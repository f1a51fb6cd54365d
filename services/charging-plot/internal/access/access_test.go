package access_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
)

func TestWhoOperatesAndWhoSees(t *testing.T) {
	t.Parallel()
	driver, operator, other := uuid.New(), uuid.New(), uuid.New()
	for name, c := range map[string]struct {
		caller         access.Caller
		driver         uuid.UUID
		operator       uuid.UUID
		operates, sees bool
	}{
		"the driver":                       {access.Caller{ID: driver}, driver, operator, false, true},
		"another driver":                   {access.Caller{ID: other}, driver, operator, false, false},
		"the operator":                     {access.Caller{ID: other, Operator: operator}, driver, operator, true, true},
		"another operator":                 {access.Caller{ID: other, Operator: uuid.New()}, driver, operator, false, false},
		"an administrator":                 {access.Caller{ID: other, Admin: true}, driver, operator, true, true},
		"an administrator, of nobody's":    {access.Caller{Admin: true}, uuid.Nil, uuid.Nil, true, true},
		"nobody, of what is nobody's":      {access.Caller{}, uuid.Nil, uuid.Nil, false, false},
		"a driver, of what is nobody's":    {access.Caller{ID: driver}, uuid.Nil, uuid.Nil, false, false},
		"an operator, of what is nobody's": {access.Caller{ID: other, Operator: operator}, uuid.Nil, uuid.Nil, false, false},
	} {
		if got := c.caller.Operates(c.operator); got != c.operates {
			t.Errorf("%s operates: %t", name, got)
		}
		if got := c.caller.Sees(c.driver, c.operator); got != c.sees {
			t.Errorf("%s sees: %t", name, got)
		}
	}
}

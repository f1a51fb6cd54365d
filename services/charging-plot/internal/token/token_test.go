package token_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

func TestOneCardHasOneKeyHoweverItIsSpelt(t *testing.T) {
	t.Parallel()
	for _, uid := range []string{"04A22BC3", "04a22bc3", "04:a2:2b:c3", "04 A2 2B C3", "04-A2-2B-C3"} {
		if got := token.Key(uid); got != "04A22BC3" {
			t.Errorf("the key of %q is %q", uid, got)
		}
	}
	if token.Key("DE-8AA-C1A2B3C4D-9") != token.Key("de8aac1a2b3c4d9") {
		t.Error("an eMAID with hyphens is another one without")
	}
	if token.Key("04A22BC3") == token.Key("04A22BC4") {
		t.Error("two cards share a key")
	}
}

func TestATokenHoldsWhereItsOwnerMayLetItHold(t *testing.T) {
	t.Parallel()
	north, south := uuid.New(), uuid.New()
	valid := token.Token{Valid: true, Whitelist: token.Always}
	drivers, operators := valid, valid
	drivers.DriverID, operators.OperatorID = uuid.New(), north
	blocked, asked := drivers, drivers
	blocked.Valid, asked.Whitelist = false, token.Never
	for name, c := range map[string]struct {
		token    token.Token
		operator uuid.UUID
		want     bool
	}{
		"a driver's anywhere":                 {drivers, south, true},
		"an operator's at home":               {operators, north, true},
		"an operator's elsewhere":             {operators, south, false},
		"a blocked one nowhere":               {blocked, north, false},
		"one that must be asked about not so": {asked, north, false},
	} {
		if got := c.token.HoldsAt(c.operator); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

package session_test

import (
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

func TestLevelOfMethods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		methods session.Methods
		want    string
	}{
		{nil, session.OneFactor},
		{session.Methods{session.ByPassword}, session.OneFactor},
		{session.Methods{session.ByOneTimeCode}, session.OneFactor},
		{session.Methods{session.ByHardwareKey}, session.OneFactor},
		{session.Methods{"something new"}, session.OneFactor},
		{session.Methods{session.ByPassword, session.ByOneTimeCode}, session.TwoFactors},
		{session.Methods{session.ByPassword, session.BySoftwareKey}, session.TwoFactors},
		{session.Methods{session.ByHardwareKey, session.ByTwoFactors}, session.TwoFactors},
	} {
		if got := c.methods.Level(); got != c.want {
			t.Errorf("%v are %s, want %s", c.methods, got, c.want)
		}
	}
}

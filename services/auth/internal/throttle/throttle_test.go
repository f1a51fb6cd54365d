package throttle_test

import (
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
)

func TestKeysDoNotRunTogether(t *testing.T) {
	t.Parallel()
	rule, other := throttle.Rule{Name: "a", Burst: 3, Every: time.Minute}, throttle.Rule{Name: "b", Burst: 3, Every: time.Minute}
	seen := map[throttle.Key]bool{}
	for _, charge := range []throttle.Charge{
		rule.For(), rule.For(nil), rule.For([]byte("ab"), []byte("c")), rule.For([]byte("a"), []byte("bc")), rule.For([]byte("abc")),
		rule.For([]byte("abc"), nil), other.For([]byte("abc")),
	} {
		if seen[charge.Key] {
			t.Errorf("two lists of parts have the key %x", charge.Key)
		}
		seen[charge.Key] = true
	}
	charge, again := rule.For([]byte("x")), rule.For([]byte("x"))
	if charge != again {
		t.Error("one list of parts has two keys")
	}
	if charge.Size() != time.Minute || charge.All().Size() != rule.Depth() || rule.Depth() != 3*time.Minute {
		t.Errorf("the sizes are %s, %s, %s", charge.Size(), charge.All().Size(), rule.Depth())
	}
}

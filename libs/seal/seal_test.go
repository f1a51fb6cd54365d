package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/seal"
)

// TestBox promises that a secret comes back to whom it was sealed for, under the same key and purpose, and to nobody else.
func TestBox(t *testing.T) {
	t.Parallel()
	box, owner := seal.New([]byte("key"), "purpose"), uuid.New()
	sealed := box.Seal(owner, []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("the secret can be read")
	}
	if got, err := box.Open(owner, sealed); err != nil || string(got) != "secret" {
		t.Errorf("it opened to %q, %v", got, err)
	}
	for name, c := range map[string]struct {
		box    seal.Box
		owner  uuid.UUID
		sealed []byte
	}{
		"another key":     {seal.New([]byte("other"), "purpose"), owner, sealed},
		"another purpose": {seal.New([]byte("key"), "other"), owner, sealed},
		"another owner":   {box, uuid.New(), sealed},
		"a cut text":      {box, owner, sealed[:5]},
		"a changed text":  {box, owner, append(bytes.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1)},
	} {
		if _, err := c.box.Open(c.owner, c.sealed); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: it opened with %v", name, err)
		}
	}
}

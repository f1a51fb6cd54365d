package token_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

var purposes = []token.Purpose{token.Refresh, token.ConfirmEmail, token.ConfirmAdded, token.ResetPassword, token.Invitation, token.ClientSecret}

func TestParseAcceptsWhatNewMadeAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, made := range purposes {
		text := token.New(made)
		for _, wanted := range purposes {
			hash, err := token.Parse(wanted, text)
			if wanted == made {
				if err != nil || hash != token.HashOf(text) {
					t.Errorf("Parse(%s, own) = %v, %v", wanted, hash, err)
				}
			} else if !errors.Is(err, token.ErrMalformed) {
				t.Errorf("a token of %s was read as %s", made, wanted)
			}
		}
	}
}

// J5: a token that was cut, extended or changed is no token (CVE-2026-27840 is a truncated one that passed).
func TestParseRefusesEveryPrefixAndExtension(t *testing.T) {
	t.Parallel()
	text := token.New(token.Refresh)
	for n := range len(text) {
		if _, err := token.Parse(token.Refresh, text[:n]); err == nil {
			t.Fatalf("a prefix of %d characters was accepted", n)
		}
	}
	for _, suffix := range []string{"0", " ", "\n", "=", "\x00", text} {
		if _, err := token.Parse(token.Refresh, text+suffix); err == nil {
			t.Fatalf("the token with %q behind it was accepted", suffix)
		}
		if _, err := token.Parse(token.Refresh, suffix+text); err == nil {
			t.Fatalf("the token with %q before it was accepted", suffix)
		}
	}
}

func TestParseRefusesEveryChangedCharacter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := token.New(token.Refresh)
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		other := byte(rapid.IntRange(0, 255).Draw(t, "other"))
		if text[at] == other {
			t.Skip("the same character")
		}
		changed := text[:at] + string([]byte{other}) + text[at+1:]
		if _, err := token.Parse(token.Refresh, changed); err == nil {
			t.Fatalf("%q was accepted in place of %q", changed, text)
		}
	})
}

func TestParseRefusesNumbersBeyond256Bits(t *testing.T) {
	t.Parallel()
	// The checksum is right: only the number is too large to be one of ours.
	body := string(token.Refresh) + strings.Repeat("z", 43)
	if _, err := token.Parse(token.Refresh, body+token.Checksum(body)); err == nil {
		t.Fatal("a number that does not fit into 256 bits was accepted")
	}
}

func TestNewNeverRepeats(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		text := token.New(token.Refresh)
		if seen[text] {
			t.Fatal("the same token twice")
		}
		seen[text] = true
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		token.New(token.Refresh)
	}
}

func BenchmarkParse(b *testing.B) {
	text := token.New(token.Refresh)
	for b.Loop() {
		if _, err := token.Parse(token.Refresh, text); err != nil {
			b.Fatal(err)
		}
	}
}

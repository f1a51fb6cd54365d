package account_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
)

func TestParseEmail(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ address, key string }{
		"ada@example.com":           {"ada@example.com", "ada@example.com"},
		"Ada.Lovelace@Example.COM":  {"Ada.Lovelace@example.com", "ada.lovelace@example.com"},
		"a+tag@sub.example.org":     {"a+tag@sub.example.org", "a+tag@sub.example.org"},
		"100%_sure@example.com":     {"100%_sure@example.com", "100%_sure@example.com"},
		"ada@bücher.example":        {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		"ada@BÜCHER.example":        {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		"ada@xn--bcher-kva.example": {"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		"o'hara@example.com":        {"o'hara@example.com", "o'hara@example.com"},
	} {
		got, err := account.ParseEmail(text)
		if err != nil || got.Address() != want.address || got.Key() != want.key {
			t.Errorf("ParseEmail(%q) = %q, %q, %v; want %q, %q", text, got.Address(), got.Key(), err, want.address, want.key)
		}
	}
}

// G2: nothing that could add a header, a second recipient or a display name is an address.
func TestParseEmailRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "@", "ada", "ada@", "@example.com", "ada@localhost", "ada@127.0.0.1", "ada@[127.0.0.1]", "ada@example..com",
		".ada@example.com", "ada.@example.com", "a..b@example.com", "ada@-example.com", "ada@example-.com", "ada@example.com.",
		"ada lovelace@example.com", `"ada"@example.com`, "Ada <ada@example.com>", "ada@example.com,eve@example.com",
		"ada@example.com\r\nBcc: eve@example.com", "ada\n@example.com", "ada@exa\x00mple.com", "ada@eve@example.com",
		"аda@example.com", "ada@exam ple.com", "ada@example.com\u200b", strings.Repeat("a", 65) + "@example.com",
		"ada@" + strings.Repeat("a", 64) + ".com", "ada@" + strings.Repeat("a.", 125) + "com", "ada@example.123",
	} {
		if got, err := account.ParseEmail(text); !errors.Is(err, account.ErrEmail) {
			t.Errorf("ParseEmail(%q) = %q, %v; want ErrEmail", text, got.Address(), err)
		}
	}
}

func TestEmailKeyOfAKeyIsItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9+_-]{1,20}@[A-Za-z0-9]{1,20}\.[A-Za-z]{2,6}`).Draw(t, "address")
		first, err := account.ParseEmail(text)
		if err != nil {
			t.Skip("not an address")
		}
		again, err := account.ParseEmail(first.Key())
		if err != nil || again.Key() != first.Key() {
			t.Fatalf("%q has the key %q, which has the key %q, %v", text, first.Key(), again.Key(), err)
		}
	})
}

// U1: spellings of one name are one name, and what only looks like it is refused or another.
func TestParseUsername(t *testing.T) {
	t.Parallel()
	for text, key := range map[string]string{
		"ada":          "ada",
		"Ada":          "ada",
		"ADA_99":       "ada_99",
		"a.d-a":        "a.d-a",
		"ａｄａ":          "ada", // full width
		"Jürgen":       "jürgen",
		"Ju\u0308rgen": "jürgen", // decomposed
		"Ελένη":        "ελένη",
		"山田太郎":         "山田太郎",
		"やまだタロウ":       "やまだタロウ",
		"Дмитрий2":     "дмитрий2",
	} {
		got, err := account.ParseUsername(text)
		if err != nil || got.Key() != key {
			t.Errorf("ParseUsername(%q).Key() = %q, %v; want %q", text, got.Key(), err, key)
		}
	}
}

func TestParseUsernameRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "short": "ab", "long": strings.Repeat("a", 33), "very long": strings.Repeat("a", 10<<10),
		"an address": "ada@example.com", "a space": "ada l", "leading separator": ".ada", "trailing separator": "ada-",
		"doubled separator": "a__da", "Cyrillic а in Latin": "аda", "Greek ο in Latin": "bοb", "zero width": "ad\u200ba",
		"bidi override": "ada\u202e", "control": "ad\x00a", "slash": "../ada", "percent": "a%da", "newline": "ada\n",
		"invalid UTF-8": "ad\xffa", "emoji": "ada🚗", "soft hyphen": "ad\u00ada",
	} {
		if got, err := account.ParseUsername(text); !errors.Is(err, account.ErrUsername) {
			t.Errorf("%s: ParseUsername(%q) = %q, %v; want ErrUsername", name, text, got.Key(), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"ada@example.com", "Ada", "аda", "İstanbul", "straße", "a@b.c\r\n", "\u202eada"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if email, err := account.ParseEmail(text); err == nil {
			if again, err := account.ParseEmail(email.Address()); err != nil || again != email {
				t.Errorf("the address %q of %q is read as %q, %v", email.Address(), text, again.Address(), err)
			}
			if strings.ContainsAny(email.Address(), " \r\n\t<>,;\"") {
				t.Errorf("the address %q is not fit for a header", email.Address())
			}
		}
		if name, err := account.ParseUsername(text); err == nil {
			if again, err := account.ParseUsername(name.Key()); err != nil || again.Key() != name.Key() {
				t.Errorf("the key %q of %q is read as %q, %v", name.Key(), text, again.Key(), err)
			}
			if strings.Contains(name.Key(), "@") {
				t.Errorf("the username %q could be an address", name.Key())
			}
		}
	})
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", " Ada ": "Ada", "Zoë O'Hara-Łęcka": "Zoë O'Hara-Łęcka", "山田 太郎": "山田 太郎", "🚗": "🚗", strings.Repeat("ä", 100): strings.Repeat("ä", 100),
	} {
		if got, err := account.ParseName(text); err != nil || got != want {
			t.Errorf("ParseName(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"two\nlines", "a\x00b", "a\tb", "right\u202eleft", "line\u2028break", "\xff", strings.Repeat("ä", 101)} {
		if got, err := account.ParseName(text); !errors.Is(err, account.ErrName) {
			t.Errorf("ParseName(%q) = %q, %v; want ErrName", text, got, err)
		}
	}
}

func TestIdentityOfIsAnAddressOrAUsernameOrNobody(t *testing.T) {
	t.Parallel()
	for login, want := range map[string]account.Identity{
		" Ada@Example.com ": {EmailKey: "ada@example.com"}, "Ada": {UsernameKey: "ada"}, "": {}, "@": {}, "a b": {}, "ada@localhost": {}, "%": {},
	} {
		if got := account.IdentityOf(login); got != want {
			t.Errorf("IdentityOf(%q) = %+v", login, got)
		}
	}
}

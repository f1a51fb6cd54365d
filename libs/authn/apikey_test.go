package authn_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

var (
	anyKey   = "ihr_ak_" + strings.Repeat("a", 49)
	otherKey = "ihr_ak_" + strings.Repeat("b", 49)
	home     = netip.MustParseAddr("192.0.2.7")
	errBusy  = fault.Define(fault.Limited, "busy", "Too many keys")
)

// office exchanges keys as auth does: any but those that it does not know, for what mint makes.
type office struct {
	asked   atomic.Int64
	away    atomic.Bool
	clock   atomic.Int64 // added to the verifier's time
	unknown string
	mint    func() string
}

func (o *office) exchange(_ context.Context, key string) (string, error) {
	o.asked.Add(1)
	switch {
	case o.away.Load():
		return "", errors.New("auth is away")
	case key == o.unknown:
		return "", nil
	}
	return o.mint(), nil
}

// keysOf makes a verifier that exchanges keys for tokens of a principal.
func keysOf(t *testing.T, p authn.Principal, change ...func(*authn.Config)) (*authn.Verifier, *office) {
	t.Helper()
	issuer := authntest.NewIssuer(t)
	o := &office{unknown: otherKey}
	o.mint = func() string { return issuer.Mint(p, audience) }
	cfg := issuer.Config(audience)
	cfg.Keys = authn.Keys{Exchange: o.exchange}
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(o.clock.Load())) }
	for _, c := range change {
		c(&cfg)
	}
	v, err := authn.NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v, o
}

func TestAKeyIsExchangedOnceInTheLifeOfItsToken(t *testing.T) {
	t.Parallel()
	who := authn.Principal{Subject: uuid.New(), Key: uuid.New(), Scopes: []string{"profile"}}
	v, o := keysOf(t, who)
	for range 3 {
		p, err := v.VerifyKey(t.Context(), anyKey, home)
		if err != nil || p.Subject != who.Subject || p.Key != who.Key || !p.Has("profile") || p.Kind != authn.User {
			t.Fatalf("VerifyKey = %+v, %v", p, err)
		}
	}
	if n := o.asked.Load(); n != 1 {
		t.Errorf("auth was asked %d times", n)
	}
	// Ten seconds before the token's end. The next one is of now, and as old on the verifier's clock.
	o.clock.Store(int64(9*time.Minute + 50*time.Second))
	if _, err := v.VerifyKey(t.Context(), anyKey, home); err != nil {
		t.Errorf("near the token's end: %v", err)
	}
	if n := o.asked.Load(); n != 2 {
		t.Errorf("near the token's end auth was asked %d times in all", n)
	}
}

func TestAKeyThatAuthRefusesIsRefusedForAMomentWithoutAsking(t *testing.T) {
	t.Parallel()
	v, o := keysOf(t, authn.Principal{Key: uuid.New()})
	for range 3 {
		if _, err := v.VerifyKey(t.Context(), otherKey, home); !errors.Is(err, authn.ErrKey) {
			t.Fatalf("VerifyKey = %v", err)
		}
	}
	if n := o.asked.Load(); n != 1 {
		t.Errorf("auth was asked %d times", n)
	}
	o.clock.Store(int64(6 * time.Second))
	o.unknown = ""
	if _, err := v.VerifyKey(t.Context(), otherKey, home); err != nil {
		t.Errorf("six seconds later: %v", err)
	}
}

func TestWhatCannotBeAKeyIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	v, o := keysOf(t, authn.Principal{Key: uuid.New()})
	for _, text := range []string{"", "ihr_ak_", anyKey[:55], anyKey + "a", "ihr_rt_" + anyKey[7:], strings.Repeat("x", 1<<20)} {
		if _, err := v.VerifyKey(t.Context(), text, home); !errors.Is(err, authn.ErrKey) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if n := o.asked.Load(); n != 0 {
		t.Errorf("auth was asked %d times", n)
	}
}

func TestVerifyKeyRefuses(t *testing.T) {
	t.Parallel()
	networks := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	for name, test := range map[string]struct {
		principal authn.Principal
		change    func(*authn.Config)
		from      string
		away      bool
		want      error
	}{
		"from a network that is not the key's": {principal: authn.Principal{Key: uuid.New(), Networks: networks}, want: authn.ErrKey},
		"from one that is":                     {principal: authn.Principal{Key: uuid.New(), Networks: networks}, from: "::ffff:198.51.100.3"},
		"from another that is":                 {principal: authn.Principal{Key: uuid.New(), Networks: networks}, from: "2001:db8::1"},
		"a token that is not of a key":         {principal: authn.Principal{}, want: authn.ErrKey},
		"while auth is away":                   {principal: authn.Principal{Key: uuid.New()}, away: true, want: authn.ErrKeyUnchecked},
		"without a way to exchange": {
			principal: authn.Principal{Key: uuid.New()}, change: func(c *authn.Config) { c.Keys = authn.Keys{} }, want: authn.ErrKey,
		},
		"beyond the budget of the address": {
			principal: authn.Principal{Key: uuid.New()}, want: errBusy,
			change: func(c *authn.Config) { c.Keys.Admit = func(context.Context, netip.Addr) error { return errBusy } },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, o := keysOf(t, test.principal, func(c *authn.Config) {
				if test.change != nil {
					test.change(c)
				}
			})
			o.away.Store(test.away)
			from := home
			if test.from != "" {
				from = netip.MustParseAddr(test.from)
			}
			if _, err := v.VerifyKey(t.Context(), anyKey, from); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("VerifyKey = %v, not %v", err, test.want)
			}
		})
	}
}

func TestMiddlewareTakesKeys(t *testing.T) {
	t.Parallel()
	who := authn.Principal{Subject: uuid.New(), Key: uuid.New(), Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	v, _ := keysOf(t, who, func(c *authn.Config) { c.Keys.From = func(*fiber.Ctx) netip.Addr { return home } })
	app := whoami(v)
	for name, test := range map[string]struct {
		header http.Header
		status int
		body   string
	}{
		"a key":              {http.Header{authn.HeaderAPIKey: {anyKey}}, http.StatusOK, who.Subject.String()},
		"a wrong one":        {http.Header{authn.HeaderAPIKey: {otherKey}}, http.StatusUnauthorized, "invalid_api_key"},
		"two keys":           {http.Header{authn.HeaderAPIKey: {anyKey, anyKey}}, http.StatusUnauthorized, "invalid_api_key"},
		"a key and a token":  {http.Header{authn.HeaderAPIKey: {anyKey}, "Authorization": {"Bearer x"}}, http.StatusUnauthorized, "invalid_api_key"},
		"a key as a token":   {http.Header{"Authorization": {"Bearer " + anyKey}}, http.StatusUnauthorized, "invalid_token"},
		"neither, anonymous": {http.Header{}, http.StatusOK, "anonymous"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, body := ask(t, app, test.header)
			if answer.StatusCode != test.status || !strings.Contains(body, test.body) || strings.Contains(body, anyKey) {
				t.Errorf("%d %s", answer.StatusCode, body)
			}
		})
	}
}

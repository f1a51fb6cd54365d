package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const issuer = "https://charging.example"

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// keys are two published keys of which the first signs.
type keys struct {
	kid     string
	private *ecdsa.PrivateKey
	public  map[string]*ecdsa.PublicKey
}

func newKeys(t testing.TB) keys {
	t.Helper()
	one, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	two, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keys{kid: "one", private: one, public: map[string]*ecdsa.PublicKey{"one": &one.PublicKey, "two": &two.PublicKey}}
}

func (k keys) Signing() (string, *ecdsa.PrivateKey, error) { return k.kid, k.private, nil }
func (k keys) Public(kid string) *ecdsa.PublicKey          { return k.public[kid] }

func sample() token.Access {
	return token.Access{
		Subject:   uuid.MustParse("0190f0a0-0000-7000-8000-00000000000a"),
		ClientID:  "app",
		Audience:  []string{issuer + "/auth", issuer + "/charging-plot"},
		Scopes:    []string{"profile", "sessions:read"},
		Roles:     []string{"driver", "operator"},
		Operator:  uuid.MustParse("0190f0a0-0000-7000-8000-00000000000b"),
		SessionID: uuid.MustParse("0190f0a0-0000-7000-8000-00000000000c"),
		AuthTime:  noon.Add(-time.Hour),
		ACR:       "aal2",
		AMR:       []string{"pwd", "otp"},
		Version:   3,
		Actor:     uuid.MustParse("0190f0a0-0000-7000-8000-00000000000d"), ActorVersion: 2,
	}
}

func TestMintedTokensSayWhatRFC9068Asks(t *testing.T) {
	t.Parallel()
	minter := token.NewMinter(newKeys(t), issuer, func() time.Time { return noon })
	text, minted, err := minter.Mint(sample(), 10*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	part := func(i int) map[string]any {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[i])
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if diff := cmp.Diff(map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "one"}, part(0)); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{
		"iss": issuer, "sub": "0190f0a0-0000-7000-8000-00000000000a", "aud": []any{issuer + "/auth", issuer + "/charging-plot"},
		"client_id": "app", "iat": float64(noon.Unix()), "exp": float64(noon.Add(10 * time.Minute).Unix()), "jti": minted.ID,
		"scope": "profile sessions:read", "sid": "0190f0a0-0000-7000-8000-00000000000c",
		"auth_time": float64(noon.Add(-time.Hour).Unix()), "roles": []any{"driver", "operator"},
		"org": "0190f0a0-0000-7000-8000-00000000000b", "acr": "aal2", "amr": []any{"pwd", "otp"}, "ver": 3.0, "act": map[string]any{"sub": "0190f0a0-0000-7000-8000-00000000000d", "ver": 2.0},
	}
	if diff := cmp.Diff(want, part(1)); diff != "" {
		t.Error(diff)
	}
	if len(text) > 1024 {
		t.Errorf("the token has %d bytes", len(text))
	}
	read, err := minter.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(minted, read, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
}

func TestASingleAudienceIsAListToo(t *testing.T) {
	t.Parallel()
	minter := token.NewMinter(newKeys(t), issuer, func() time.Time { return noon })
	a := sample()
	a.Audience = a.Audience[:1]
	text, _, err := minter.Mint(a, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if !strings.Contains(string(raw), `"aud":["`) {
		t.Errorf("the claims are %s", raw)
	}
}

// forge signs any header and claims with the signing key, so that only what is under test is wrong.
func forge(t *testing.T, k keys, header, claims map[string]any) string {
	t.Helper()
	unsigned := &jwt.Token{Header: header, Claims: jwt.MapClaims(claims), Method: jwt.SigningMethodES256}
	text, err := unsigned.SignedString(k.private)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func goodHeader() map[string]any {
	return map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": "one"}
}

func goodClaims() map[string]any {
	return map[string]any{
		"iss": issuer, "sub": "0190f0a0-0000-7000-8000-00000000000a", "aud": []string{issuer + "/auth"}, "client_id": "app",
		"iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix(), "jti": "an id", "scope": "profile",
	}
}

// J2, J3, J4: headers and claims, each wrong in one way.
func TestReadRefusesWhatIsNotExactlyAnAccessToken(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	minter := token.NewMinter(k, issuer, func() time.Time { return noon })
	if _, err := minter.Read(forge(t, k, goodHeader(), goodClaims())); err != nil {
		t.Fatalf("the good one was refused: %v", err)
	}
	for name, header := range map[string]map[string]any{
		"typ JWT":          {"typ": "JWT"},
		"typ at+JWT":       {"typ": "at+JWT"},
		"no typ":           {"typ": nil},
		"typ of an ID":     {"typ": "id+jwt"},
		"no kid":           {"kid": nil},
		"kid of another":   {"kid": "two"},
		"unknown kid":      {"kid": "three"},
		"kid is a path":    {"kid": "../../../dev/null"},
		"kid is SQL":       {"kid": "one' OR '1'='1"},
		"kid has a NUL":    {"kid": "one\x00"},
		"kid is a list":    {"kid": []string{"one"}},
		"kid is long":      {"kid": strings.Repeat("one", 500)},
		"crit":             {"crit": []string{"exp"}},
		"jku":              {"jku": "http://127.0.0.1:1/jwks.json"},
		"jwk":              {"jwk": map[string]any{"kty": "EC"}},
		"x5u":              {"x5u": "http://127.0.0.1:1/cert"},
		"x5c":              {"x5c": []string{"MII"}},
		"b64":              {"b64": false},
		"alg none":         {"alg": "none"},
		"alg of another":   {"alg": "ES384"},
		"alg is HS256":     {"alg": "HS256"},
		"alg in lowercase": {"alg": "es256"},
	} {
		all := goodHeader()
		maps.Copy(all, header)
		maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
		if _, err := minter.Read(forge(t, k, all, goodClaims())); !errors.Is(err, token.ErrNotLive) {
			t.Errorf("header %s: %v", name, err)
		}
	}
	at := func(d time.Duration) int64 { return noon.Add(d).Unix() }
	for name, claim := range map[string]map[string]any{
		"expired":                 {"exp": at(-31 * time.Second)},
		"no exp":                  {"exp": nil},
		"exp is a text":           {"exp": "2027-03-01"},
		"exp is negative":         {"exp": -1},
		"issued in the future":    {"iat": at(31 * time.Second)},
		"no iat":                  {"iat": nil},
		"not yet":                 {"nbf": at(31 * time.Second)},
		"another issuer":          {"iss": "https://evil.example"},
		"the issuer with a slash": {"iss": issuer + "/"},
		"no issuer":               {"iss": nil},
		"an empty issuer":         {"iss": ""},
		"no subject":              {"sub": nil},
		"subject is no UUID":      {"sub": "root"},
		"no audience":             {"aud": nil},
		"an empty audience":       {"aud": []string{}},
		"no jti":                  {"jti": nil},
		"org is no UUID":          {"org": "north"},
		"sid is no UUID":          {"sid": "1"},
	} {
		all := goodClaims()
		maps.Copy(all, claim)
		maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
		if _, err := minter.Read(forge(t, k, goodHeader(), all)); !errors.Is(err, token.ErrNotLive) {
			t.Errorf("claims, %s: %v", name, err)
		}
	}
	for name, claim := range map[string]map[string]any{
		"just expired, within the leeway": {"exp": at(-29 * time.Second)},
		"a clock ahead by the leeway":     {"iat": at(29 * time.Second)},
	} {
		all := goodClaims()
		maps.Copy(all, claim)
		if _, err := minter.Read(forge(t, k, goodHeader(), all)); err != nil {
			t.Errorf("claims, %s: %v", name, err)
		}
	}
}

// J1: another algorithm never stands in for ES256, least of all HMAC with the public key as its secret.
func TestReadRefusesOtherAlgorithms(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	minter := token.NewMinter(k, issuer, func() time.Time { return noon })
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for method, key := range map[jwt.SigningMethod]any{
		jwt.SigningMethodNone: jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodHS256: der, jwt.SigningMethodRS256: rsaKey,
		jwt.SigningMethodPS256: rsaKey, jwt.SigningMethodES384: p384,
	} {
		unsigned := jwt.NewWithClaims(method, jwt.MapClaims(goodClaims()))
		unsigned.Header["typ"], unsigned.Header["kid"] = "at+jwt", "one"
		text, err := unsigned.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := minter.Read(text); !errors.Is(err, token.ErrNotLive) {
			t.Errorf("%s: %v", method.Alg(), err)
		}
	}
}

// J4: a token has one spelling.
func TestReadRefusesOtherSpellings(t *testing.T) {
	t.Parallel()
	k := newKeys(t)
	minter := token.NewMinter(k, issuer, func() time.Time { return noon })
	text, _, err := minter.Mint(sample(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(text) {
		for _, other := range []byte{'A', '.', '\n', '=', text[i] ^ 1} {
			changed := text[:i] + string([]byte{other}) + text[i+1:]
			if changed == text {
				continue
			}
			if _, err := minter.Read(changed); !errors.Is(err, token.ErrNotLive) {
				t.Fatalf("with %q at %d: %v", other, i, err)
			}
		}
	}
	for _, changed := range []string{
		"", ".", "..", text + "=", text + "\r\n", " " + text, "Bearer " + text, text + ".", text[:len(text)-1], strings.ToLower(text),
		text + "." + text, strings.Repeat(".", 1_000_000), strings.Repeat("a", 1_000_000), strings.Replace(text, ".", ".\n", 1),
	} {
		if _, err := minter.Read(changed); !errors.Is(err, token.ErrNotLive) {
			t.Errorf("%.40q: %v", changed, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	k := newKeys(f)
	minter := token.NewMinter(k, issuer, func() time.Time { return noon })
	text, _, err := minter.Mint(sample(), time.Minute)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, forged string) {
		if _, err := minter.Read(forged); err == nil && forged != text {
			t.Errorf("%q was accepted", forged)
		}
	})
}

func BenchmarkMint(b *testing.B) {
	minter := token.NewMinter(newKeys(b), issuer, time.Now)
	for b.Loop() {
		if _, _, err := minter.Mint(sample(), 10*time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	minter := token.NewMinter(newKeys(b), issuer, time.Now)
	text, _, err := minter.Mint(sample(), 10*time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := minter.Read(text); err != nil {
			b.Fatal(err)
		}
	}
}

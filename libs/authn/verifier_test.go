package authn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

const audience = "https://charging.test/plots"

// refused fails the test unless the token is answered with the one fault for all bad tokens.
func refused(t *testing.T, v *authn.Verifier, what, token string) {
	t.Helper()
	p, err := v.Verify(t.Context(), token)
	if !errors.Is(err, authn.ErrToken) || fault.Of(err).Kind() != fault.Unauthenticated {
		t.Errorf("%s: got %v, want ErrToken", what, err)
	}
	if diff := cmp.Diff(authn.Principal{}, p); diff != "" {
		t.Errorf("%s: a principal came with the refusal:\n%s", what, diff)
	}
}

func accepted(t *testing.T, v *authn.Verifier, what, token string) authn.Principal {
	t.Helper()
	p, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Errorf("%s: %v, because %v", what, err, errors.Unwrap(err))
	}
	return p
}

func TestVerifyGivesThePrincipal(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	want := authn.Principal{
		Subject: uuid.New(), Kind: authn.User, ClientID: "app", Scopes: []string{"profile", "plots:write"},
		Roles: []string{"operator"}, Operator: uuid.New(), SessionID: uuid.NewString(), TokenID: uuid.NewString(),
		AuthTime: time.Unix(time.Now().Unix()-60, 0), ACR: authn.AAL2, AMR: []string{"pwd", "otp"}, Expires: time.Unix(time.Now().Unix()+300, 0),
	}
	token := issuer.Mint(want, "https://charging.test/auth", audience)
	for _, round := range []string{"cold", "cached"} {
		got := accepted(t, v, round, token)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", round, diff)
		}
	}
	service := accepted(t, v, "service", issuer.Mint(authn.Principal{Kind: authn.Service, Scopes: []string{"feeds:read"}}, audience))
	if service.Kind != authn.Service || service.SessionID != "" || service.ACR != "" || service.AMR != nil || !service.AuthTime.IsZero() {
		t.Errorf("the service is %+v", service)
	}
	if !service.Has("feeds:read") || service.Has("feeds") || service.Has("") {
		t.Errorf("scopes are %q", service.Scopes)
	}
}

// J1: another algorithm, or none.
func TestVerifyTakesES256Alone(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	id, private := issuer.Key()
	claims := issuer.Claims(authn.Principal{}, audience)
	publicDER, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	accepted(t, v, "the token that the others are made of", issuer.Sign(nil, claims))
	for name, signer := range map[string]struct {
		method jwt.SigningMethod
		key    any
	}{
		"none":                          {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType},
		"HS256 with the public key":     {jwt.SigningMethodHS256, publicDER},
		"HS512 with the public key's X": {jwt.SigningMethodHS512, must(private.PublicKey.Bytes())},
		"RS256":                         {jwt.SigningMethodRS256, rsaKey},
		"PS256":                         {jwt.SigningMethodPS256, rsaKey},
		"EdDSA":                         {jwt.SigningMethodEdDSA, edKey},
		"ES384":                         {jwt.SigningMethodES384, p384},
		"ES256 of a stranger":           {jwt.SigningMethodES256, stranger},
	} {
		token := jwt.NewWithClaims(signer.method, claims)
		token.Header["typ"], token.Header["kid"] = "at+jwt", id
		signed, err := token.SignedString(signer.key)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, v, name, signed)
	}
	// The right signature under a header that names another algorithm.
	good := strings.Split(issuer.Sign(nil, claims), ".")
	for _, alg := range []string{`"none"`, `"None"`, `"es256"`, `"ES384"`, `"HS256"`, `""`, `null`, `256`, `["ES256"]`} {
		head := encode(fmt.Sprintf(`{"alg":%s,"typ":"at+jwt","kid":%q}`, alg, id))
		refused(t, v, "alg "+alg, head+"."+good[1]+"."+good[2])
		refused(t, v, "unsigned, alg "+alg, head+"."+good[1]+".")
	}
}

// J2: keys named in the token.
func TestVerifyNeverFollowsTheTokensOwnKeys(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer canary.Close()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	claims := issuer.Claims(authn.Principal{}, audience)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := must(stranger.PublicKey.Bytes())
	own := map[string]any{"kty": "EC", "crv": "P-256", "kid": "own", "x": encode(string(point[1:33])), "y": encode(string(point[33:]))}

	for name, header := range map[string]map[string]any{
		"no kid": {"kid": nil}, "an empty kid": {"kid": ""}, "a number as kid": {"kid": 7}, "a list as kid": {"kid": []string{"a"}},
		"a path as kid": {"kid": "../../etc/passwd"}, "SQL as kid": {"kid": "' or 1=1 --"}, "NUL in kid": {"kid": "a\x00b"},
		"a URL as kid": {"kid": canary.URL}, "a long kid": {"kid": strings.Repeat("k", 2000)},
		"jku": {"jku": canary.URL}, "x5u": {"x5u": canary.URL}, "jwk": {"jwk": own}, "x5c": {"x5c": []string{"AAAA"}},
		"crit": {"crit": []string{"exp"}}, "an empty crit": {"crit": []string{}}, "b64": {"b64": false}, "zip": {"zip": "DEF"}, "cty": {"cty": "JWT"},
		"an unknown header": {"x-mine": 1},
	} {
		refused(t, v, name, issuer.Sign(header, claims))
		// The same, signed by a key that the header brings along.
		token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
		token.Header["typ"], token.Header["kid"] = "at+jwt", "own"
		maps.Copy(token.Header, header)
		signed, err := token.SignedString(stranger)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, v, name+" by a stranger", signed)
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("the verifier called out %d times", n)
	}
}

// J3: each claim absent, null, of another type, and at its edges.
func TestVerifyChecksEveryClaim(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	// A clock that stands still, so that edges are edges.
	now := time.Unix(time.Now().Unix(), 0)
	cfg := issuer.Config(audience)
	cfg.Now = func() time.Time { return now }
	v, err := authn.NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	with := func(claim string, value any) string {
		claims := issuer.Claims(authn.Principal{}, audience)
		claims["iat"], claims["exp"] = now.Unix(), now.Add(10*time.Minute).Unix()
		claims[claim] = value
		if value == absent {
			delete(claims, claim)
		}
		return issuer.Sign(nil, claims)
	}
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }

	for _, bad := range []struct {
		claim  string
		values []any
	}{
		{"iss", []any{absent, nil, "", 7, "https://evil.test", issuer.URL + "/", strings.ToUpper(issuer.URL), []string{issuer.URL}}},
		{"aud", []any{absent, nil, "", 7, "https://charging.test", audience + "/", []string{}, []string{"other"}, []any{7}, map[string]any{"a": audience}}},
		{"sub", []any{absent, nil, "", 7, "admin", uuid.Nil.String(), "urn:uuid:" + uuid.NewString(), "{" + uuid.NewString() + "}", []string{uuid.NewString()}}},
		{"exp", []any{absent, nil, "tomorrow", true, at(-leeway - time.Second), at(-leeway), 0, -1}},
		{"iat", []any{absent, nil, "today", at(leeway + time.Second)}},
		{"nbf", []any{"today", at(leeway + time.Second)}},
		{"jti", []any{absent, nil, "", 7}},
		{"client_id", []any{absent, nil, "", 7}},
		{"scope", []any{7, []string{"plots:write"}}},
		{"roles", []any{"admin", []any{7}}},
		{"org", []any{"none", 7}},
		{"sid", []any{7}},
		{"auth_time", []any{"now"}},
		{"acr", []any{7, []string{"aal2"}}},
		{"amr", []any{"pwd", []any{7}}},
	} {
		for _, value := range bad.values {
			refused(t, v, fmt.Sprintf("%s = %v", bad.claim, value), with(bad.claim, value))
		}
	}
	for _, good := range []struct {
		claim  string
		values []any
	}{
		{"aud", []any{audience, []string{"other", audience}}},
		{"exp", []any{at(time.Second), at(-leeway + time.Second)}},
		{"iat", []any{at(leeway), at(-time.Hour)}},
		{"nbf", []any{absent, nil, at(leeway), at(0)}},
		{"scope", []any{absent, ""}},
		{"sid", []any{absent}},
		{"org", []any{absent, nil}},
		{"acr", []any{"a claim to come"}},
	} {
		for _, value := range good.values {
			accepted(t, v, fmt.Sprintf("%s = %v", good.claim, value), with(good.claim, value))
		}
	}
	for _, typ := range []any{nil, "JWT", "jwt", "AT+JWT", "id+jwt", "application/at+jwt", "at+jwt ", 7} {
		claims := issuer.Claims(authn.Principal{}, audience)
		claims["iat"], claims["exp"] = now.Unix(), at(time.Minute)
		refused(t, v, fmt.Sprintf("typ = %v", typ), issuer.Sign(map[string]any{"typ": typ}, claims))
	}
}

const leeway = 30 * time.Second

type missing struct{}

var absent = missing{}

// J4: the same token spelt otherwise, and things that are no tokens.
func TestVerifyTakesOneSpellingOfAToken(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	id, private := issuer.Key()
	good := issuer.Mint(authn.Principal{}, audience)
	accepted(t, v, "the token that the others are made of", good)
	part := strings.Split(good, ".")

	spellings := map[string]string{
		"empty": "", "a space": " ", "dots": "..", "many dots": strings.Repeat(".", 4000), "four parts": good + ".e30",
		"a long one": good + strings.Repeat("A", 4096), "a blank before": " " + good, "a blank after": good + " ",
		"LF after": good + "\n", "CRLF after": good + "\r\n", "LF inside": part[0] + "." + part[1][:10] + "\n" + part[1][10:] + "." + part[2],
		"padding": part[0] + "." + part[1] + "." + part[2] + "==", "NUL": good + "\x00", "plus": strings.Replace(good, "-", "+", 1) + "+",
		"no signature": part[0] + "." + part[1] + ".", "a zero signature": part[0] + "." + part[1] + "." + encode(strings.Repeat("\x00", 64)),
		"a DER signature": part[0] + "." + part[1] + "." + encode(derSignature(t, private, part[0]+"."+part[1])),
		"the last bit":    good[:len(good)-1] + string(nextLetter(good[len(good)-1])),
	}
	for name, token := range spellings {
		refused(t, v, name, token)
	}

	// Signed by the issuer, but in JSON that two readers may read in two ways.
	claims, err := json.Marshal(issuer.Claims(authn.Principal{}, audience))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(header, payload string) string {
		text := encode(header) + "." + encode(payload)
		sum := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return text + "." + encode(string(signature))
	}
	head := fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":%q}`, id)
	body := string(claims)
	accepted(t, v, "signed by hand", sign(head, body))
	for name, token := range map[string]string{
		"a claim doubled":          sign(head, `{"scope":"admin",`+body[1:]),
		"a claim in capitals":      sign(head, `{"SCOPE":"admin",`+body[1:]),
		"a claim with a long s":    sign(head, `{"ſcope":"admin",`+body[1:]),
		"a claim escaped":          sign(head, `{"\u0073cope":"admin",`+body[1:]),
		"a header doubled":         sign(`{"alg":"none",`+head[1:], body),
		"a header in capitals":     sign(`{"ALG":"none",`+head[1:], body),
		"something after":          sign(head, body+`{}`),
		"a list of claims":         sign(head, `[`+body+`]`),
		"text as claims":           sign(head, `"`+id+`"`),
		"null as claims":           sign(head, `null`),
		"broken claims":            sign(head, body[:len(body)-1]),
		"a broken header":          sign(head[:len(head)-1], body),
		"deep claims":              sign(head, `{"a":`+strings.Repeat(`[`, 900)+strings.Repeat(`]`, 900)+`,`+body[1:]+`}`),
		"invalid UTF-8 for a name": sign(head, "{\"\xff\":1,"+body[1:]),
	} {
		refused(t, v, name, token)
	}
}

// It counts allocations, which other tests at the same time would disturb.
func TestALongTokenCostsNothing(t *testing.T) { //nolint:paralleltest // see above
	v := authntest.NewIssuer(t).Verifier(t, audience)
	for name, long := range map[string]string{
		"a megabyte": strings.Repeat("A", 1<<20), "dots": strings.Repeat(".", 1<<20), "pairs": strings.Repeat("a.", 1<<19),
	} {
		refused(t, v, name, long)
		if allocs := testing.AllocsPerRun(100, func() { _, _ = v.Verify(context.Background(), long) }); allocs > 10 {
			t.Errorf("%s costs %v allocations", name, allocs)
		}
	}
}

// J5: every truncation, extension and single changed character of a good token.
func TestVerifyTakesTheWholeTokenOnly(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	good := issuer.Mint(authn.Principal{}, audience)
	accepted(t, v, "the whole token", good)
	for n := range len(good) {
		refused(t, v, fmt.Sprintf("the first %d characters", n), good[:n])
		refused(t, v, fmt.Sprintf("the last %d characters", n), good[len(good)-n:])
		if good[n] != '.' {
			refused(t, v, fmt.Sprintf("character %d changed", n), good[:n]+string(nextLetter(good[n]))+good[n+1:])
		}
	}
	for c := range 256 {
		refused(t, v, fmt.Sprintf("with %q after it", rune(c)), good+string([]byte{byte(c)}))
	}
}

func TestNewVerifierRefusesSilentNames(t *testing.T) {
	t.Parallel()
	for _, cfg := range []authn.Config{{Audience: audience}, {Issuer: "https://charging.test"}, {Issuer: " ", Audience: " "}, {Issuer: "https://charging.test", Audience: audience, JWKSURL: "://"}} {
		if _, err := authn.NewVerifier(t.Context(), cfg); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// travelling gives a verifier with a clock of its own, in seconds, for the test to move.
func travelling(t *testing.T, issuer *authntest.Issuer) (v *authn.Verifier, clock *atomic.Int64) {
	t.Helper()
	clock = &atomic.Int64{}
	clock.Store(time.Now().Unix())
	cfg := issuer.Config(audience)
	cfg.Now = func() time.Time { return time.Unix(clock.Load(), 0) }
	v, err := authn.NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v, clock
}

func TestVerifyKeepsWorkingWhenAuthIsDown(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v, clock := travelling(t, issuer)
	mint := func() string {
		return issuer.Mint(authn.Principal{Expires: time.Unix(clock.Load(), 0).Add(time.Minute)}, audience)
	}
	accepted(t, v, "while auth is up", mint())
	issuer.SetDown(true)
	clock.Add(int64((24*time.Hour - time.Minute) / time.Second))
	accepted(t, v, "almost a day later", mint())
	clock.Add(120)
	if _, err := v.Verify(t.Context(), mint()); !errors.Is(err, authn.ErrKeys) || fault.Of(err).RetryAfter() <= 0 {
		t.Errorf("a day later: %v", err)
	}
}

func TestVerifyStartsWhileAuthIsDown(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	issuer.SetDown(true)
	v := issuer.Verifier(t, audience)
	token := issuer.Mint(authn.Principal{}, audience)
	if _, err := v.Verify(t.Context(), token); !errors.Is(err, authn.ErrKeys) {
		t.Errorf("without keys: %v", err)
	}
	issuer.SetDown(false)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, err := v.Verify(t.Context(), token); err == nil {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("auth is back, and still: %v", err)
		}
	}
}

// Auth takes the connection and never answers: neither the start nor a request hangs with it.
func TestVerifyDoesNotHangWithAuth(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, err := authn.NewVerifier(ctx, authn.Config{
		Issuer: "https://charging.test", Audience: audience, JWKSURL: "http://" + listener.Addr().String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the start took %v", took)
	}
	issuer := authntest.NewIssuer(t, "https://charging.test")
	began = time.Now()
	if _, err := v.Verify(t.Context(), issuer.Mint(authn.Principal{}, audience)); !errors.Is(err, authn.ErrKeys) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("a request waited %v", took)
	}
}

func TestVerifyFollowsARotation(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	before := issuer.Mint(authn.Principal{}, audience)
	accepted(t, v, "the first key", before)
	issuer.Rotate()
	accepted(t, v, "a key that is new", issuer.Mint(authn.Principal{}, audience))
	accepted(t, v, "the first key, still published", issuer.Mint(authn.Principal{}, audience))
	accepted(t, v, "a token of before", before)
}

// Tokens that name invented keys must neither make the service hammer auth nor wait.
func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	accepted(t, v, "a good token", issuer.Mint(authn.Principal{}, audience))
	before := issuer.Fetches()
	claims := issuer.Claims(authn.Principal{}, audience)
	began := time.Now()
	var work sync.WaitGroup
	for range 10 {
		work.Go(func() {
			for range 20 {
				refused(t, v, "an invented key", issuer.Sign(map[string]any{"kid": uuid.NewString()}, claims))
			}
		})
	}
	work.Wait()
	took := time.Since(began)
	if fetched := issuer.Fetches() - before; fetched > 1+int64(took/(10*time.Second)) {
		t.Errorf("%d fetches in %v", fetched, took)
	}
	if took > 5*time.Second {
		t.Errorf("200 tokens took %v", took)
	}
}

func TestACachedTokenEndsWithItsTime(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v, clock := travelling(t, issuer)
	token := issuer.Mint(authn.Principal{Expires: time.Unix(clock.Load(), 0).Add(20 * time.Second)}, audience)
	for range 49 { // to the last second of exp and leeway
		accepted(t, v, "in time", token)
		clock.Add(1)
	}
	clock.Add(1)
	refused(t, v, "too late", token)
}

func TestARevokedKeyEndsCachedTokens(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	old := issuer.Mint(authn.Principal{}, audience)
	accepted(t, v, "before", old)
	issuer.Rotate()
	issuer.Revoke()
	accepted(t, v, "by the new key, which makes the verifier fetch", issuer.Mint(authn.Principal{}, audience))
	refused(t, v, "by the key that is gone", old)
}

func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// nextLetter gives another letter of the alphabet, one bit away in its lowest.
func nextLetter(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)^1]
}

func derSignature(t *testing.T, private *ecdsa.PrivateKey, text string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return string(signature)
}

func BenchmarkVerifyCached(b *testing.B) {
	issuer := authntest.NewIssuer(b)
	v := issuer.Verifier(b, audience)
	token := issuer.Mint(authn.Principal{Scopes: []string{"profile", "reservations:write"}, Roles: []string{"driver"}}, audience)
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyCold never sees a token twice; BenchmarkBareSignature is what it cannot beat.
func BenchmarkVerifyCold(b *testing.B) {
	issuer := authntest.NewIssuer(b)
	v := issuer.Verifier(b, audience)
	tokens := make([]string, 1<<15) // more than the cache holds
	for i := range tokens {
		tokens[i] = issuer.Mint(authn.Principal{Scopes: []string{"profile"}, Roles: []string{"driver"}}, audience)
	}
	i := 0
	for b.Loop() {
		if _, err := v.Verify(b.Context(), tokens[i%len(tokens)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkBareSignature(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(strings.Repeat("t", 400))
	sum := sha256.Sum256(text)
	r, s, err := ecdsa.Sign(rand.Reader, private, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sum := sha256.Sum256(text)
		if !ecdsa.Verify(&private.PublicKey, sum[:], new(big.Int).Set(r), s) {
			b.Fatal("not verified")
		}
	}
}

func FuzzVerify(f *testing.F) {
	issuer := authntest.NewIssuer(f)
	v := issuer.Verifier(f, audience)
	good := issuer.Mint(authn.Principal{}, audience)
	f.Add(good)
	f.Add("..")
	f.Add(encode(`{"alg":"none"}`) + "." + encode(`{}`) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Verify(t.Context(), token); err == nil && token != good {
			t.Errorf("%q was taken", token)
		}
	})
}

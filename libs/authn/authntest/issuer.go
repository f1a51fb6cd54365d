// Package authntest issues access tokens in tests, as the auth service does.
//
//	issuer := authntest.NewIssuer(t)
//	verifier := issuer.Verifier(t, "https://charging.test/plots")
//	token := issuer.Mint(authn.Principal{Scopes: []string{"plots:write"}}, "https://charging.test/plots")
//
// The keys are served over HTTP on this machine until the test ends.
package authntest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
)

// Issuer signs tokens and serves the keys that verify them.
type Issuer struct {
	URL     string // the issuer, as in a token's iss
	JWKSURL string

	t       testing.TB
	fetches atomic.Int64
	mu      sync.Mutex
	signing key
	public  []key
	down    bool
}

type key struct {
	id      string
	private *ecdsa.PrivateKey
}

// NewIssuer starts an issuer that lives as long as the test. It issues in the name of issuerURL,
// or of its own address when none is given.
func NewIssuer(t testing.TB, issuerURL ...string) *Issuer {
	t.Helper()
	i := &Issuer{t: t}
	server := httptest.NewServer(http.HandlerFunc(i.serveKeys))
	t.Cleanup(server.Close)
	i.URL, i.JWKSURL = server.URL, server.URL+"/.well-known/jwks.json"
	if len(issuerURL) > 0 {
		i.URL = issuerURL[0]
	}
	i.Rotate()
	return i
}

// Config is what a service needs to believe this issuer.
func (i *Issuer) Config(audience string) authn.Config {
	return authn.Config{Issuer: i.URL, JWKSURL: i.JWKSURL, Audience: audience}
}

// Verifier verifies this issuer's tokens for one audience until the test ends.
func (i *Issuer) Verifier(t testing.TB, audience string) *authn.Verifier {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	v, err := authn.NewVerifier(ctx, i.Config(audience))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Mint signs an access token for the principal, to be used at the audiences. What the principal
// leaves empty gets a value that is right: a new subject, ten minutes to live, and so on. A
// principal is a user with a session unless its Kind is authn.Service.
func (i *Issuer) Mint(p authn.Principal, audiences ...string) string {
	i.t.Helper()
	return i.Sign(nil, i.Claims(p, audiences...))
}

// Live is for Config.Introspect where tokens of an Issuer meet a Redis that no auth fills: it takes every token for live.
func Live(context.Context, string) (bool, error) { return true, nil }

// Claims are those that Mint signs, for a test to spoil.
func (i *Issuer) Claims(p authn.Principal, audiences ...string) jwt.MapClaims {
	now := time.Now()
	orNew := func(s string) string {
		if s == "" {
			return uuid.NewString()
		}
		return s
	}
	if p.Subject == uuid.Nil {
		p.Subject = uuid.New()
	}
	if p.Expires.IsZero() {
		p.Expires = now.Add(10 * time.Minute)
	}
	if p.ClientID == "" {
		p.ClientID = "test"
	}
	claims := jwt.MapClaims{
		"iss": i.URL, "sub": p.Subject.String(), "aud": audiences, "client_id": p.ClientID,
		"iat": now.Unix(), "exp": p.Expires.Unix(), "jti": orNew(p.TokenID), "scope": strings.Join(p.Scopes, " "),
	}
	if p.Kind != authn.Service {
		claims["sid"] = orNew(p.SessionID)
		if p.AuthTime.IsZero() {
			p.AuthTime = now
		}
		claims["auth_time"] = p.AuthTime.Unix()
		if p.ACR == "" {
			p.ACR = authn.AAL1
		}
		if len(p.AMR) == 0 {
			p.AMR = []string{"pwd"}
		}
		claims["acr"], claims["amr"] = p.ACR, p.AMR
	}
	if len(p.Roles) > 0 {
		claims["roles"] = p.Roles
	}
	if p.Operator != uuid.Nil {
		claims["org"] = p.Operator.String()
	}
	if p.Version != 0 {
		claims["ver"] = p.Version
	}
	if p.Key != uuid.Nil {
		claims["key"] = p.Key.String()
		delete(claims, "auth_time")
		delete(claims, "acr")
		delete(claims, "amr")
	}
	if len(p.Networks) > 0 {
		claims["net"] = p.Networks
	}
	if p.Actor != uuid.Nil {
		claims["act"] = map[string]any{"sub": p.Actor.String(), "ver": p.ActorVersion}
	}
	return claims
}

// Sign signs any claims under the usual header, in which the entries of header take the place of
// those of the same name; a nil value removes one.
func (i *Issuer) Sign(header map[string]any, claims jwt.Claims) string {
	i.t.Helper()
	i.mu.Lock()
	signing := i.signing
	i.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["typ"] = "at+jwt"
	token.Header["kid"] = signing.id
	maps.Copy(token.Header, header)
	for name, value := range header {
		if value == nil {
			delete(token.Header, name)
		}
	}
	signed, err := token.SignedString(signing.private)
	if err != nil {
		i.t.Fatal(err)
	}
	return signed
}

// Key gives the key that signs now, and its id.
func (i *Issuer) Key() (id string, private *ecdsa.PrivateKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.signing.id, i.signing.private
}

// Rotate makes a new key, publishes it beside the old ones and signs with it from now on.
func (i *Issuer) Rotate() {
	i.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.signing = key{uuid.NewString(), private}
	i.public = append(i.public, i.signing)
}

// Revoke takes all keys but the signing one out of the published set.
func (i *Issuer) Revoke() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.public = []key{i.signing}
}

// SetDown makes the published keys unavailable, or available again.
func (i *Issuer) SetDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
}

// Fetches counts how often the keys were asked for.
func (i *Issuer) Fetches() int64 { return i.fetches.Load() }

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) {
	i.fetches.Add(1)
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.down {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	var set jwkset.JWKSMarshal
	for _, k := range i.public {
		jwk, err := jwkset.NewJWKFromKey(k.private.Public(), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgES256, KID: k.id, USE: jwkset.UseSig},
		})
		if err != nil {
			i.t.Error(err)
			return
		}
		set.Keys = append(set.Keys, jwk.Marshal())
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	if err := json.NewEncoder(w).Encode(set); err != nil {
		i.t.Error(err)
	}
}

// Package signingkey keeps the keys that sign access tokens.
//
// A key lives through four states. Pending: published, so that every verifier has it before it signs anything. Active: the one
// that signs. Retiring: published, because tokens it signed are still about. Gone: neither published nor kept; its private
// half is wiped. Plan decides, from the keys and the time alone, what must change; a Keeper carries it out on any replica,
// under the store's lock; a Ring holds what a replica signs with and publishes.
package signingkey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// State is where a key is in its life.
type State string

// The states, in the order in which a key passes them.
const (
	Pending  State = "pending"
	Active   State = "active"
	Retiring State = "retiring"
	Gone     State = "gone"
)

// Algorithm is the one that all keys are for.
const Algorithm = "ES256"

// Key is a key pair on P-256. Times that have not come are zero.
type Key struct {
	ID          string // RFC 7638 thumbprint of the public half
	State       State
	Public      *ecdsa.PublicKey
	Sealed      []byte // the private half; nil when gone
	SealedBy    string // the key-encryption key's id
	CreatedAt   time.Time
	ActivatedAt time.Time
	RetiredAt   time.Time
	GoneAt      time.Time
}

// Published reports whether verifiers are given the key.
func (k Key) Published() bool { return k.State != Gone }

// New makes a key in a state and seals it.
func New(sealer *Sealer, state State, now time.Time) (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	key := Key{ID: thumbprint(&private.PublicKey), State: state, Public: &private.PublicKey, CreatedAt: now}
	if state == Active {
		key.ActivatedAt = now
	}
	key.Sealed, key.SealedBy, err = sealer.seal(key.ID, private)
	return key, err
}

// JWK is the public half as RFC 7517 writes it.
type JWK struct {
	KeyType   string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// JWK returns the public half of the key.
func (k Key) JWK() JWK {
	x, y := coordinates(k.Public)
	return JWK{KeyType: "EC", ID: k.ID, Use: "sig", Algorithm: Algorithm, Curve: "P-256", X: x, Y: y}
}

// thumbprint is RFC 7638: SHA-256 of the required members in alphabetical order without spaces.
func thumbprint(public *ecdsa.PublicKey) string {
	x, y := coordinates(public)
	sum := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// coordinates returns X and Y in base64url, each of 32 bytes.
func coordinates(public *ecdsa.PublicKey) (x, y string) {
	point, err := public.Bytes() // uncompressed: 0x04, X, Y
	if err != nil {
		panic(fmt.Sprintf("signingkey: a public key off its curve: %v", err)) // keys are made here or decoded by crypto/x509, which checks
	}
	return base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
}

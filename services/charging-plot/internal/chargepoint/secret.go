package chargepoint

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// Secret is what is kept of a charge point's password: a salted SHA-256.
//
// The slow hashes that people's passwords need (argon2, bcrypt) exist because people choose guessable ones. A charge point's is 240
// random bits, which no amount of guessing finds whatever the hash, and ten thousand charge points that come back after a blackout at
// 25 ms of argon2 each would keep a core busy for four minutes. A password that an operator brings along must be at least 20
// characters long and is the operator's to have made at random.
type Secret struct {
	Salt []byte
	Hash []byte
}

// passwordBytes gives 40 characters of base64url, the most that OCPP lets a charge point's password have.
const passwordBytes = 30

// NewPassword makes a password.
func NewPassword() string {
	b := make([]byte, passwordBytes)
	_, _ = rand.Read(b) // never fails: the process ends instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// NewSecret hashes a password under a new salt.
func NewSecret(password string) Secret {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return Secret{Salt: salt, Hash: digest(salt, password)}
}

// Matches compares in constant time.
func (s Secret) Matches(password string) bool {
	return subtle.ConstantTimeCompare(s.Hash, digest(s.Salt, password)) == 1
}

func digest(salt []byte, password string) []byte {
	h := sha256.New()
	h.Write(salt)
	h.Write([]byte(password))
	return h.Sum(nil)
}

// idTagBytes gives 20 characters of base64url, the most that OCPP 1.6 lets an id tag have.
const idTagBytes = 15

// NewIDTag makes the one-time tag of a session.
func NewIDTag() string {
	b := make([]byte, idTagBytes)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

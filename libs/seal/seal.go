// Package seal keeps secrets unreadable at rest: AES-256-GCM under a key that the database does not hold. What was sealed for one owner
// cannot be opened as another's.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/google/uuid"
)

// ErrSealed says that a stored secret was sealed under another key, for another purpose or for another owner.
var ErrSealed = errors.New("seal: a secret cannot be opened: was the key changed?")

// Box seals and opens. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New makes a box of a key for a purpose; boxes for other purposes cannot open what it seals.
func New(key []byte, purpose string) Box {
	derived, err := hkdf.Key(sha256.New, key, nil, purpose, 32)
	if err != nil {
		panic(err) // the length is within what HKDF can give
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic(err) // 32 bytes are a key
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return Box{aead}
}

// Seal gives a secret as it may be stored.
func (b Box) Seal(owner uuid.UUID, secret []byte) []byte {
	nonce := make([]byte, b.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return b.aead.Seal(nonce, nonce, secret, owner[:])
}

// Open gives the secret back, or ErrSealed.
func (b Box) Open(owner uuid.UUID, sealed []byte) ([]byte, error) {
	if len(sealed) < b.aead.NonceSize() {
		return nil, ErrSealed
	}
	secret, err := b.aead.Open(nil, sealed[:b.aead.NonceSize()], sealed[b.aead.NonceSize():], owner[:])
	if err != nil {
		return nil, ErrSealed
	}
	return secret, nil
}

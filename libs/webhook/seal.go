package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/google/uuid"
)

// sealer keeps secrets unreadable at rest: AES-256-GCM under a key that the database does not hold, bound to the endpoint.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) sealer {
	derived, err := hkdf.Key(sha256.New, key, nil, "webhook secrets", 32)
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
	return sealer{aead}
}

func (s sealer) seal(endpoint uuid.UUID, secret Secret) []byte {
	nonce := make([]byte, s.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, secret.key, endpoint[:])
}

// errSealed says that a stored secret was sealed under another key.
var errSealed = errors.New("webhook: a secret cannot be opened: was the key changed?")

func (s sealer) open(endpoint uuid.UUID, sealed []byte) (Secret, error) {
	if len(sealed) < s.aead.NonceSize() {
		return Secret{}, errSealed
	}
	key, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], endpoint[:])
	if err != nil {
		return Secret{}, errSealed
	}
	return Secret{key}, nil
}

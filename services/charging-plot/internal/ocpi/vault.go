package ocpi

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"

	"github.com/google/uuid"
)

// vault keeps partners' tokens unreadable at rest: AES-256-GCM under a key that the database does not hold, bound to the partner.
type vault struct{ aead cipher.AEAD }

func newVault(key []byte) vault {
	derived, err := hkdf.Key(sha256.New, key, nil, "partners' tokens", 32)
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
	return vault{aead}
}

func (v vault) seal(partner uuid.UUID, token string) string {
	nonce := make([]byte, v.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return string(v.aead.Seal(nonce, nonce, []byte(token), partner[:]))
}

// errSealed says that a stored token was sealed under another key.
var errSealed = errors.New("ocpi: a partner's token cannot be opened: was the key changed?")

func (v vault) open(partner uuid.UUID, sealed string) (string, error) {
	if len(sealed) < v.aead.NonceSize() {
		return "", errSealed
	}
	nonce, text := sealed[:v.aead.NonceSize()], sealed[v.aead.NonceSize():]
	token, err := v.aead.Open(nil, []byte(nonce), []byte(text), partner[:])
	if err != nil {
		return "", errSealed
	}
	return string(token), nil
}

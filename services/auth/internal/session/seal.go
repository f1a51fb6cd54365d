package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

var errSeal = errors.New("the seal does not open")

// sealFor encrypts the successor of a refresh token with a key that only that token's text gives. The database holds the
// hash of the text, from which the key does not follow.
func sealFor(presented, successor string) []byte {
	aead := aeadOf(presented)
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, []byte(successor), nil)
}

// openWith undoes sealFor.
func openWith(presented string, sealed []byte) (successor string, err error) {
	aead := aeadOf(presented)
	if len(sealed) < aead.NonceSize() {
		return "", errSeal
	}
	text, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], nil)
	if err != nil {
		return "", errSeal
	}
	return string(text), nil
}

// aeadOf makes the cipher of a token. Its errors are about lengths that are constants here.
func aeadOf(presented string) cipher.AEAD {
	key, err := hkdf.Key(sha256.New, []byte(presented), nil, "successor of a refresh token", 32)
	if err != nil {
		panic(fmt.Sprintf("session: HKDF refuses 32 bytes: %v", err))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(fmt.Sprintf("session: AES refuses 32 bytes: %v", err))
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(fmt.Sprintf("session: GCM refuses AES: %v", err))
	}
	return aead
}

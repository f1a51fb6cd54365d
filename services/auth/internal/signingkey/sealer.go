package signingkey

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Sealer encrypts private keys, and other secrets that must be read again, with AES-256-GCM under key-encryption keys that the database never sees.
type Sealer struct {
	current string
	first   []byte
	aeads   map[string]cipher.AEAD
}

// kekBytes is the length of a key-encryption key.
const kekBytes = 32

// NewSealer reads one or more key-encryption keys, each 32 bytes in base64, separated by commas. The first seals; all open, so
// that the key can be changed by putting the new one before the old. It never quotes them in an error.
func NewSealer(keys string) (*Sealer, error) {
	s := &Sealer{aeads: map[string]cipher.AEAD{}}
	for i, text := range strings.Split(keys, ",") {
		kek, err := decodeBase64(strings.TrimSpace(text))
		if err != nil || len(kek) != kekBytes {
			return nil, fmt.Errorf("key-encryption key %d is not 32 bytes in base64", i+1)
		}
		block, err := aes.NewCipher(kek)
		if err != nil {
			return nil, fmt.Errorf("key-encryption key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("key-encryption key %d: %w", i+1, err)
		}
		sum := sha256.Sum256(kek)
		id := hex.EncodeToString(sum[:4])
		if i == 0 {
			s.current, s.first = id, kek
		}
		s.aeads[id] = aead
	}
	return s, nil
}

// Derive returns a secret of 32 bytes for another purpose, from the first key-encryption key.
func (s *Sealer) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.first, nil, purpose, 32)
	if err != nil {
		panic(fmt.Sprintf("signingkey: HKDF refuses 32 bytes: %v", err)) // it refuses 8160 and more
	}
	return key
}

// Seal encrypts a secret, bound to what it belongs to, and names the key-encryption key that did.
func (s *Sealer) Seal(bound string, secret []byte) (sealed []byte, by string) {
	aead := s.aeads[s.current]
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, secret, []byte(bound)), s.current
}

// Open undoes Seal. It fails for a secret of something else, and when the key-encryption key is not configured any more.
func (s *Sealer) Open(bound string, sealed []byte, by string) ([]byte, error) {
	aead, ok := s.aeads[by]
	if !ok {
		return nil, fmt.Errorf("it is sealed by key-encryption key %s, which is not configured", by)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("the seal is cut")
	}
	secret, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], []byte(bound))
	if err != nil {
		return nil, fmt.Errorf("it does not open with key-encryption key %s", by)
	}
	return secret, nil
}

// Current names the key-encryption key that seals.
func (s *Sealer) Current() string { return s.current }

func (s *Sealer) seal(kid string, private *ecdsa.PrivateKey) (sealed []byte, by string, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, "", fmt.Errorf("seal a signing key: %w", err)
	}
	sealed, by = s.Seal(boundTo(kid), der)
	return sealed, by, nil
}

func (s *Sealer) open(key Key) (*ecdsa.PrivateKey, error) {
	der, err := s.Open(boundTo(key.ID), key.Sealed, key.SealedBy)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", key.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", key.ID, err)
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !private.PublicKey.Equal(key.Public) {
		return nil, fmt.Errorf("signing key %s: %w", key.ID, errors.New("the halves do not belong together"))
	}
	return private, nil
}

// boundTo is the additional data of the seal: a sealed key moved to another row does not open.
func boundTo(kid string) string { return "signing-key\x00" + kid }

func decodeBase64(text string) ([]byte, error) {
	text = strings.TrimRight(text, "=")
	if strings.ContainsAny(text, "-_") {
		return base64.RawURLEncoding.Strict().DecodeString(text)
	}
	return base64.RawStdEncoding.Strict().DecodeString(text)
}

package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"slices"

	"github.com/MicahParks/jwkset"
)

const (
	// maxKeys is more than a rotation needs.
	maxKeys = 8
	// minRSABits is the least that RFC 7518, section 3.3, permits.
	minRSABits = 2048
)

// KeyAlgorithms returns the algorithms that clients' keys may sign with.
func KeyAlgorithms() []string { return []string{jwkset.AlgES256.String(), jwkset.AlgRS256.String()} }

// ParseKeys reads what a client is registered with: a public key as PEM, a JWK, or a JWK set of at most eight (RFC 7517). Keys are of
// P-256 or RSA of 2048 bits or more, and each says its algorithm when it is returned; where there are several each has its own kid.
// It returns ErrDefinition for anything else, private keys above all.
func ParseKeys(file []byte) ([]jwkset.JWKMarshal, error) {
	if block, _ := pem.Decode(file); block != nil {
		public, err := jwkset.LoadX509KeyInfer(block)
		if err != nil {
			return nil, ErrDefinition.Detailf("the PEM file holds no key").Because(err)
		}
		key, err := publicKey(public, "")
		return []jwkset.JWKMarshal{key}, err
	}
	var set struct {
		jwkset.JWKSMarshal
		jwkset.JWKMarshal
	}
	if err := json.Unmarshal(file, &set); err != nil {
		return nil, ErrDefinition.Detailf("the keys are neither PEM nor JSON").Because(err)
	}
	given := set.Keys
	if set.KTY != "" {
		given = append(given, set.JWKMarshal)
	}
	if len(given) == 0 || len(given) > maxKeys {
		return nil, ErrDefinition.Detailf("there are %d keys, and there must be 1 to %d", len(given), maxKeys)
	}
	keys := make([]jwkset.JWKMarshal, 0, len(given))
	for _, one := range given {
		if one.D != "" || one.K != "" {
			return nil, errPrivate
		}
		if one.USE != "" && one.USE != jwkset.UseSig {
			return nil, ErrDefinition.Detailf("the key %q is not for signatures", one.KID)
		}
		if len(given) > 1 && (one.KID == "" || slices.ContainsFunc(keys, func(k jwkset.JWKMarshal) bool { return k.KID == one.KID })) {
			return nil, ErrDefinition.Detailf("each of several keys has a kid of its own")
		}
		bare := jwkset.JWKMarshal{KTY: one.KTY, CRV: one.CRV, X: one.X, Y: one.Y, N: one.N, E: one.E} // nothing to be fetched
		read, err := jwkset.NewJWKFromMarshal(bare, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			return nil, ErrDefinition.Detailf("the key %q cannot be read", one.KID).Because(err)
		}
		key, err := publicKey(read.Key(), one.KID)
		if err != nil {
			return nil, err
		}
		if one.ALG != "" && one.ALG != key.ALG {
			return nil, ErrDefinition.Detailf("the key %q is for %s, which is not taken; it could be for %s", one.KID, one.ALG, key.ALG)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

var errPrivate = ErrDefinition.Detailf("the key is not a public one; keep it to the client")

// publicKey makes a JWK of a key that may be registered.
func publicKey(key any, kid string) (jwkset.JWKMarshal, error) {
	var algorithm jwkset.ALG
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return jwkset.JWKMarshal{}, ErrDefinition.Detailf("the key %q is not of P-256", kid)
		}
		algorithm = jwkset.AlgES256
	case *rsa.PublicKey:
		if k.N.BitLen() < minRSABits {
			return jwkset.JWKMarshal{}, ErrDefinition.Detailf("the RSA key %q has %d bits, and must have %d or more", kid, k.N.BitLen(), minRSABits)
		}
		algorithm = jwkset.AlgRS256
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
		return jwkset.JWKMarshal{}, errPrivate
	default:
		return jwkset.JWKMarshal{}, ErrDefinition.Detailf("the key %q is neither of P-256 nor RSA", kid)
	}
	made, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{ALG: algorithm, KID: kid, USE: jwkset.UseSig}})
	if err != nil {
		return jwkset.JWKMarshal{}, ErrDefinition.Detailf("the key %q cannot be used", kid).Because(err)
	}
	return made.Marshal(), nil
}

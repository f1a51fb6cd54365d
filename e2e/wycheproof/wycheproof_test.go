// Package wycheproof holds the verifier of access tokens, which every service uses, against the vectors of Project Wycheproof: 262
// signatures of ECDSA P-256 with SHA-256, and 401 JSON Web Signatures.
//
// It is a package of its own since the vectors, which the module brings in one piece, make its binary large.
package wycheproof

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"strings"
	"testing"

	vectors "github.com/c2sp/wycheproof"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
)

const audience = "https://charging.example/plots"

// jwk is a key as the vectors write it.
type jwk map[string]any

type signatures struct {
	Groups []struct {
		JWK   jwk                           `json:"publicKeyJwk"`
		Key   struct{ Uncompressed string } `json:"publicKey"`
		Tests []struct {
			ID      int `json:"tcId"`
			Comment string
			Message string `json:"msg"`
			Sig     string
			Result  string
		}
	} `json:"testGroups"`
}

type webSignatures struct {
	Groups []struct {
		Comment         string
		Private, Public jwk
		Tests           []struct {
			ID      int `json:"tcId"`
			Comment string
			JWS     string
			Result  string
		}
	} `json:"testGroups"`
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := fs.ReadFile(vectors.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// verifier believes an issuer whose key set holds one key, of whatever kind.
func verifier(t *testing.T, issuer *authntest.Issuer, key jwk) *authn.Verifier {
	t.Helper()
	set, err := json.Marshal(map[string]any{"keys": []jwk{key}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := issuer.Config(audience)
	cfg.Client = &http.Client{Transport: keySet(set)}
	v, err := authn.NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// keySet answers every request with a key set.
type keySet []byte

func (k keySet) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(k))}, nil
}

// refused: the token is not right, or the key set has no key that may verify any.
func refused(err error) bool { return errors.Is(err, authn.ErrToken) || errors.Is(err, authn.ErrKeys) }

// token is a right access token of the issuer in every way but its signature, which is another's.
func token(issuer *authntest.Issuer, kid any, signature []byte) string {
	signed := issuer.Sign(map[string]any{"kid": kid}, issuer.Claims(authn.Principal{}, audience))
	return signed[:strings.LastIndex(signed, ".")+1] + base64.RawURLEncoding.EncodeToString(signature)
}

// The verdict on each signature of the library that the verifier has it from is Wycheproof's, and through the verifier none of them, the
// special values above all, passes for the signature of a token.
func TestSignaturesAreJudgedAsWycheproofDoes(t *testing.T) {
	t.Parallel()
	var file signatures
	read(t, "ecdsa_secp256r1_sha256_p1363_test.json", &file)
	issuer := authntest.NewIssuer(t)
	tried, disagreements := 0, 0
	for _, group := range file.Groups {
		point := unhex(t, group.Key.Uncompressed)
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			t.Fatal(err)
		}
		coordinate := base64.RawURLEncoding.EncodeToString
		published := jwk{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": coordinate(point[1:33]), "y": coordinate(point[33:])}
		v := verifier(t, issuer, published)
		for _, test := range group.Tests {
			tried++
			signature := unhex(t, test.Sig)
			err := jwt.SigningMethodES256.Verify(string(unhex(t, test.Message)), signature, key)
			if good := err == nil; good != (test.Result == "valid") {
				disagreements++
				t.Errorf("%d, %s: we say %v, Wycheproof %s", test.ID, test.Comment, err, test.Result)
			}
			if _, err := v.Verify(t.Context(), token(issuer, "k", signature)); !errors.Is(err, authn.ErrToken) {
				t.Errorf("%d, %s: as the signature of a token: %v", test.ID, test.Comment, err)
			}
		}
	}
	t.Logf("%d signatures, %d disagreements", tried, disagreements)
	if tried < 250 {
		t.Errorf("%d signatures were tried", tried)
	}
}

// Whatever the key set holds, no JSON Web Signature of Wycheproof's passes for an access token, good or bad: of the good ones those of
// another algorithm, and those that are no token. With the same key set a right token passes if, and only if, the key is one for ES256.
func TestNoWebSignaturePassesForAToken(t *testing.T) {
	t.Parallel()
	var file webSignatures
	read(t, "json_web_signature_test.json", &file)
	issuer := authntest.NewIssuer(t)
	tried, controls := 0, 0
	for _, group := range file.Groups {
		published := group.Public
		if published == nil {
			published = group.Private // a shared secret
		}
		v := verifier(t, issuer, published)
		if d, _ := group.Private["d"].(string); group.Private["crv"] == "P-256" {
			usable := published["use"] != "enc" && published["key_ops"] == nil
			secret, err := base64.RawURLEncoding.DecodeString(d)
			if err != nil {
				t.Fatal(err)
			}
			private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
			if err != nil {
				t.Fatal(err)
			}
			right := jwt.NewWithClaims(jwt.SigningMethodES256, issuer.Claims(authn.Principal{}, audience))
			right.Header["typ"], right.Header["kid"] = "at+jwt", published["kid"]
			signed, err := right.SignedString(private)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Verify(t.Context(), signed); (err == nil) != usable {
				t.Errorf("%s: a right token is answered %v, the key being %v", group.Comment, err, published)
			}
			controls++
		}
		for _, test := range group.Tests {
			tried++
			if _, err := v.Verify(t.Context(), test.JWS); !refused(err) {
				t.Errorf("%d, %s %s: %v", test.ID, group.Comment, test.Comment, err)
			}
			if last := strings.LastIndex(test.JWS, "."); last > 0 {
				signature, err := base64.RawURLEncoding.DecodeString(test.JWS[last+1:])
				if err != nil {
					continue // no signature at all
				}
				if _, err := v.Verify(t.Context(), token(issuer, published["kid"], signature)); !refused(err) {
					t.Errorf("%d, %s %s: as the signature of a token: %v", test.ID, group.Comment, test.Comment, err)
				}
			}
		}
	}
	t.Logf("%d signatures, none passes; %d right tokens", tried, controls)
	if tried < 400 || controls < 3 {
		t.Errorf("%d signatures and %d right tokens were tried", tried, controls)
	}
}

// The scalar of a right signature, turned over the order of the curve, is as right (ECDSA is malleable): what is remembered of tokens
// goes by their ids, never by their text.
func TestTheOrderOfTheCurveIsNotTheText(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	v := issuer.Verifier(t, audience)
	signed := issuer.Mint(authn.Principal{}, audience)
	cut := strings.LastIndex(signed, ".") + 1
	signature, err := base64.RawURLEncoding.DecodeString(signed[cut:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	first, err := v.Verify(t.Context(), signed)
	if err != nil {
		t.Fatal(err)
	}
	second, err := v.Verify(t.Context(), signed[:cut]+base64.RawURLEncoding.EncodeToString(signature))
	if err != nil || second.TokenID != first.TokenID {
		t.Errorf("the other spelling is %+v, %v", second, err)
	}
}

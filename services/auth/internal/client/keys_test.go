package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/MicahParks/jwkset"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func pemOf(t *testing.T, public crypto.PublicKey) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must[[]byte](t)(x509.MarshalPKIXPublicKey(public))})
}

// jwk is a key as a JWK; private also when the key is.
func jwk(t *testing.T, key any, metadata jwkset.JWKMetadataOptions) string {
	t.Helper()
	_, public := key.(*ecdsa.PublicKey)
	made := must[jwkset.JWK](t)(jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Marshal: jwkset.JWKMarshalOptions{Private: !public}, Metadata: metadata}))
	return string(must[[]byte](t)(json.Marshal(made.Marshal())))
}

func TestParseKeys(t *testing.T) {
	t.Parallel()
	ec := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	other := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	big := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	one, two := jwk(t, &ec.PublicKey, jwkset.JWKMetadataOptions{KID: "one"}), jwk(t, &other.PublicKey, jwkset.JWKMetadataOptions{KID: "two", ALG: jwkset.AlgES256})
	for name, c := range map[string]struct{ file, want string }{
		"PEM of P-256": {string(pemOf(t, &ec.PublicKey)), "ES256/"},
		"PEM of RSA":   {string(pemOf(t, &big.PublicKey)), "RS256/"},
		"JWK":          {one, "ES256/one"},
		"JWK set":      {`{"keys":[` + one + "," + two + "]}", "ES256/one ES256/two"},
	} {
		keys, err := client.ParseKeys([]byte(c.file))
		got := make([]string, len(keys))
		for i, key := range keys {
			got[i] = fmt.Sprintf("%s/%s", key.ALG, key.KID)
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	t.Parallel()
	ec := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	wide := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must[[]byte](t)(x509.MarshalPKCS8PrivateKey(ec))})
	small := `{"kty":"RSA","e":"AQAB","n":"` + strings.Repeat("_", 171) + `"}` // of 1024 bits or so
	named := func(m jwkset.JWKMetadataOptions) string { return jwk(t, &ec.PublicKey, m) }
	for want, file := range map[string]string{
		"neither PEM nor JSON":   "ssh-rsa AAAA",
		"there are 0 keys":       `{"keys":[]}`,
		"there are 9 keys":       `{"keys":[` + strings.Repeat(named(jwkset.JWKMetadataOptions{})+",", 8) + named(jwkset.JWKMetadataOptions{}) + "]}",
		"not a public one":       string(private),
		"not a public one;":      jwk(t, ec, jwkset.JWKMetadataOptions{}),
		"not a public one; keep": `{"kty":"oct","k":"c2VjcmV0"}`,
		"is not of P-256":        string(pemOf(t, &wide.PublicKey)),
		"neither of P-256":       string(pemOf(t, edwards)),
		"bits, and must have":    small,
		"cannot be read":         `{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}`,
		"not for signatures":     named(jwkset.JWKMetadataOptions{USE: jwkset.UseEnc}),
		"a kid of its own":       `{"keys":[` + named(jwkset.JWKMetadataOptions{KID: "a"}) + "," + named(jwkset.JWKMetadataOptions{KID: "a"}) + "]}",
		"it could be for ES256":  strings.Replace(named(jwkset.JWKMetadataOptions{KID: "a"}), `"kid"`, `"alg":"PS256","kid"`, 1),
	} {
		if keys, err := client.ParseKeys([]byte(file)); !errors.Is(err, client.ErrDefinition) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, and have %v, %v", want, keys, err)
		}
	}
}

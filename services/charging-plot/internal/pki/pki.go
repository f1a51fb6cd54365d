// Package pki is the world of certificates around charge points: the roots that plug-and-charge contracts are issued under, the OCSP
// responders that say whether one still holds, the provider that cars get contracts from, and the operator's own authority that signs
// charge points' certificates.
//
//	office, err := pki.New(cfg, client)
//	word := office.Judge(ctx, contract)                  // Accepted, CertificateExpired, CertificateRevoked, …
//	der, err := office.Status(ctx, query)                // what the responder says, kept as long as it holds
//	answer, err := office.Provide(ctx, request)          // a contract for a car that wants one
//	chain, err := office.Sign(cp, request)               // a certificate for a charge point
//
// Each part that is not configured says so: without roots no contract's chain is accepted, without a provider no car gets a contract,
// without an authority no certificate is signed.
package pki

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Config says whom the package trusts and who trusts it. The zero value trusts nobody.
type Config struct {
	Roots         string        `env:"PNC_ROOTS" desc:"V2G and mobility operators' root certificates that plug-and-charge contracts are accepted under, and the sub-authorities of contracts that charge points check themselves, as PEM; none: no contract's certificate is accepted"`
	ProviderURL   string        `env:"PNC_PROVIDER_URL" desc:"where cars' requests for contract certificates are posted; none: they are refused"`
	ProviderToken string        `env:"PNC_PROVIDER_TOKEN" desc:"bearer token for PNC_PROVIDER_URL"`
	CACertificate string        `env:"OCPP_CA_CERTIFICATE" desc:"certificate of the authority that signs charge points' certificates, and those between it and its root, as PEM; none: nothing is signed"`
	CAKey         string        `env:"OCPP_CA_KEY" desc:"its private key, as PEM (PKCS #8)"`
	CAValidity    time.Duration `env:"OCPP_CA_VALIDITY" envDefault:"9504h" desc:"how long a charge point's certificate holds"`
}

const defaultValidity = 9504 * time.Hour

// Validate names every setting that cannot work.
func (c Config) Validate() error {
	_, err := c.parts()
	return err
}

// Office answers what is asked about certificates. It is safe for concurrent use.
type Office struct {
	roots     []*x509.Certificate
	authority *authority // nil: none
	provider  *provider  // nil: none
	responses *responses
	now       func() time.Time
}

// New makes an office. Responders are asked by client: their addresses come from certificates and charge points, so that it had better be
// one that reaches public addresses alone.
func New(cfg Config, client *http.Client, now func() time.Time) (*Office, error) {
	office, err := cfg.parts()
	if err != nil {
		return nil, err
	}
	office.now = now
	office.responses = newResponses(client, now)
	return office, nil
}

// parts reads the settings.
func (c Config) parts() (*Office, error) {
	office := &Office{}
	var faults []error
	bad := func(name, detail string) { faults = append(faults, fmt.Errorf("%s: %s", name, detail)) }
	if c.Roots != "" {
		var err error
		if office.roots, err = certificates(c.Roots); err != nil {
			bad("PNC_ROOTS", err.Error())
		}
		for _, root := range office.roots {
			if !root.IsCA {
				bad("PNC_ROOTS", "holds a certificate that is no authority's")
			}
		}
	}
	if c.ProviderURL != "" {
		if u, err := url.Parse(c.ProviderURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			bad("PNC_PROVIDER_URL", "must be an http or https URL")
		}
		office.provider = &provider{url: c.ProviderURL, token: c.ProviderToken, client: &http.Client{Timeout: providerPatience}}
	}
	if c.CACertificate != "" || c.CAKey != "" {
		var err error
		if office.authority, err = newAuthority(c); err != nil {
			bad("OCPP_CA_CERTIFICATE, OCPP_CA_KEY", err.Error())
		}
	}
	if c.CAValidity < 0 {
		bad("OCPP_CA_VALIDITY", "must be positive")
	}
	return office, errors.Join(faults...)
}

var errNoPEM = errors.New("holds no PEM certificate that can be read")

// certificates reads a PEM text, in which nothing but certificates may be.
func certificates(text string) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, errNoPEM
		}
		out = append(out, cert)
	}
	if len(out) == 0 {
		return nil, errNoPEM
	}
	return out, nil
}

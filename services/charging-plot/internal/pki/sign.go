package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// An authority is the operator's own, which signs charge points' certificates.
type authority struct {
	chain    []*x509.Certificate // its own first
	key      crypto.Signer
	validity time.Duration
}

func newAuthority(cfg Config) (*authority, error) {
	a := &authority{validity: cfg.CAValidity}
	if a.validity == 0 {
		a.validity = defaultValidity
	}
	var err error
	if a.chain, err = certificates(cfg.CACertificate); err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(cfg.CAKey))
	if block == nil {
		return nil, errors.New("the key is no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key is not PKCS #8")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(a.chain[0].PublicKey) {
		return nil, errors.New("the key is not that of the first certificate")
	}
	if !a.chain[0].IsCA {
		return nil, errors.New("the first certificate is no authority's")
	}
	a.key = signer
	return a, nil
}

// Sign makes a charge point's certificate and gives it with those between it and the root, as PEM. The name in it is always the charge
// point's identity, which is what it is recognised by; the request may name that, or the serial number that the charge point said when it
// booted. It returns chargepoint.ErrNotSigned for a request in another's name, a weak key, or where there is no authority.
func (o *Office) Sign(cp chargepoint.ChargePoint, request chargepoint.SigningRequest) (string, error) {
	a := o.authority
	switch {
	case a == nil:
		return "", chargepoint.ErrNotSigned.Detailf("There is no authority here.")
	case request.Use != "" && request.Use != chargepoint.StationCertificate:
		return "", chargepoint.ErrNotSigned.Detailf("The authority here signs no %s.", request.Use)
	case cp.Security.Certificate != nil:
		return "", chargepoint.ErrNotSigned.Detailf("The charge point is bound to one certificate, and who bound it makes the next.")
	}
	block, _ := pem.Decode([]byte(request.CSR))
	if block == nil {
		return "", chargepoint.ErrNotSigned.Detailf("The request is no PEM.")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return "", chargepoint.ErrNotSigned.Detailf("The request cannot be read.").Because(err)
	}
	if err := csr.CheckSignature(); err != nil {
		return "", chargepoint.ErrNotSigned.Detailf("The request is not signed with its own key.").Because(err)
	}
	if !strong(csr.PublicKey) {
		return "", chargepoint.ErrNotSigned.Detailf("The key is too weak.")
	}
	if name := csr.Subject.CommonName; name != cp.Identity && (cp.Boot == nil || cp.Boot.SerialNumber == "" || name != cp.Boot.SerialNumber) {
		return "", chargepoint.ErrNotSigned.Detailf("The request is in the name of %.64q, which is not the charge point's.", name)
	}
	return a.sign(cp, csr, o.now())
}

func (a *authority) sign(cp chargepoint.ChargePoint, csr *x509.CertificateRequest, now time.Time) (string, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return "", chargepoint.ErrNotSigned.Because(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: cp.Identity, Organization: csr.Subject.Organization},
		NotBefore: now.Add(-skew), NotAfter: now.Add(a.validity),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if cp.Boot != nil {
		template.Subject.SerialNumber = cp.Boot.SerialNumber
	}
	if template.NotAfter.After(a.chain[0].NotAfter) { // it cannot hold longer than its authority
		template.NotAfter = a.chain[0].NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.chain[0], csr.PublicKey, a.key)
	if err != nil {
		return "", chargepoint.ErrNotSigned.Because(err)
	}
	var out strings.Builder
	write := func(der []byte) { out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) }
	write(der)
	for _, cert := range a.chain {
		if cert.CheckSignatureFrom(cert) != nil { // the root is installed by other means
			write(cert.Raw)
		}
	}
	return out.String(), nil
}

// strong tells whether a key is one that OCPP's security profiles take: at least RSA 2048 or ECDSA 224, of which Go has 256 and up.
func strong(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	case ed25519.PublicKey:
		return true
	}
	return false
}

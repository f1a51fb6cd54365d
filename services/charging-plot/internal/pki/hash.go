package pki

import (
	"crypto"
	_ "crypto/sha256" // SHA-256, of which OCSP speaks
	_ "crypto/sha512" // SHA-384 and SHA-512
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"strings"

	"golang.org/x/crypto/ocsp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

var algorithms = map[string]crypto.Hash{"SHA256": crypto.SHA256, "SHA384": crypto.SHA384, "SHA512": crypto.SHA512}

// hashOf names a certificate of an issuer (RFC 6960, section 4.1.1: hashes of the issuer's name in DER and of its public key's bits).
func hashOf(serial *big.Int, issuer *x509.Certificate, algorithm string) chargepoint.CertificateHash {
	var key struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &key); err != nil {
		return chargepoint.CertificateHash{} // x509 has read it, so that it can be read
	}
	sum := func(data []byte) string {
		h := algorithms[algorithm].New()
		h.Write(data)
		return hex.EncodeToString(h.Sum(nil))
	}
	return chargepoint.CertificateHash{
		Algorithm: algorithm, IssuerNameHash: sum(issuer.RawSubject), IssuerKeyHash: sum(key.Key.RightAlign()), SerialNumber: serial.Text(16),
	}
}

func queryOf(cert, issuer *x509.Certificate) chargepoint.CertificateQuery {
	return chargepoint.CertificateQuery{CertificateHash: hashOf(cert.SerialNumber, issuer, "SHA256"), ResponderURL: cert.OCSPServer[0]}
}

// issuerOf finds the authority among our roots that issued what a hash names, nil when it is none of them.
func (o *Office) issuerOf(h chargepoint.CertificateHash) *x509.Certificate {
	if algorithms[h.Algorithm] == 0 {
		return nil
	}
	for _, root := range o.roots {
		its := hashOf(new(big.Int), root, h.Algorithm)
		if strings.EqualFold(its.IssuerKeyHash, h.IssuerKeyHash) && strings.EqualFold(its.IssuerNameHash, h.IssuerNameHash) {
			return root
		}
	}
	return nil
}

// requestFor is the question that a responder is asked, false for a hash that cannot be read.
func requestFor(h chargepoint.CertificateHash) (*ocsp.Request, bool) {
	name, err1 := hex.DecodeString(h.IssuerNameHash)
	key, err2 := hex.DecodeString(h.IssuerKeyHash)
	serial, ok := new(big.Int).SetString(h.SerialNumber, 16)
	algorithm := algorithms[h.Algorithm]
	if err1 != nil || err2 != nil || !ok || algorithm == 0 || len(name) != algorithm.Size() || len(key) != algorithm.Size() {
		return nil, false
	}
	return &ocsp.Request{HashAlgorithm: algorithm, IssuerNameHash: name, IssuerKeyHash: key, SerialNumber: serial}, true
}

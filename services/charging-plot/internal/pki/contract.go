package pki

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"slices"

	"golang.org/x/crypto/ocsp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

// longestChain is ISO 15118's: the contract's own certificate and those of two sub-authorities, with the root at times.
const longestChain = 4

// Judge says what the certificates are worth that a contract was shown with. Each that names a responder must be good in the eyes of that
// one, now or as long as its last answer holds; one of which nobody says anything is not.
func (o *Office) Judge(ctx context.Context, contract chargepoint.Contract) chargepoint.CertificateWord {
	if contract.Certificate == "" {
		return o.judgeHashes(ctx, contract.Hashes)
	}
	shown, err := certificates(contract.Certificate)
	if err != nil || len(shown) > longestChain || token.Key(shown[0].Subject.CommonName) != token.Key(contract.EMAID) {
		return chargepoint.CertificateBadChain
	}
	chain, word := o.verify(shown)
	if word != chargepoint.CertificateAccepted {
		return word
	}
	for i, cert := range chain[:len(chain)-1] { // nobody vouches for a root
		if len(cert.OCSPServer) == 0 {
			continue
		}
		if word := o.stand(ctx, queryOf(cert, chain[i+1]), chain[i+1]); word != chargepoint.CertificateAccepted {
			return word
		}
	}
	return chargepoint.CertificateAccepted
}

// judgeHashes is for a chain that the charge point has looked at: what is left is to ask whether the certificates still hold. Whose answer
// that is can only be known of issuers that are among our roots.
func (o *Office) judgeHashes(ctx context.Context, hashes []chargepoint.CertificateQuery) chargepoint.CertificateWord {
	for _, asked := range hashes {
		issuer := o.issuerOf(asked.CertificateHash)
		if issuer == nil {
			return chargepoint.CertificateBadChain
		}
		if word := o.stand(ctx, asked, issuer); word != chargepoint.CertificateAccepted {
			return word
		}
	}
	return chargepoint.CertificateAccepted
}

// verify gives the chain from the contract's certificate to one of our roots.
func (o *Office) verify(shown []*x509.Certificate) ([]*x509.Certificate, chargepoint.CertificateWord) {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range o.roots {
		if bytes.Equal(root.RawIssuer, root.RawSubject) {
			roots.AddCert(root)
		} else {
			between.AddCert(root)
		}
	}
	for _, cert := range shown[1:] {
		between.AddCert(cert)
	}
	chains, err := shown[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: o.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err == nil {
		return chains[0], chargepoint.CertificateAccepted
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return nil, chargepoint.CertificateExpired
	}
	if slices.ContainsFunc(shown, o.expired) {
		return nil, chargepoint.CertificateExpired
	}
	authorities := slices.Concat(shown[1:], o.roots)
	if slices.ContainsFunc(shown, func(cert *x509.Certificate) bool { return forged(cert, authorities) }) {
		return nil, chargepoint.CertificateBadSignature
	}
	return nil, chargepoint.CertificateBadChain
}

func (o *Office) expired(cert *x509.Certificate) bool { return o.now().After(cert.NotAfter) }

// forged tells whether a certificate names an authority that is known and did not sign it.
func forged(cert *x509.Certificate, authorities []*x509.Certificate) bool {
	named := false
	for _, authority := range authorities {
		if !bytes.Equal(authority.RawSubject, cert.RawIssuer) {
			continue
		}
		if cert.CheckSignatureFrom(authority) == nil {
			return false
		}
		named = true
	}
	return named
}

// stand asks whether a certificate of an issuer still holds.
func (o *Office) stand(ctx context.Context, asked chargepoint.CertificateQuery, issuer *x509.Certificate) chargepoint.CertificateWord {
	der, err := o.responses.get(ctx, asked)
	if err != nil {
		return chargepoint.CertificateUnavailable
	}
	said, err := ocsp.ParseResponse(der, nil) // with the issuer it refuses an issuer that sends its own certificate along
	if err != nil || !o.mayAnswer(said, issuer) {
		return chargepoint.CertificateUnavailable
	}
	switch said.Status {
	case ocsp.Good:
		return chargepoint.CertificateAccepted
	case ocsp.Revoked:
		return chargepoint.CertificateRevoked
	}
	return chargepoint.CertificateUnavailable
}

// mayAnswer tells whether an answer is signed by the issuer, or with a certificate that the issuer made for answering (RFC 6960, section
// 4.2.2.2). Else any holder of a contract could answer for the others. Where a certificate came with the answer, the answer is known to be
// signed with it.
func (o *Office) mayAnswer(said *ocsp.Response, issuer *x509.Certificate) bool {
	signer := said.Certificate
	if signer == nil {
		return said.CheckSignatureFrom(issuer) == nil
	}
	if signer.Equal(issuer) {
		return true
	}
	return issuer.CheckSignature(signer.SignatureAlgorithm, signer.RawTBSCertificate, signer.Signature) == nil &&
		slices.Contains(signer.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && !o.expired(signer) && !o.now().Before(signer.NotBefore)
}

package chargepoint

import "crypto/subtle"

// Proof is what a charge point shows for its identity when it connects.
type Proof struct {
	Password string
	// Secure says that nobody could listen: TLS, here or at a gateway that is trusted to say so.
	Secure bool
	// Certificate is the client certificate that was verified, nil when none was shown.
	Certificate *Certificate
}

// Certificate is what matters of a client certificate.
type Certificate struct {
	CommonName string
	SHA256     []byte // of the whole certificate
}

// The security profiles of OCPP.
const (
	AnyProfile         = 0
	BasicProfile       = 1 // a password
	TLSProfile         = 2 // a password over TLS
	CertificateProfile = 3 // a client certificate
)

// Security is how a charge point must prove who it is.
type Security struct {
	Profile int // the least it must keep to
	// Certificate is the SHA-256 of the one certificate that is its own, nil: any that bears its identity as common name.
	Certificate []byte
}

// Accepts tells whether a certificate is the charge point's own.
func (s Security) Accepts(identity string, c Certificate) bool {
	if s.Certificate != nil {
		return subtle.ConstantTimeCompare(s.Certificate, c.SHA256) == 1
	}
	return c.CommonName == identity
}

// AcceptsPassword tells whether a password is enough.
func (s Security) AcceptsPassword(secure bool) bool {
	return s.Profile < TLSProfile || s.Profile == TLSProfile && secure
}

// Credentials are what a charge point's proof is checked against.
type Credentials struct {
	Secret Secret
	// Next is a password that was given to the charge point and not used yet; both hold until it is.
	Next *Secret
}

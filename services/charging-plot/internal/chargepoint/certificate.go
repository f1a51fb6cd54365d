package chargepoint

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Certificates is the part of Central about certificates: those that plug-and-charge cars show, and the charge point's own.
type Certificates interface {
	// AuthorizeContract says whether a car's contract may charge here now, and what the certificates are worth that it was shown with:
	// "" when none were.
	AuthorizeContract(ctx context.Context, id uuid.UUID, contract Contract) (Authorization, CertificateWord, error)
	// CertificateStatus gives what the certificate's responder says of it: an OCSP response in DER, whose worth the car judges. It
	// returns ErrNoStatus when there is none to be had.
	CertificateStatus(ctx context.Context, id uuid.UUID, asked CertificateQuery) ([]byte, error)
	// ContractCertificate has whoever provides contracts answer a car that wants one. It returns ErrNoProvider when nobody does.
	ContractCertificate(ctx context.Context, id uuid.UUID, request ContractRequest) (ContractAnswer, error)
	// SignCertificate has a charge point's certificate made. It returns ErrNotSigned, or what sends the certificate to the charge point:
	// that is to be called once the charge point has been told that it will come.
	SignCertificate(ctx context.Context, cp ChargePoint, request SigningRequest) (deliver func(), err error)
}

// CertificateHash names a certificate by its issuer and its number, as OCSP does. All but the algorithm is hexadecimal.
type CertificateHash struct {
	Algorithm      string `json:"algorithm"` // SHA256, SHA384, SHA512
	IssuerNameHash string `json:"issuer_name_hash"`
	IssuerKeyHash  string `json:"issuer_key_hash"`
	SerialNumber   string `json:"serial_number"`
}

// CertificateQuery is a certificate and who says whether it still holds.
type CertificateQuery struct {
	CertificateHash
	ResponderURL string
}

// Contract is what a plug-and-charge car shows: its eMAID, and the chain of its certificate, or, where the charge point has looked at the
// chain itself, what names the certificates in it.
type Contract struct {
	EMAID       string
	Certificate string // PEM, the contract's own first
	Hashes      []CertificateQuery
}

// CertificateWord is OCPP's word for what a contract's certificates are worth.
type CertificateWord string

// The words about a contract's certificates.
const (
	CertificateAccepted     CertificateWord = "Accepted"
	CertificateBadSignature CertificateWord = "SignatureError"
	CertificateExpired      CertificateWord = "CertificateExpired"
	CertificateRevoked      CertificateWord = "CertificateRevoked"
	CertificateUnavailable  CertificateWord = "NoCertificateAvailable" // nobody could say whether it still holds
	CertificateBadChain     CertificateWord = "CertChainError"
)

// ContractRequest is a car's wish for a contract certificate, as ISO 15118 has it.
type ContractRequest struct {
	Schema string // of ISO 15118, such as urn:iso:15118:2:2013:MsgDef
	Action string // Install, Update
	EXI    string // base64
}

// ContractAnswer is the answer that the car is given.
type ContractAnswer struct {
	Accepted bool
	EXI      string // base64
}

// SigningRequest is a charge point's wish for a certificate of its own.
type SigningRequest struct {
	CSR string         // PEM
	Use CertificateUse // StationCertificate, V2GCertificate, or empty for whatever the charge point has one for
}

// CertificateUse is what a certificate is for, in the words of OCPP 2.0.1.
type CertificateUse string

// The uses of certificates. The first two are a charge point's own.
const (
	StationCertificate CertificateUse = "ChargingStationCertificate"
	V2GCertificate     CertificateUse = "V2GCertificate"

	V2GRoot          CertificateUse = "V2GRootCertificate"
	MORoot           CertificateUse = "MORootCertificate"
	CSMSRoot         CertificateUse = "CSMSRootCertificate" // CentralSystemRootCertificate in 1.6
	ManufacturerRoot CertificateUse = "ManufacturerRootCertificate"
	V2GChain         CertificateUse = "V2GCertificateChain" // listed, never installed
)

// CertificateOrder is what a command about certificates is about.
type CertificateOrder struct {
	Use  CertificateUse   `json:"use,omitempty"`  // install: of a root; signed: of the charge point's own
	PEM  string           `json:"pem,omitempty"`  // install: one certificate; signed: the chain, the charge point's own first
	Hash *CertificateHash `json:"hash,omitempty"` // delete
	Uses []CertificateUse `json:"uses,omitempty"` // list; none: all
}

// InstalledCertificate is a certificate that a charge point has.
type InstalledCertificate struct {
	Use      CertificateUse    `json:"use"`
	Hash     CertificateHash   `json:"hash"`
	Children []CertificateHash `json:"children,omitempty"` // of a chain, below the first
}

// Faults of certificates.
var (
	// ErrNoStatus says that nobody could be asked, or answered, whether a certificate holds.
	ErrNoStatus = fault.Define(fault.Unavailable, "certificate_status_unknown", "Nobody says whether the certificate holds")
	// ErrNoProvider says that cars are given no contracts here, or not at the moment.
	ErrNoProvider = fault.Define(fault.Unavailable, "no_contract_provider", "Nobody provides contract certificates")
	// ErrNotSigned is a certificate that is not made for the charge point.
	ErrNotSigned = fault.Define(fault.Unprocessable, "certificate_not_signed", "The certificate is not signed")
)

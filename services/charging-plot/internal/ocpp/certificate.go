package ocpp

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/authorization"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/iso15118"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// sign has a charge point's certificate made, which follows the answer: Accepted, or Rejected and why.
func (s *Server) sign(ctx context.Context, c *conn, csr string, use chargepoint.CertificateUse) (status, why string, err error) {
	deliver, err := s.central.SignCertificate(ctx, c.cp, chargepoint.SigningRequest{CSR: csr, Use: use})
	if errors.Is(err, chargepoint.ErrNotSigned) {
		return string(types.GenericStatusRejected), fault.Of(err).Detail(), nil
	}
	c.follow = deliver
	return string(types.GenericStatusAccepted), "", err
}

// authorize201 asks about a tag, or about a plug-and-charge contract with the certificates that it was shown with.
func (s *Server) authorize201(ctx context.Context, c *conn, request *authorization.AuthorizeRequest) (any, error) {
	contract := chargepoint.Contract{EMAID: request.IdToken.IdToken, Certificate: request.Certificate}
	for _, asked := range request.CertificateHashData {
		contract.Hashes = append(contract.Hashes, fromOCSPData(asked))
	}
	word, worth, err := s.central.AuthorizeContract(ctx, c.cp.ID, contract)
	response := authorization.NewAuthorizationResponse(*toIDTokenInfo(word))
	response.CertificateStatus = authorization.AuthorizeCertificateStatus(worth)
	return response, err
}

// statusFailed is a word of GetCertificateStatus that the library takes for one of another enumeration.
const statusFailed types.GenericStatus = "Failed"

// longestOCSPResult is the most that a station may be told, in base64.
const longestOCSPResult = 5500

func (s *Server) certificateStatus201(ctx context.Context, c *conn, request *iso15118.GetCertificateStatusRequest) (any, error) {
	der, err := s.central.CertificateStatus(ctx, c.cp.ID, fromOCSPData(request.OcspRequestData))
	switch {
	case errors.Is(err, chargepoint.ErrNoStatus):
		c.log.WarnContext(ctx, "the state of a certificate is not known", "error", err)
		return iso15118.NewGetCertificateStatusResponse(statusFailed), nil
	case err != nil:
		return nil, err
	case base64.StdEncoding.EncodedLen(len(der)) > longestOCSPResult:
		return iso15118.NewGetCertificateStatusResponse(statusFailed), nil
	}
	response := iso15118.NewGetCertificateStatusResponse(types.GenericStatusAccepted)
	response.OcspResult = base64.StdEncoding.EncodeToString(der)
	return response, nil
}

func (s *Server) contractCertificate201(ctx context.Context, c *conn, request *iso15118.Get15118EVCertificateRequest) (any, error) {
	answer, err := s.central.ContractCertificate(ctx, c.cp.ID, chargepoint.ContractRequest{
		Schema: request.SchemaVersion, Action: string(request.Action), EXI: request.ExiRequest,
	})
	if err != nil && !errors.Is(err, chargepoint.ErrNoProvider) {
		return nil, err
	}
	response := iso15118.NewGet15118EVCertificateResponse(types.Certificate15118EVStatusFailed, answer.EXI)
	switch {
	case err != nil:
		c.log.WarnContext(ctx, "a car was given no contract", "error", err)
		response.StatusInfo = types.NewStatusInfo("NoProvider", "")
	case answer.Accepted:
		response.Status = types.Certificate15188EVStatusAccepted
	}
	return response, nil
}

func fromOCSPData(asked types.OCSPRequestDataType) chargepoint.CertificateQuery {
	return chargepoint.CertificateQuery{
		ResponderURL: asked.ResponderURL, CertificateHash: chargepoint.CertificateHash{
			Algorithm: string(asked.HashAlgorithm), IssuerNameHash: asked.IssuerNameHash, IssuerKeyHash: asked.IssuerKeyHash, SerialNumber: asked.SerialNumber,
		},
	}
}

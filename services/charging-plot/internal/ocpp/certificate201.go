package ocpp

import (
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/iso15118"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/security"
	"github.com/lorenzodonini/ocpp-go/ocpp2.0.1/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// listed201 are all kinds of certificates that a station can be asked about.
var listed201 = []chargepoint.CertificateUse{
	chargepoint.V2GRoot, chargepoint.MORoot, chargepoint.CSMSRoot, chargepoint.V2GChain, chargepoint.ManufacturerRoot,
}

// certificateRequest201 are the commands about certificates.
func certificateRequest201(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	order := command.Certificate
	switch command.Kind {
	case chargepoint.InstallCertificate:
		return iso15118.NewInstallCertificateRequest(types.CertificateUse(order.Use), order.PEM), ""
	case chargepoint.DeleteCertificate:
		return iso15118.NewDeleteCertificateRequest(types.CertificateHashData{
			HashAlgorithm: types.HashAlgorithmType(order.Hash.Algorithm), IssuerNameHash: order.Hash.IssuerNameHash,
			IssuerKeyHash: order.Hash.IssuerKeyHash, SerialNumber: order.Hash.SerialNumber,
		}), ""
	case chargepoint.ListCertificates:
		wanted := listed201
		if order != nil && len(order.Uses) > 0 {
			wanted = order.Uses
		}
		request := iso15118.NewGetInstalledCertificateIdsRequest()
		for _, use := range wanted {
			request.CertificateTypes = append(request.CertificateTypes, types.CertificateUse(use))
		}
		return request, ""
	case chargepoint.CertificateSigned:
		return &security.CertificateSignedRequest{CertificateChain: order.PEM, TypeOfCertificate: types.CertificateSigningUse(order.Use)}, ""
	default:
		return nil, chargepoint.CommandNotSupported
	}
}

func fromInstalled201(chains []types.CertificateHashDataChain) []chargepoint.InstalledCertificate {
	out := make([]chargepoint.InstalledCertificate, 0, len(chains))
	for _, chain := range chains {
		installed := chargepoint.InstalledCertificate{Use: chargepoint.CertificateUse(chain.CertificateType), Hash: fromHashData201(chain.CertificateHashData)}
		for _, child := range chain.ChildCertificateHashData {
			installed.Children = append(installed.Children, fromHashData201(child))
		}
		out = append(out, installed)
	}
	return out
}

func fromHashData201(h types.CertificateHashData) chargepoint.CertificateHash {
	return chargepoint.CertificateHash{
		Algorithm: string(h.HashAlgorithm), IssuerNameHash: h.IssuerNameHash, IssuerKeyHash: h.IssuerKeyHash, SerialNumber: h.SerialNumber,
	}
}

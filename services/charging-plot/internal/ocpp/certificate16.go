package ocpp

import (
	"encoding/json"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/certificates"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/extendedtriggermessage"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/security"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// uses16 are the kinds of certificates that the security extension of 1.6 has, in its words.
var uses16 = map[chargepoint.CertificateUse]types.CertificateUse{
	chargepoint.CSMSRoot: types.CentralSystemRootCertificate, chargepoint.ManufacturerRoot: types.ManufacturerRootCertificate,
}

// extended16 are the messages that the security extension can trigger beyond those of 1.6 itself, in its words.
var extended16 = map[string]extendedtriggermessage.ExtendedTriggerMessageType{
	"LogStatusNotification":          extendedtriggermessage.ExtendedTriggerMessageTypeLogStatusNotification,
	"SignChargingStationCertificate": extendedtriggermessage.ExtendedTriggerMessageTypeSignChargingStationCertificate,
}

func triggerExtended16(command chargepoint.Command) ocpp.Request {
	request := extendedtriggermessage.NewExtendedTriggerMessageRequest(extended16[command.Message])
	request.ConnectorId = orNone(command.Connector)
	return request
}

// certificateRequest16 are the commands of the security extension.
func certificateRequest16(command chargepoint.Command) (ocpp.Request, chargepoint.CommandStatus) {
	order := command.Certificate
	switch command.Kind {
	case chargepoint.InstallCertificate:
		use, known := uses16[order.Use]
		if !known {
			return nil, chargepoint.CommandNotSupported
		}
		return certificates.NewInstallCertificateRequest(use, order.PEM), ""
	case chargepoint.DeleteCertificate:
		return certificates.NewDeleteCertificateRequest(types.CertificateHashData{
			HashAlgorithm: types.HashAlgorithmType(order.Hash.Algorithm), IssuerNameHash: order.Hash.IssuerNameHash,
			IssuerKeyHash: order.Hash.IssuerKeyHash, SerialNumber: order.Hash.SerialNumber,
		}), ""
	case chargepoint.CertificateSigned:
		return &security.CertificateSignedRequest{CertificateChain: order.PEM}, ""
	default:
		return nil, chargepoint.CommandNotSupported
	}
}

func listCertificates16(order *chargepoint.CertificateOrder) ([]ocpp.Request, chargepoint.CommandStatus) {
	wanted := []chargepoint.CertificateUse{chargepoint.CSMSRoot, chargepoint.ManufacturerRoot}
	if order != nil && len(order.Uses) > 0 {
		wanted = order.Uses
	}
	var requests []ocpp.Request
	for _, use := range wanted {
		if its, known := uses16[use]; known {
			requests = append(requests, certificates.NewGetInstalledCertificateIdsRequest(its))
		}
	}
	if len(requests) == 0 {
		return nil, chargepoint.CommandNotSupported
	}
	return requests, ""
}

// certificatesListed16 adds the certificates of one kind. Having any of one kind is having some.
func certificatesListed16(
	request *certificates.GetInstalledCertificateIdsRequest, payload json.RawMessage, sofar *chargepoint.Outcome,
) error {
	before := sofar.Status
	if err := answered(payload, sofar); err != nil {
		return err
	}
	body, err := readAnswer[certificates.GetInstalledCertificateIdsResponse](payload)
	if err != nil {
		return err
	}
	for use, its := range uses16 {
		if its != request.CertificateType {
			continue
		}
		for _, h := range body.CertificateHashData {
			sofar.Certificates = append(sofar.Certificates, chargepoint.InstalledCertificate{Use: use, Hash: chargepoint.CertificateHash{
				Algorithm: string(h.HashAlgorithm), IssuerNameHash: h.IssuerNameHash, IssuerKeyHash: h.IssuerKeyHash, SerialNumber: h.SerialNumber,
			}})
		}
	}
	if before == chargepoint.CommandAccepted {
		sofar.Status = before
	}
	return nil
}

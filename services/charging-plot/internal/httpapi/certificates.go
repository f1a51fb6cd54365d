package httpapi

import "github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"

// wantedOfCertificates is wanted for the commands about certificates.
func wantedOfCertificates(in CommandInput) map[string]bool {
	given := orZero(in.Certificate)
	switch in.Command { //nolint:exhaustive // those about certificates; a list wants nothing
	case InstallCertificate:
		root := given.Use != nil && *given.Use != ChargingStationCertificate && *given.Use != V2GCertificate && *given.Use != V2GCertificateChain
		return map[string]bool{"certificate/use": root, "certificate/pem": given.Pem != nil}
	case DeleteCertificate:
		return map[string]bool{"certificate/hash": given.Hash != nil}
	case CertificateSigned:
		own := given.Use == nil || *given.Use == ChargingStationCertificate || *given.Use == V2GCertificate
		return map[string]bool{"certificate/use": own, "certificate/pem": given.Pem != nil}
	}
	return nil
}

func fromAPICertificate(in *CertificateInput) *chargepoint.CertificateOrder {
	if in == nil {
		return nil
	}
	out := &chargepoint.CertificateOrder{Use: chargepoint.CertificateUse(orZero(in.Use)), PEM: orZero(in.Pem)}
	if h := in.Hash; h != nil {
		out.Hash = &chargepoint.CertificateHash{
			Algorithm: string(h.Algorithm), IssuerNameHash: h.IssuerNameHash, IssuerKeyHash: h.IssuerKeyHash, SerialNumber: h.SerialNumber,
		}
	}
	for _, use := range orZero(in.Uses) {
		out.Uses = append(out.Uses, chargepoint.CertificateUse(use))
	}
	return out
}

func toAPICertificates(installed []chargepoint.InstalledCertificate) *[]InstalledCertificate {
	out := make([]InstalledCertificate, 0, len(installed))
	for _, c := range installed {
		its := InstalledCertificate{Use: string(c.Use), Hash: toAPIHash(c.Hash)}
		if len(c.Children) > 0 {
			children := make([]CertificateHash, 0, len(c.Children))
			for _, h := range c.Children {
				children = append(children, toAPIHash(h))
			}
			its.Children = &children
		}
		out = append(out, its)
	}
	return &out
}

func toAPIHash(h chargepoint.CertificateHash) CertificateHash {
	return CertificateHash{
		Algorithm: CertificateHashAlgorithm(h.Algorithm), IssuerNameHash: h.IssuerNameHash, IssuerKeyHash: h.IssuerKeyHash, SerialNumber: h.SerialNumber,
	}
}

package central

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Certificates judges certificates, has them judged, and makes them.
type Certificates interface {
	Judge(ctx context.Context, contract chargepoint.Contract) chargepoint.CertificateWord
	Status(ctx context.Context, asked chargepoint.CertificateQuery) ([]byte, error)
	Provide(ctx context.Context, request chargepoint.ContractRequest) (chargepoint.ContractAnswer, error)
	Sign(cp chargepoint.ChargePoint, request chargepoint.SigningRequest) (chain string, err error)
}

// Certify says who is asked about certificates, and by what charge points are sent theirs. It belongs before the first message; until then
// no certificate is worth anything and none is made.
func (c *Central) Certify(certificates Certificates, commands chargepoint.Commander) {
	c.certificates, c.commands = certificates, commands
}

// Wait returns when every certificate that was promised has been sent, or could not be.
func (c *Central) Wait() { c.deliveries.Wait() }

// AuthorizeContract implements chargepoint.Certificates. A contract is a token whose certificates must hold too.
func (c *Central) AuthorizeContract(
	ctx context.Context, id uuid.UUID, contract chargepoint.Contract,
) (chargepoint.Authorization, chargepoint.CertificateWord, error) {
	word, err := c.Authorize(ctx, id, contract.EMAID)
	if err != nil || contract.Certificate == "" && len(contract.Hashes) == 0 {
		return word, "", err
	}
	worth := chargepoint.CertificateUnavailable
	if c.certificates != nil {
		worth = c.certificates.Judge(ctx, contract)
	}
	if worth != chargepoint.CertificateAccepted {
		c.log.WarnContext(ctx, "a contract's certificates are not accepted", "charge_point_id", id, "why", string(worth))
		word = chargepoint.Invalid
	}
	return word, worth, nil
}

// CertificateStatus implements chargepoint.Certificates.
func (c *Central) CertificateStatus(ctx context.Context, id uuid.UUID, asked chargepoint.CertificateQuery) ([]byte, error) {
	c.alive(id)
	if c.certificates == nil {
		return nil, chargepoint.ErrNoStatus
	}
	return c.certificates.Status(ctx, asked)
}

// ContractCertificate implements chargepoint.Certificates.
func (c *Central) ContractCertificate(
	ctx context.Context, id uuid.UUID, request chargepoint.ContractRequest,
) (chargepoint.ContractAnswer, error) {
	c.alive(id)
	if c.certificates == nil {
		return chargepoint.ContractAnswer{}, chargepoint.ErrNoProvider
	}
	return c.certificates.Provide(ctx, request)
}

// deliveryPatience is how long a charge point may take to answer that it has its certificate. One that does not hear of it asks again by
// itself (OCPP 2.0.1, A02.FR.17 to 19).
const deliveryPatience = 30 * time.Second

// SignCertificate implements chargepoint.Certificates.
func (c *Central) SignCertificate(ctx context.Context, cp chargepoint.ChargePoint, request chargepoint.SigningRequest) (func(), error) {
	c.alive(cp.ID)
	if c.certificates == nil {
		return nil, chargepoint.ErrNotSigned
	}
	now, _, err := c.links.Credentials(ctx, cp.Identity) // it may have booted since it connected
	if err != nil {
		return nil, err
	}
	chain, err := c.certificates.Sign(now, request)
	if err != nil {
		c.log.WarnContext(ctx, "a charge point's certificate was not signed", "charge_point_id", cp.ID, "error", err)
		return nil, err
	}
	return func() {
		c.deliveries.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliveryPatience)
			defer cancel()
			outcome, err := c.commands.Send(ctx, cp.ID, chargepoint.Command{
				Kind: chargepoint.CertificateSigned, Certificate: &chargepoint.CertificateOrder{Use: request.Use, PEM: chain},
			})
			if err != nil || outcome.Status != chargepoint.CommandAccepted {
				c.log.WarnContext(ctx, "a charge point did not take its certificate", "charge_point_id", cp.ID, "status", string(outcome.Status), "error", err)
			}
		})
	}, nil
}

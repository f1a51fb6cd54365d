package central

import (
	"context"
	"errors"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// nobody is checked against when the identity is unknown, so that an unknown identity takes as long as a wrong password.
var nobody = chargepoint.NewSecret("nobody's password, which no charge point has")

// authenticate takes a certificate of the charge point's own, or its password where that is enough. A certificate that is somebody
// else's is a refusal, whatever password comes with it.
func authenticate(ctx context.Context, links Links, identity string, proof chargepoint.Proof) (chargepoint.ChargePoint, error) {
	cp, credentials, err := links.Credentials(ctx, identity)
	if errors.Is(err, chargepoint.ErrNotFound) {
		nobody.Matches(proof.Password)
		return chargepoint.ChargePoint{}, chargepoint.ErrRefused
	}
	if err != nil {
		return chargepoint.ChargePoint{}, err
	}
	if proof.Certificate != nil {
		if !cp.Security.Accepts(identity, *proof.Certificate) {
			return chargepoint.ChargePoint{}, chargepoint.ErrRefused
		}
		return cp, nil
	}
	matches := credentials.Secret.Matches(proof.Password)
	next := credentials.Next != nil && credentials.Next.Matches(proof.Password)
	if !matches && !next || !cp.Security.AcceptsPassword(proof.Secure) {
		return chargepoint.ChargePoint{}, chargepoint.ErrRefused
	}
	if next { // it has taken its new password: the old one is worth nothing any more
		if err := links.PromoteSecret(ctx, cp.ID); err != nil {
			return chargepoint.ChargePoint{}, err
		}
	}
	return cp, nil
}

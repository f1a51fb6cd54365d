package central

import (
	"context"
	"errors"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// nobody is checked against when the identity is unknown, so that an unknown identity takes as long as a wrong password.
var nobody = chargepoint.NewSecret("nobody's password, which no charge point has")

func authenticate(ctx context.Context, links Links, identity, password string) (chargepoint.ChargePoint, error) {
	cp, secret, err := links.Credentials(ctx, identity)
	if errors.Is(err, chargepoint.ErrNotFound) {
		nobody.Matches(password)
		return chargepoint.ChargePoint{}, chargepoint.ErrRefused
	}
	if err != nil {
		return chargepoint.ChargePoint{}, err
	}
	if !secret.Matches(password) {
		return chargepoint.ChargePoint{}, chargepoint.ErrRefused
	}
	return cp, nil
}

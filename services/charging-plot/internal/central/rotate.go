package central

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// Safe keeps charge points' passwords.
type Safe interface {
	// OfferSecret keeps a password beside the present one until it is used; RevokeSecret puts it in the place of both at once.
	OfferSecret(ctx context.Context, id uuid.UUID, next chargepoint.Secret) error
	RevokeSecret(ctx context.Context, id uuid.UUID, secret chargepoint.Secret) error
}

// Locksmith changes charge points' passwords.
type Locksmith struct {
	safe     Safe
	commands chargepoint.Commander
}

// NewLocksmith makes a locksmith.
func NewLocksmith(safe Safe, commands chargepoint.Commander) *Locksmith {
	return &Locksmith{safe: safe, commands: commands}
}

// Rotate gives a charge point a new password, and tells whether the charge point took it. The old one holds until the new one is used, so
// that a charge point that did not hear of it is not locked out; with revoke it ends at once, and whoever has the charge point must
// write the new one into it by hand.
func (l *Locksmith) Rotate(ctx context.Context, cp chargepoint.ChargePoint, password string, revoke bool) (delivered bool, err error) {
	secret := chargepoint.NewSecret(password)
	if err := l.safe.OfferSecret(ctx, cp.ID, secret); err != nil {
		return false, err
	}
	if cp.Connected() {
		// A charge point that cannot be told is no fault of the change: the password is shown to whoever asked for it.
		outcome, err := l.commands.Send(ctx, cp.ID, chargepoint.Command{
			Kind: chargepoint.ChangeConfiguration, Variables: []chargepoint.Variable{passwordOf(cp.Protocol, password)},
		})
		delivered = err == nil && (outcome.Status == chargepoint.CommandAccepted || outcome.Status == chargepoint.CommandRebootRequired)
	}
	if revoke {
		return delivered, l.safe.RevokeSecret(ctx, cp.ID, secret)
	}
	return delivered, nil
}

// passwordOf is the setting that holds the password: a key of the security extension in 1.6.
func passwordOf(protocol, password string) chargepoint.Variable {
	if protocol == "ocpp1.6" {
		return chargepoint.Variable{Name: "AuthorizationKey", Value: password}
	}
	return chargepoint.Variable{Component: "SecurityCtrlr", Name: "BasicAuthPassword", Value: password}
}

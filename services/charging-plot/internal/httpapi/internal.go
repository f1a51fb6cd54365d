package httpapi

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// InternalCommandsPath is where a replica takes commands for the charge points whose sockets it holds. It is no part of the public
// document and the gateway has no route to it.
const InternalCommandsPath = "/internal/v1/charge-points/:charge_point_id/commands"

// RegisterInternal serves commands from other replicas of this service: local holds this process's sockets, clientID is the service's
// own, whose token alone is let in.
func RegisterInternal(app fiber.Router, local chargepoint.Commander, clientID string, authenticate fiber.Handler) {
	app.Post(InternalCommandsPath, authenticate, func(c *fiber.Ctx) error {
		p, known := authn.FromContext(c.UserContext())
		if !known {
			return openapi.ErrUnauthenticated
		}
		if p.Kind != authn.Service || p.ClientID != clientID {
			return openapi.ErrForbidden
		}
		id, err := uuid.Parse(c.Params("charge_point_id"))
		if err != nil {
			return chargepoint.ErrNotFound
		}
		var command chargepoint.Command
		if err := json.Unmarshal(c.Body(), &command); err != nil {
			return openapi.ErrInvalid.Because(err)
		}
		outcome, err := local.Send(c.UserContext(), id, command)
		if err != nil {
			return err
		}
		return c.JSON(outcome)
	})
}

package httpapi

import (
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
)

// pageOf cuts a list that was read one item too long: the extra item tells that there is a next page.
func pageOf[T any](items []T, limit int) (cut []T, more bool) {
	if len(items) > limit {
		return items[:limit], true
	}
	return items, false
}

// idCursor is the cursor of lists that are sorted by id.
type idCursor struct {
	ID uuid.UUID `json:"id"`
}

// decodeID reads an optional cursor of a list sorted by id.
func decodeID(codec *page.Codec, cursor *string) (uuid.UUID, error) {
	var at idCursor
	if cursor == nil || *cursor == "" {
		return at.ID, nil
	}
	err := codec.Decode(*cursor, &at)
	return at.ID, err
}

// respond answers a page with its Link header, which needs the request's own URL.
func respond(c *fiber.Ctx, next string, body any) error {
	page.Link(c, next)
	return c.JSON(body)
}

// VisitListPlotsResponse implements the generated interface.
func (p PlotPage) VisitListPlotsResponse(c *fiber.Ctx) error { return respond(c, p.NextCursor, p) }

// VisitListPlotHistoryResponse implements the generated interface.
func (p PlotHistoryPage) VisitListPlotHistoryResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListReservationsResponse implements the generated interface.
func (p ReservationPage) VisitListReservationsResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListSessionsResponse implements the generated interface.
func (p SessionPage) VisitListSessionsResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListMeterValuesResponse implements the generated interface.
func (p MeterValuePage) VisitListMeterValuesResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListChargePointsResponse implements the generated interface.
func (p ChargePointPage) VisitListChargePointsResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListTokensResponse implements the generated interface.
func (p TokenPage) VisitListTokensResponse(c *fiber.Ctx) error { return respond(c, p.NextCursor, p) }

// VisitListChargePointCommandsResponse implements the generated interface.
func (p CommandPage) VisitListChargePointCommandsResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListChargePointMessagesResponse implements the generated interface.
func (p MessagePage) VisitListChargePointMessagesResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListWebhooksResponse implements the generated interface.
func (p WebhookPage) VisitListWebhooksResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListWebhookDeliveriesResponse implements the generated interface.
func (p WebhookDeliveryPage) VisitListWebhookDeliveriesResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

// VisitListBlockedDriversResponse implements the generated interface.
func (p BlockedDriverPage) VisitListBlockedDriversResponse(c *fiber.Ctx) error {
	return respond(c, p.NextCursor, p)
}

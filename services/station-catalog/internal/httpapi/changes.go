package httpapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/page"
)

// listStationChanges answers a page of the feed. It waits no longer than the request's deadline allows.
func (a *API) listStationChanges(c *fiber.Ctx) error {
	limit := page.DefaultLimit
	if text := c.Query("limit"); text != "" {
		limit, _ = strconv.Atoi(text) // it has been checked
	}
	seconds, _ := strconv.Atoi(c.Query("wait", "0")) // it has been checked
	changes, err := a.Changes.After(c.UserContext(), c.Query("after"), limit, time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return fmt.Errorf("encode changes: %w", err)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(text)
	return nil
}

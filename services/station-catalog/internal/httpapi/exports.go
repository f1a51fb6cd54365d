package httpapi

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

// exportStations streams every station, a line each. When the database fails on the way the connection breaks off without the last
// chunk, so that nobody takes a part for the whole.
func (a *API) exportStations(c *fiber.Ctx) error {
	c.Response().Header.SetContentType("application/x-ndjson")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return httpserver.Stream(c, func(ctx context.Context, w *bufio.Writer) error {
		for st, err := range a.Store.All(ctx) {
			if err != nil {
				return err
			}
			line, err := json.Marshal(st)
			if err != nil {
				return fmt.Errorf("encode station %s: %w", st.ID, err)
			}
			if _, err := w.Write(append(line, '\n')); err != nil {
				return err
			}
		}
		return nil
	})
}

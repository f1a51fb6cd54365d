package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

// Relay asks charging-plot what it alone knows of a station.
type Relay interface {
	// Get returns the answer as it comes; its body must be closed.
	Get(ctx context.Context, path string, query url.Values, header map[string]string) (*http.Response, error)
}

// servedByPlots are the paths below a station that charging-plot answers: see x-served-by in the document.
var servedByPlots = []string{"occupancy", "occupancy.json", "occupancy.svg", "occupancy.png", "load", "load.json", "load.svg", "load.png"}

// passed and returned are the headers that go there and those that come back. The caller's own token or key goes along; charging-plot believes
// the address that we name when we stand among its trusted proxies.
var (
	passed = []string{
		fiber.HeaderAccept, fiber.HeaderAcceptEncoding, fiber.HeaderAuthorization, authn.HeaderAPIKey, fiber.HeaderIfNoneMatch, fiber.HeaderXRequestID,
	}
	returned = []string{
		fiber.HeaderContentType, fiber.HeaderContentEncoding, fiber.HeaderETag, fiber.HeaderCacheControl,
	}
)

// passToPlots has charging-plot answer, and passes its answer on as it comes.
func (a *API) passToPlots(c *fiber.Ctx) error {
	query, err := url.ParseQuery(string(c.Request().URI().QueryString()))
	if err != nil { // the document's check has read it already
		return fmt.Errorf("read the query: %w", err)
	}
	if path.Ext(c.Path()) == "" { // its form goes by Accept, a refusal of it too, which comes as an error
		httpserver.Vary(c, fiber.HeaderAccept)
	}
	header := map[string]string{fiber.HeaderXForwardedFor: httpserver.ClientIP(c).String()}
	for _, name := range passed {
		header[name] = c.Get(name)
	}
	answer, err := a.Relay.Get(c.UserContext(), c.Path(), query, header)
	if err != nil {
		return err
	}
	for _, name := range returned {
		if value := answer.Header.Get(name); value != "" {
			c.Set(name, value)
		}
	}
	for _, list := range answer.Header.Values(fiber.HeaderVary) {
		for field := range strings.SplitSeq(list, ",") {
			httpserver.Vary(c, strings.TrimSpace(field))
		}
	}
	c.Status(answer.StatusCode)
	if answer.StatusCode == http.StatusNotModified {
		return answer.Body.Close()
	}
	return httpserver.Stream(c, func(_ context.Context, w *bufio.Writer) error {
		defer answer.Body.Close()
		_, err := io.Copy(w, answer.Body)
		return err
	})
}

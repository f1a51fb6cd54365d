package httpserver

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// cors says which origins' pages may call. Credentials are never allowed: tokens
// travel in headers that a page sets itself, so cookies have no part in it.
type cors struct {
	any     bool
	origins map[string]struct{}
}

func newCORS(origins []string) cors {
	c := cors{origins: make(map[string]struct{}, len(origins))}
	for _, origin := range origins {
		if origin == "*" {
			c.any = true
			continue
		}
		c.origins[strings.ToLower(strings.TrimSuffix(origin, "/"))] = struct{}{}
	}
	return c
}

func validOrigin(origin string) bool {
	if origin == "*" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

const (
	corsHeaders = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Traceparent, X-API-Key, X-Request-Id"
	corsExposed = "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
	// Browsers cap the life of a preflight at two hours or less.
	corsMaxAge = "7200"
)

// allow marks the answer as readable by the page of an allowed origin.
func (o *cors) allow(c *fiber.Ctx) {
	if !o.any && len(o.origins) == 0 {
		return
	}
	if !o.any {
		// The answer differs by origin, also for those who are not allowed.
		Vary(c, fiber.HeaderOrigin)
	}
	origin := c.Request().Header.PeekBytes(headerOrigin)
	if len(origin) == 0 {
		return
	}
	switch {
	case o.any:
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	case o.allows(origin):
		c.Set(fiber.HeaderAccessControlAllowOrigin, string(origin))
	default:
		return
	}
	c.Set(fiber.HeaderAccessControlExposeHeaders, corsExposed)
}

func (o *cors) allows(origin []byte) bool {
	_, ok := o.origins[strings.ToLower(string(origin))]
	return ok
}

// preflight answers a browser that asks before it calls; allow came before.
func (o *cors) preflight(c *fiber.Ctx) {
	if len(c.Request().Header.Peek(fiber.HeaderAccessControlRequestMethod)) == 0 ||
		len(c.Response().Header.Peek(fiber.HeaderAccessControlAllowOrigin)) == 0 {
		return
	}
	c.Set(fiber.HeaderAccessControlAllowMethods, string(c.Response().Header.Peek(fiber.HeaderAllow)))
	c.Set(fiber.HeaderAccessControlAllowHeaders, corsHeaders)
	c.Set(fiber.HeaderAccessControlMaxAge, corsMaxAge)
}

package authn

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Middleware puts the caller's principal into the request's context. A request without a bearer
// token or an API key goes on as an anonymous one; what it may do is for the routes to say. One with a
// credential that is not right, or with two, ends in ErrToken or ErrKey and a WWW-Authenticate header
// after RFC 6750, also on routes that are open to all: a client that sends a dead token wants to know.
//
// Credentials of another scheme, such as Basic at the token endpoint, are not this middleware's.
func (v *Verifier) Middleware() fiber.Handler {
	return func(c *fiber.Ctx) error {
		headers := c.Request().Header.PeekAll(fiber.HeaderAuthorization)
		keys := c.Request().Header.PeekAll(HeaderAPIKey)
		switch {
		case len(headers)+len(keys) == 0:
			return c.Next()
		case len(keys) > 1 || len(keys) == 1 && len(headers) > 0:
			return ErrKey.Detailf("There is another credential beside it")
		case len(keys) == 1:
			if err := v.AdmitKey(c, string(keys[0])); err != nil {
				return err
			}
			return c.Next()
		}
		scheme, token, _ := strings.Cut(string(headers[0]), " ")
		if !strings.EqualFold(scheme, "Bearer") && len(headers) == 1 {
			return c.Next()
		}
		if len(headers) > 1 {
			return refuse(c, ErrToken.Detailf("There is more than one Authorization header"))
		}
		token = strings.TrimLeft(token, " ")
		principal, err := v.Verify(c.UserContext(), token)
		if err != nil {
			return refuse(c, err)
		}
		c.SetUserContext(context.WithValue(c.UserContext(), contextKey{}, identity{principal, v, token}))
		return c.Next()
	}
}

func refuse(c *fiber.Ctx, err error) error {
	if fault.Of(err).Kind() == fault.Unauthenticated {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer error="invalid_token"`)
	}
	return err
}

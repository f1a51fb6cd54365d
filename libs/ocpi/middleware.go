package ocpi

import (
	"encoding/base64"
	"strings"
	"unicode"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// HeaderCorrelationID is the header of the id that is the same in every request that one cause has.
const HeaderCorrelationID = "X-Correlation-ID"

// maxID is the longest id of a request that is given back.
const maxID = 128

// Middleware makes a request one of OCPI. It belongs first into the `before` of openapi.Document.Router. admit is given the key that
// came as the party's token and makes its owner the request's principal; a request without one goes on as it is.
func Middleware(admit func(c *fiber.Ctx, key string) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		problem.As(c, writeFault)
		if id := c.Get(HeaderCorrelationID); id != "" && len(id) <= maxID {
			c.Set(HeaderCorrelationID, id)
		}
		token, ok := Token(c.Get(fiber.HeaderAuthorization))
		if !ok {
			return c.Next()
		}
		if err := admit(c, token); err != nil {
			return err
		}
		return c.Next()
	}
}

// Token gives the token of an Authorization header; false when it is of another scheme. It stands there in base64, but parties that
// came from OCPI 2.1 send it as it is, which is understood as well.
func Token(header string) (string, bool) {
	scheme, text, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Token") {
		return "", false
	}
	text = strings.TrimSpace(text)
	if plain, err := base64.StdEncoding.DecodeString(text); err == nil && strings.IndexFunc(string(plain), unprintable) < 0 {
		return string(plain), true
	}
	return text, true
}

// Authorization is the header by which the token is sent.
func Authorization(token string) string {
	return "Token " + base64.StdEncoding.EncodeToString([]byte(token))
}

func unprintable(r rune) bool { return r <= ' ' || r >= unicode.MaxASCII }

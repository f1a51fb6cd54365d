package httpapi

import (
	"context"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

// maxLocale is the length of a Locale in the document.
const maxLocale = 35

type contextKey struct{}

// request is what handlers need to know of a request besides its parameters and body.
type request struct {
	from          caller.Caller
	authorization string
	path, query   string
	languages     []language.Tag // what the browser would rather read, best first
}

// remember puts it into the context, which is all that a strict handler is given.
func remember(veil caller.Veil) fiber.Handler {
	return func(c *fiber.Ctx) error {
		r := request{
			from:          veil.Of(httpserver.ClientIP(c), c.Get(fiber.HeaderUserAgent)),
			authorization: c.Get(fiber.HeaderAuthorization),
			path:          string(c.Request().URI().PathOriginal()),
			query:         string(c.Request().URI().QueryString()),
			languages:     languagesOf(c.Get(fiber.HeaderAcceptLanguage)),
		}
		c.SetUserContext(context.WithValue(c.UserContext(), contextKey{}, r))
		return c.Next()
	}
}

// maxAcceptLanguage bounds what languagesOf reads; browsers send far less.
const maxAcceptLanguage = 500

// languagesOf returns the languages of an Accept-Language header, best first; none of one that makes no sense.
func languagesOf(header string) []language.Tag {
	if len(header) > maxAcceptLanguage {
		return nil
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	return tags
}

// language is the first of them that could be somebody's locale; "" when there is none.
func (r request) language() string {
	for _, tag := range r.languages {
		if text := tag.String(); tag != language.Und && text != "mul" && len(text) <= maxLocale {
			return text
		}
	}
	return ""
}

func requestFrom(ctx context.Context) request {
	r, _ := ctx.Value(contextKey{}).(request)
	return r
}

// from says where the request came from.
func from(ctx context.Context) caller.Caller { return requestFrom(ctx).from }

// holderOf returns the account and session that the bearer token speaks for, or account.ErrNone for a service's token, which
// has neither.
func holderOf(ctx context.Context) (account.Holder, error) {
	principal, ok := authn.FromContext(ctx)
	if !ok {
		return account.Holder{}, account.ErrNone
	}
	id, err := uuid.Parse(principal.SessionID)
	if err != nil {
		return account.Holder{}, account.ErrNone.Because(err)
	}
	return account.Holder{Account: principal.Subject, Session: id}, nil
}

package authn_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/authn/authntest"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// whoami answers with the caller's subject, or with "anonymous".
func whoami(v *authn.Verifier) *fiber.App {
	app := fiber.New(fiber.Config{Immutable: true, ErrorHandler: problem.Write})
	app.Use(v.Middleware())
	app.Get("/", func(c *fiber.Ctx) error {
		if p, known := authn.FromContext(c.UserContext()); known {
			return c.SendString(p.Subject.String())
		}
		return c.SendString("anonymous")
	})
	return app
}

func ask(t *testing.T, app *fiber.App, header http.Header) (*http.Response, string) {
	t.Helper()
	return askAt(t, app, "/", header)
}

func askAt(t *testing.T, app *fiber.App, path string, header http.Header) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	request.Header = header
	answer, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestMiddlewareKnowsTheCaller(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	app := whoami(issuer.Verifier(t, audience))
	subject := uuid.New()
	token := issuer.Mint(authn.Principal{Subject: subject}, audience)
	for name, test := range map[string]struct {
		header http.Header
		want   string
	}{
		"no credentials":         {http.Header{}, "anonymous"},
		"bearer":                 {http.Header{"Authorization": {"Bearer " + token}}, subject.String()},
		"in any case":            {http.Header{"Authorization": {"bEARER " + token}}, subject.String()},
		"two blanks":             {http.Header{"Authorization": {"Bearer  " + token}}, subject.String()},
		"another scheme":         {http.Header{"Authorization": {"Basic dXNlcjpwYXNz"}}, "anonymous"},
		"a token without scheme": {http.Header{"Authorization": {token}}, "anonymous"},
		"identity headers": {http.Header{
			"X-User": {subject.String()}, "X-User-Id": {subject.String()}, "X-Forwarded-User": {"admin"}, "X-Roles": {"admin"},
			"X-Authorization": {"Bearer " + token}, "Proxy-Authorization": {"Bearer " + token}, "Cookie": {"access_token=" + token},
		}, "anonymous"},
	} {
		answer, body := ask(t, app, test.header)
		if answer.StatusCode != http.StatusOK || body != test.want {
			t.Errorf("%s: %d %s, want %s", name, answer.StatusCode, body, test.want)
		}
	}
}

func TestMiddlewareRefusesABadToken(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	app := whoami(issuer.Verifier(t, audience))
	token := issuer.Mint(authn.Principal{}, audience)
	expired := issuer.Mint(authn.Principal{Expires: time.Now().Add(-time.Hour)}, audience)
	for name, header := range map[string]http.Header{
		"no token":         {"Authorization": {"Bearer"}},
		"an empty token":   {"Authorization": {"Bearer "}},
		"nonsense":         {"Authorization": {"Bearer nonsense"}},
		"a foreign one":    {"Authorization": {"Bearer " + authntest.NewIssuer(t).Mint(authn.Principal{}, audience)}},
		"another audience": {"Authorization": {"Bearer " + issuer.Mint(authn.Principal{}, "https://charging.test/other")}},
		"expired":          {"Authorization": {"Bearer " + expired}},
		"two in a header":  {"Authorization": {"Bearer " + token + ", Bearer " + token}},
		"two headers":      {"Authorization": {"Bearer " + token, "Bearer " + token}},
		"after a Basic":    {"Authorization": {"Basic dXNlcjpwYXNz", "Bearer " + token}},
	} {
		answer, body := ask(t, app, header)
		if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `urn:ihr:problem:invalid_token"`) {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
		if challenge := answer.Header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") || !strings.Contains(challenge, `error="invalid_token"`) {
			t.Errorf("%s: the challenge is %q", name, challenge)
		}
	}
}

func TestMiddlewareSaysWhenItCannotTell(t *testing.T) {
	t.Parallel()
	issuer := authntest.NewIssuer(t)
	issuer.SetDown(true)
	app := whoami(issuer.Verifier(t, audience))
	header := http.Header{"Authorization": {"Bearer " + issuer.Mint(authn.Principal{}, audience)}}
	answer, body := ask(t, app, header)
	if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s, Retry-After %q", answer.StatusCode, body, answer.Header.Get("Retry-After"))
	}
}

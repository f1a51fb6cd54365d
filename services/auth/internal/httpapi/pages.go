package httpapi

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html"
	"strings"

	"github.com/gofiber/fiber/v2"
)

var (
	//go:embed pages/style.css
	pageStyle string
	//go:embed pages/page.js
	pageScript string
	//go:embed pages/confirm.html
	confirmHTML string
	//go:embed pages/confirm_added.html
	confirmAddedHTML string
	//go:embed pages/invitation.html
	invitationHTML string
	//go:embed pages/reset.html
	resetHTML string

	// pagePolicy lets exactly our style and script run, and the script speak to this server only.
	pagePolicy = "default-src 'none'; style-src '" + sourceHash(pageStyle) + "'; script-src '" + sourceHash(pageScript) +
		"'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

// pages are what mailed links open.
type pages struct {
	confirm, confirmAdded, reset, invitation htmlPage
}

func newPages(app string) pages {
	return pages{
		confirm: newPage(confirmHTML, app), confirmAdded: newPage(confirmAddedHTML, app), reset: newPage(resetHTML, app),
		invitation: newPage(invitationHTML, app),
	}
}

// htmlPage is an answer that never changes.
type htmlPage []byte

func newPage(source, app string) htmlPage {
	return htmlPage(strings.NewReplacer("{{style}}", pageStyle, "{{script}}", pageScript, "{{app}}", html.EscapeString(app)).Replace(source))
}

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p htmlPage) write(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	c.Response().SetBodyRaw(p)
	return nil
}

// VisitGetConfirmPageResponse sends the page.
func (p htmlPage) VisitGetConfirmPageResponse(c *fiber.Ctx) error { return p.write(c) }

// VisitGetConfirmAddedPageResponse sends the page.
func (p htmlPage) VisitGetConfirmAddedPageResponse(c *fiber.Ctx) error { return p.write(c) }

// VisitGetResetPageResponse sends the page.
func (p htmlPage) VisitGetResetPageResponse(c *fiber.Ctx) error { return p.write(c) }

// GetConfirmPage shows the page that a mailed link opens.
func (a *api) GetConfirmPage(context.Context, GetConfirmPageRequestObject) (GetConfirmPageResponseObject, error) {
	return a.pages.confirm, nil
}

// GetConfirmAddedPage shows the page that a mailed link opens.
func (a *api) GetConfirmAddedPage(context.Context, GetConfirmAddedPageRequestObject) (GetConfirmAddedPageResponseObject, error) {
	return a.pages.confirmAdded, nil
}

// GetResetPage shows the page that a mailed link opens.
func (a *api) GetResetPage(context.Context, GetResetPageRequestObject) (GetResetPageResponseObject, error) {
	return a.pages.reset, nil
}

// VisitGetInvitationPageResponse sends the page.
func (p htmlPage) VisitGetInvitationPageResponse(c *fiber.Ctx) error { return p.write(c) }

// GetInvitationPage shows the page that a mailed link opens.
func (a *api) GetInvitationPage(context.Context, GetInvitationPageRequestObject) (GetInvitationPageResponseObject, error) {
	return a.pages.invitation, nil
}

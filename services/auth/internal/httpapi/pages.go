package httpapi

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
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
	//go:embed pages/reset.html
	resetHTML string

	confirmPage = newPage(confirmHTML)
	resetPage   = newPage(resetHTML)

	// pagePolicy lets exactly our style and script run, and the script speak to this server only.
	pagePolicy = "default-src 'none'; style-src '" + sourceHash(pageStyle) + "'; script-src '" + sourceHash(pageScript) +
		"'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)

// page is an HTML answer that never changes.
type page []byte

func newPage(html string) page {
	return page(strings.NewReplacer("{{style}}", pageStyle, "{{script}}", pageScript).Replace(html))
}

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p page) write(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	c.Response().SetBodyRaw(p)
	return nil
}

// VisitGetConfirmPageResponse sends the page.
func (p page) VisitGetConfirmPageResponse(c *fiber.Ctx) error { return p.write(c) }

// VisitGetResetPageResponse sends the page.
func (p page) VisitGetResetPageResponse(c *fiber.Ctx) error { return p.write(c) }

// GetConfirmPage shows the page that a mailed link opens.
func (a *api) GetConfirmPage(context.Context, GetConfirmPageRequestObject) (GetConfirmPageResponseObject, error) {
	return confirmPage, nil
}

// GetResetPage shows the page that a mailed link opens.
func (a *api) GetResetPage(context.Context, GetResetPageRequestObject) (GetResetPageResponseObject, error) {
	return resetPage, nil
}

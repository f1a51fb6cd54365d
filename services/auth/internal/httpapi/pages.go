package httpapi

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
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

//go:embed pages/messages/*.json
var pageMessages embed.FS

// readPageWording reads what the pages say, which takes a moment, once in a process.
var readPageWording = sync.OnceValues(func() (*wording.Languages, error) {
	tree, err := fs.Sub(pageMessages, "pages")
	if err != nil {
		return nil, fmt.Errorf("the messages of pages: %w", err)
	}
	return wording.Read(tree, nil)
})

// pages are what mailed links open, in every language.
type pages struct {
	languages *wording.Languages
	in        []pagesOf // in the order of languages
}

// pagesOf are the pages in one language.
type pagesOf struct {
	confirm, confirmAdded, reset, invitation htmlPage
}

func newPages(app string) (pages, error) {
	languages, err := readPageWording()
	if err != nil {
		return pages{}, err
	}
	p := pages{languages: languages}
	for _, t := range languages.All() {
		p.in = append(p.in, pagesOf{
			confirm: newPage(confirmHTML, app, t), confirmAdded: newPage(confirmAddedHTML, app, t), reset: newPage(resetHTML, app, t),
			invitation: newPage(invitationHTML, app, t),
		})
	}
	return p, nil
}

// to returns the pages for whoever sent the request, in the language that the browser asks for.
func (p pages) to(ctx context.Context) pagesOf {
	return p.in[p.languages.Match(requestFrom(ctx).languages...)]
}

// htmlPage is an answer that never changes.
type htmlPage struct {
	lang string
	body []byte
}

// refusedPrefix begins the keys of the messages that tell why something was refused; the rest is the code of the fault.
const refusedPrefix = "refused."

func newPage(source, app string, t wording.Texts) htmlPage {
	var refused strings.Builder
	for _, key := range slices.Sorted(maps.Keys(t.Messages)) {
		if code, about := strings.CutPrefix(key, refusedPrefix); about {
			fmt.Fprintf(&refused, ` data-%s="%s"`, code, html.EscapeString(t.Messages[key]))
		}
	}
	fill := []string{
		"{{refused}}", refused.String(),
		"{{style}}", pageStyle, "{{script}}", pageScript, "{{app}}", html.EscapeString(app), "{{lang}}", t.Lang(), "{{dir}}", t.Direction(),
	}
	for key, message := range t.Messages {
		fill = append(fill, "{{"+key+"}}", html.EscapeString(message))
	}
	return htmlPage{lang: t.Lang(), body: []byte(strings.NewReplacer(fill...).Replace(source))}
}

func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p htmlPage) write(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentLanguage, p.lang)
	c.Vary(fiber.HeaderAcceptLanguage)
	c.Response().Header.SetContentType(fiber.MIMETextHTMLCharsetUTF8)
	c.Response().SetBodyRaw(p.body)
	return nil
}

// VisitGetConfirmPageResponse sends the page.
func (p htmlPage) VisitGetConfirmPageResponse(c *fiber.Ctx) error { return p.write(c) }

// VisitGetConfirmAddedPageResponse sends the page.
func (p htmlPage) VisitGetConfirmAddedPageResponse(c *fiber.Ctx) error { return p.write(c) }

// VisitGetResetPageResponse sends the page.
func (p htmlPage) VisitGetResetPageResponse(c *fiber.Ctx) error { return p.write(c) }

// GetConfirmPage shows the page that a mailed link opens.
func (a *api) GetConfirmPage(ctx context.Context, _ GetConfirmPageRequestObject) (GetConfirmPageResponseObject, error) {
	return a.pages.to(ctx).confirm, nil
}

// GetConfirmAddedPage shows the page that a mailed link opens.
func (a *api) GetConfirmAddedPage(ctx context.Context, _ GetConfirmAddedPageRequestObject) (GetConfirmAddedPageResponseObject, error) {
	return a.pages.to(ctx).confirmAdded, nil
}

// GetResetPage shows the page that a mailed link opens.
func (a *api) GetResetPage(ctx context.Context, _ GetResetPageRequestObject) (GetResetPageResponseObject, error) {
	return a.pages.to(ctx).reset, nil
}

// VisitGetInvitationPageResponse sends the page.
func (p htmlPage) VisitGetInvitationPageResponse(c *fiber.Ctx) error { return p.write(c) }

// GetInvitationPage shows the page that a mailed link opens.
func (a *api) GetInvitationPage(ctx context.Context, _ GetInvitationPageRequestObject) (GetInvitationPageResponseObject, error) {
	return a.pages.to(ctx).invitation, nil
}

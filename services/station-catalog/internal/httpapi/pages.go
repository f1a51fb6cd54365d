package httpapi

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"mime"
	"path"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	swagger "github.com/swaggest/swgui/v5/static"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
)

//go:embed pages
var pages embed.FS

// pagePolicy lets a page load what this server has, and nothing else. Swagger UI puts its icons into data URLs and some of its
// styles into attributes.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// registerPages serves /, which says what runs here, and /docs, the interactive reference of the three documents. Nothing is loaded
// from elsewhere.
func registerPages(app *fiber.App) error {
	for route, file := range map[string]string{
		"/":              "home.html",
		"/docs":          "docs.html",
		"/docs/home.css": "home.css",
		"/docs/home.js":  "home.js",
		"/docs/docs.css": "docs.css",
		"/docs/docs.js":  "docs.js",
	} {
		text, err := pages.ReadFile("pages/" + file)
		if err != nil {
			return fmt.Errorf("page %s: %w", route, err)
		}
		app.Get(route, serveFile(asset{name: file, plain: text}))
	}
	for _, file := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "favicon-32x32.png"} {
		a, err := swaggerAsset(file)
		if err != nil {
			return err
		}
		app.Get("/docs/"+file, serveFile(a))
	}
	return nil
}

// asset is a file, in plain or compressed.
type asset struct {
	name    string
	plain   []byte
	gzipped []byte
}

func swaggerAsset(name string) (asset, error) {
	if packed, err := swagger.FS.ReadFile(name + ".gz"); err == nil {
		return asset{name: name, gzipped: packed}, nil
	}
	plain, err := swagger.FS.ReadFile(name)
	if err != nil {
		return asset{}, fmt.Errorf("file of the reference: %w", err)
	}
	return asset{name: name, plain: plain}, nil
}

// serveFile answers with a file. It may change with the next release, so browsers ask again after an hour.
func serveFile(a asset) fiber.Handler {
	kind := mime.TypeByExtension(path.Ext(a.name))
	if kind == "" {
		kind = fiber.MIMEOctetStream
	}
	tag := `"` + strconv.FormatUint(fnv(string(a.plain)+string(a.gzipped)), 36) + `"`
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
		c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
		if httpserver.NotModified(c, tag) {
			return nil
		}
		c.Set(fiber.HeaderContentType, kind)
		if a.plain != nil {
			return c.Send(a.plain)
		}
		httpserver.Vary(c, fiber.HeaderAcceptEncoding)
		if strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			return c.Send(a.gzipped)
		}
		plain, err := unpack(a.gzipped)
		if err != nil {
			return fmt.Errorf("file %s: %w", a.name, err)
		}
		return c.Send(plain)
	}
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

package ocm

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
)

// inWords are the parameters whose values are words, which clients write in any case.
var inWords = map[string]bool{
	"camelcase": true, "compact": true, "distanceunit": true, "includecomments": true, "opendata": true, "output": true, "sortby": true, "verbose": true,
	"allowmirror": true, "enablecaching": true,
}

// tidy writes the query as the document has it. Open Charge Map does not mind the case of names and of words, passes over parameters that
// are empty, and takes a key from the query too. A key of ours is known by its header, so that is where it goes. Clients send the key that
// Open Charge Map gave them: whatever does not mean to be one of ours is none.
func tidy(c *fiber.Ctx) error {
	uri := c.Request().URI()
	header := &c.Request().Header
	if !authn.IsKey(string(header.Peek(authn.HeaderAPIKey))) {
		header.Del(authn.HeaderAPIKey)
	}
	query, key := tidied(string(uri.QueryString()))
	if authn.IsKey(key) && key != string(header.Peek(authn.HeaderAPIKey)) {
		header.Add(authn.HeaderAPIKey, key) // beside another one it is refused
	}
	uri.SetQueryString(query)
	return c.Next()
}

// tidied gives a query as the document has it, and the key that was in it. What cannot be decoded stays as it is, for the document to refuse.
func tidied(raw string) (query, key string) {
	var out strings.Builder
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = url.QueryEscape(strings.ToLower(plain))
		}
		if value == "" {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil && name == "key" {
			key = plain
			continue
		}
		if inWords[name] {
			value = strings.ToLower(value)
		}
		if out.Len() > 0 {
			out.WriteByte('&')
		}
		out.WriteString(name + "=" + value)
	}
	return out.String(), key
}

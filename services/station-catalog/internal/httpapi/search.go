package httpapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// searchCursor is where the next page begins, and the query that it is the next page of.
type searchCursor struct {
	Query uint64        `json:"q"`
	After search.Cursor `json:"a"`
}

// searchStations is the hot path. The query has been checked against the document; here it is read without reflection, and the
// answer is put together of items that are rendered already, in the memory that the response has from earlier ones.
func (a *API) searchStations(c *fiber.Ctx) error {
	raw := c.Context().URI().QueryString()
	r, err := a.searchQuery(raw)
	if err != nil {
		return err
	}
	kind := chooseFormat(c, r.format)
	// What another format is made of is not what is sent.
	var body []byte
	if kind == formatJSON {
		body = c.Response().SwapBody(nil)[:0]
	}
	body = append(body, `{"items":[`...)
	start := len(body)
	var found find.Page
	if r.charging.given() {
		body, found, err = a.searchByQuote(c.UserContext(), r, body)
	} else {
		body, found, err = a.Finder.Search(c.UserContext(), &r.q, body)
	}
	if err != nil {
		return err
	}
	if kind == formatJSON && len(r.fields) > 0 {
		body = pickFields(body, start, r.fields)
	}
	next := ""
	if found.Next != nil {
		next = a.searches.Encode(searchCursor{Query: r.same, After: *found.Next})
		c.Response().Header.Set(fiber.HeaderLink, nextLink(raw, next))
	}
	if kind != formatJSON {
		if body, err = kind.render(body[start:], r.fields, found, next); err != nil {
			return err
		}
	} else {
		body = appendPage(append(body, ']'), found, next)
	}
	c.Vary(fiber.HeaderAccept)
	if kind.bare {
		c.Response().Header.Set("X-Total-Count", strconv.Itoa(found.Total))
	}
	if httpserver.NotModified(c, bodyTag(body)) {
		return nil
	}
	c.Response().Header.SetContentType(kind.contentType)
	c.Response().SwapBody(body)
	return nil
}

// appendPage appends what an answer says beside its rows, with the brace that ends it.
func appendPage(dst []byte, found find.Page, next string) []byte {
	dst = strconv.AppendInt(append(dst, `,"total":`...), int64(found.Total), 10)
	dst = strconv.AppendBool(append(dst, `,"truncated":`...), found.Truncated)
	dst = append(dst, `,"statuses_as_of":`...)
	if found.StatusesAsOf.IsZero() {
		dst = append(dst, `null`...)
	} else {
		dst = append(found.StatusesAsOf.AppendFormat(append(dst, '"'), time.RFC3339), '"')
	}
	dst = append(append(dst, `,"next_cursor":"`...), next...)
	return append(dst, `"}`...)
}

// nextLink is page.Link for this path: the query as it came, with another cursor.
func nextLink(raw []byte, next string) string {
	var link strings.Builder
	link.Grow(len(raw) + len(next) + 48)
	link.WriteString("</v1/stations?")
	for rest := string(raw); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		if name, _, _ := strings.Cut(pair, "="); pair == "" || unescape(name) == "cursor" {
			continue
		}
		link.WriteString(pair)
		link.WriteByte('&')
	}
	link.WriteString("cursor=")
	link.WriteString(next)
	link.WriteString(`>; rel="next"`)
	return link.String()
}

// bodyTag is the ETag of an answer by its bytes: the same on every replica that gives the same answer.
func bodyTag(body []byte) string {
	var tag [18]byte
	const digits = "0123456789abcdef"
	h := xxhash.Sum64(body)
	tag[0], tag[17] = '"', '"'
	for i := 16; i >= 1; i-- {
		tag[i] = digits[h&15]
		h >>= 4
	}
	return string(tag[:])
}

// searchQuery reads the query string, with a fingerprint of what makes a query the same on its next page: everything but the cursor
// and the limit.
func (a *API) searchQuery(raw []byte) (*queryReader, error) {
	r := newQueryReader(a.Now(), a.Vehicles, page.DefaultLimit)
	for rest := string(raw); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(pair, "%+") {
			name, value = unescape(name), unescape(value)
		}
		r.take(name, value)
		if name != "cursor" && name != "limit" && name != "" {
			r.same = (r.same ^ xxhash.Sum64String(name+"="+value)) * 1099511628211
		}
	}
	r.finish()
	if err := r.fault(); err != nil || r.cursor == "" {
		return &r, err
	}
	var cursor searchCursor
	if err := a.searches.Decode(r.cursor, &cursor); err != nil {
		return nil, err
	}
	if cursor.Query != r.same {
		return nil, page.ErrBadCursor.Detailf("the cursor belongs to another query")
	}
	r.q.After = &cursor.After
	return &r, nil
}

// unescape decodes what has been checked to be decodable.
func unescape(s string) string {
	decoded, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return decoded
}

package httpapi

import (
	"bytes"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/zeebo/xxh3"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
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
	r := readers.Get()
	defer readers.Put(r)
	if err := a.readSearch(raw, r); err != nil {
		return err
	}
	var err error
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
	var next []byte
	if found.Next != nil {
		next = a.nextCursor(r, *found.Next)
		r.link = appendNextLink(r.link[:0], raw, next)
		c.Response().Header.SetCanonical(headerLink, r.link)
	}
	if kind != formatJSON {
		if body, err = kind.render(body[start:], r.fields, found, string(next)); err != nil {
			return err
		}
	} else {
		body = appendPage(append(body, ']'), found, next)
	}
	httpserver.Vary(c, fiber.HeaderAccept)
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
func appendPage(dst []byte, found find.Page, next []byte) []byte {
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

// nextCursor is good until the reader's next query.
func (a *API) nextCursor(r *queryReader, after search.Cursor) []byte {
	r.payload = searchCursor{Query: r.same, After: after}.appendJSON(r.payload[:0])
	r.next = a.searches.Append(r.next[:0], r.payload)
	return r.next
}

// appendJSON is what encoding/json makes of the cursor, and reads again.
func (c searchCursor) appendJSON(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"q":`...), c.Query, 10)
	return append(c.After.AppendJSON(append(dst, `,"a":`...)), '}')
}

var headerLink = []byte(fiber.HeaderLink)

// appendNextLink is page.Link for this path: the query as it came, with another cursor.
func appendNextLink(dst, raw, next []byte) []byte {
	dst = append(dst, "</v1/stations?"...)
	for pair := range bytes.SplitSeq(raw, []byte{'&'}) {
		name, _, _ := bytes.Cut(pair, []byte{'='})
		if len(pair) == 0 || string(name) == "cursor" || bytes.ContainsAny(name, "%+") && unescape(string(name)) == "cursor" {
			continue
		}
		dst = append(append(dst, pair...), '&')
	}
	return append(append(append(dst, "cursor="...), next...), `>; rel="next"`...)
}

// bodyTag is the ETag of an answer by its bytes: the same on every replica that gives the same answer.
func bodyTag(body []byte) string {
	var tag [18]byte
	const digits = "0123456789abcdef"
	h := xxh3.Hash(body)
	tag[0], tag[17] = '"', '"'
	for i := 16; i >= 1; i-- {
		tag[i] = digits[h&15]
		h >>= 4
	}
	return string(tag[:])
}

// lookAtSearch gives the faults of a query that the document refuses for others.
func (a *API) lookAtSearch(c *fiber.Ctx) error {
	r := readers.Get()
	defer readers.Put(r)
	return a.readSearch(c.Context().URI().QueryString(), r)
}

// readSearch reads the query string, with a fingerprint of what makes a query the same on its next page: everything but the cursor
// and the limit.
func (a *API) readSearch(raw []byte, r *queryReader) error {
	r.begin(a.Now(), a.Vehicles, page.DefaultLimit)
	for rest := string(raw); rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if strings.IndexByte(pair, '%') >= 0 || strings.IndexByte(pair, '+') >= 0 {
			name, value = unescape(name), unescape(value)
			pair = name + "=" + value
		}
		r.take(name, value)
		if name != "cursor" && name != "limit" && name != "" {
			r.same = (r.same ^ xxhash.Sum64String(pair)) * 1099511628211
		}
	}
	r.finish()
	if r.cursor == "" {
		return r.fault()
	}
	var cursor searchCursor
	if err := a.searches.Decode(r.cursor, &cursor); err != nil {
		if len(r.faults) == 0 {
			return err
		}
		r.faults = append(r.faults, fault.Of(err).Fields()...)
	}
	if err := r.fault(); err != nil {
		return err
	}
	if cursor.Query != r.same {
		return page.ErrBadCursor.Detailf("the cursor belongs to another query")
	}
	r.q.After = &cursor.After
	return nil
}

// unescape decodes what has been checked to be decodable.
func unescape(s string) string {
	decoded, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return decoded
}

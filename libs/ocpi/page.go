package ocpi

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Page is the part of a list that is asked for: what was last updated in [From, To), zero times for any, and of that so many from so
// many on.
type Page struct {
	From, To      time.Time
	Offset, Limit int

	most int
}

// errPage says that a list cannot be paged so.
var errPage = fault.Define(fault.Invalid, "bad_page", "The parameters of the list are not valid")

// maxOffset is far beyond any list.
const maxOffset = 1 << 30

// ReadPage reads date_from, date_to, offset and limit. A party may ask for more than most objects and is given most, as X-Limit tells
// it; it is given most when it does not say.
func ReadPage(c *fiber.Ctx, most int) (Page, error) {
	p := Page{Limit: most, most: most}
	var wrong []fault.Field
	bad := func(name, detail string) {
		wrong = append(wrong, fault.Field{Parameter: name, Code: "format", Detail: detail})
	}
	for name, into := range map[string]*time.Time{"date_from": &p.From, "date_to": &p.To} {
		if text := c.Query(name); text != "" {
			at, err := ParseTime(text)
			if err != nil {
				bad(name, "must be a time of RFC 3339")
			}
			*into = at
		}
	}
	for name, into := range map[string]*int{"offset": &p.Offset, "limit": &p.Limit} {
		if text := c.Query(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > maxOffset || name == "limit" && n == 0 {
				bad(name, "must be a whole number that is not negative, and a limit greater than 0")
			}
			*into = n
		}
	}
	if len(wrong) > 0 {
		return p, errPage.Detailf("%s %s", wrong[0].Parameter, wrong[0].Detail).At(wrong...)
	}
	p.Limit = min(p.Limit, most)
	return p, nil
}

// List answers with a page of a list of total objects, with the headers that lead on. origin is the address under which callers reach
// the product.
func List[T any](c *fiber.Ctx, origin string, p Page, total int, items []T) error {
	if items == nil {
		items = []T{}
	}
	c.Set("X-Total-Count", strconv.Itoa(total))
	c.Set("X-Limit", strconv.Itoa(p.most))
	if next := p.Offset + len(items); len(items) > 0 && next < total {
		query := url.Values{"offset": {strconv.Itoa(next)}, "limit": {strconv.Itoa(p.Limit)}}
		for _, name := range []string{"date_from", "date_to"} {
			if text := c.Query(name); text != "" {
				query.Set(name, text)
			}
		}
		c.Set(fiber.HeaderLink, "<"+origin+c.Path()+"?"+query.Encode()+`>; rel="next"`)
	}
	return Write(c, http.StatusOK, items)
}

// Package page cuts lists into pages by cursors.
//
// A cursor is where the next page starts: the sort key of the last row shown,
// signed so that a caller can neither read meaning into it nor make one up. The
// store gives the key any shape it likes:
//
//	codec := page.NewCodec(key).For("stations")
//	next := codec.Encode(after{Distance: 12.5, ID: id})
//	err := codec.Decode(query.Cursor, &after)   // ErrBadCursor when it is not ours
//
// Sizes are checked by the OpenAPI document (1..MaxLimit); Size fills in the
// default. Link tells generic clients of the next page.
package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"net/url"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// Sizes of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// maxCursor bounds what Decode looks at; our own cursors are far shorter.
const maxCursor = 2048

// tagSize is the length of the signature in a cursor: 128 bits cannot be guessed.
const tagSize = 16

// ErrBadCursor is returned for a cursor that this codec has not made.
var ErrBadCursor = fault.Define(fault.Invalid, "bad_cursor", "The cursor is not one of ours").
	At(fault.Field{Parameter: "cursor", Code: "bad_cursor", Detail: "must be a next_cursor of this very list, unchanged"})

// Codec makes and reads cursors. It is safe for concurrent use.
type Codec struct {
	key  []byte
	macs sync.Pool // of hash.Hash by the key: making one costs more than using it
}

func newCodec(key []byte) *Codec {
	return &Codec{key: key, macs: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// NewCodec makes a codec from a secret that all replicas share. It panics on an
// empty key, with which anyone could forge cursors.
func NewCodec(key []byte) *Codec {
	if len(key) == 0 {
		panic("page: a codec wants a key")
	}
	return newCodec(newCodec(key).sum([]byte("cursor")))
}

// For returns a codec for one list, whose cursors no other list accepts.
func (c *Codec) For(list string) *Codec {
	return newCodec(c.sum([]byte(list)))
}

// Encode makes a cursor of v. It panics when v cannot be JSON, since the types
// of cursors are fixed by the program.
func (c *Codec) Encode(v any) string {
	payload, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("page: a cursor of type %T: %v", v, err))
	}
	tag := c.sum(payload)[:tagSize]
	return base64.RawURLEncoding.EncodeToString(append(tag, payload...))
}

// Decode reads a cursor into v. It returns ErrBadCursor for one that was forged,
// cut or made for another list.
func (c *Codec) Decode(cursor string, v any) error {
	// encoding/base64 would pass over line ends.
	if len(cursor) > maxCursor || strings.ContainsAny(cursor, "\r\n") {
		return ErrBadCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) <= tagSize {
		return ErrBadCursor.Because(err)
	}
	if !hmac.Equal(raw[:tagSize], c.sum(raw[tagSize:])[:tagSize]) {
		return ErrBadCursor
	}
	if err := json.Unmarshal(raw[tagSize:], v); err != nil {
		return ErrBadCursor.Because(err)
	}
	return nil
}

func (c *Codec) sum(message []byte) []byte {
	mac := c.macs.Get().(hash.Hash)
	defer c.macs.Put(mac)
	mac.Reset()
	mac.Write(message)
	return mac.Sum(nil)
}

// Size returns the size of the page that was asked for, DefaultLimit when none was.
func Size(limit *int) int {
	if limit == nil {
		return DefaultLimit
	}
	return *limit
}

// Link sets the Link header to the request's own URL with the next cursor. Without
// a next cursor it does nothing.
func Link(c *fiber.Ctx, nextCursor string) {
	if nextCursor == "" {
		return
	}
	uri := c.Request().URI()
	c.Append(fiber.HeaderLink, "<"+string(uri.PathOriginal())+"?"+NextQuery(string(uri.QueryString()), nextCursor)+`>; rel="next"`)
}

// NextQuery returns the query string of the next page.
func NextQuery(query, nextCursor string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		values = url.Values{}
	}
	values.Set("cursor", nextCursor)
	return values.Encode()
}

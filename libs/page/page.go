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
	"bytes"
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
	macs sync.Pool // of *signer: making one costs more than using it
}

// signer signs one message after the other.
type signer struct {
	hash.Hash
	sum [sha256.Size]byte
	raw []byte // of a cursor in the making
}

func newCodec(key []byte) *Codec {
	return &Codec{macs: sync.Pool{New: func() any { return &signer{Hash: hmac.New(sha256.New, key)} }}}
}

// NewCodec makes a codec from a secret that all replicas share. It panics on an
// empty key, with which anyone could forge cursors.
func NewCodec(key []byte) *Codec {
	if len(key) == 0 {
		panic("page: a codec wants a key")
	}
	return newCodec(key).For("cursor")
}

// For returns a codec for one list, whose cursors no other list accepts.
func (c *Codec) For(list string) *Codec {
	mac := c.signer()
	defer c.macs.Put(mac)
	return newCodec(bytes.Clone(mac.of([]byte(list))))
}

// Encode makes a cursor of v. It panics when v cannot be JSON, since the types
// of cursors are fixed by the program.
func (c *Codec) Encode(v any) string {
	payload, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("page: a cursor of type %T: %v", v, err))
	}
	return string(c.Append(nil, payload))
}

// Append appends the cursor of a value whose JSON is at hand. Where a page is
// made in microseconds, encoding/json would be a good part of them.
func (c *Codec) Append(dst, payload []byte) []byte {
	mac := c.signer()
	defer c.macs.Put(mac)
	mac.raw = append(append(mac.raw[:0], mac.of(payload)[:tagSize]...), payload...)
	return base64.RawURLEncoding.AppendEncode(dst, mac.raw)
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
	mac := c.signer()
	defer c.macs.Put(mac)
	if !hmac.Equal(raw[:tagSize], mac.of(raw[tagSize:])[:tagSize]) {
		return ErrBadCursor
	}
	if err := json.Unmarshal(raw[tagSize:], v); err != nil {
		return ErrBadCursor.Because(err)
	}
	return nil
}

func (c *Codec) signer() *signer {
	mac, _ := c.macs.Get().(*signer)
	return mac
}

// of signs a message. The result is good until the next one.
func (s *signer) of(message []byte) []byte {
	s.Reset()
	s.Write(message)
	return s.Sum(s.sum[:0])
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

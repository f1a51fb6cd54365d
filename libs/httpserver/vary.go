package httpserver

import (
	"bytes"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Vary says that the answer differs by a header of the request, given as it is
// spelled canonically. It is fiber's Vary without its detour over strings.
func Vary(c *fiber.Ctx, field string) {
	header := &c.Response().Header
	var buf [64]byte
	said := append(buf[:0], header.PeekBytes(headerVary)...)
	for rest := said; len(rest) > 0; {
		var known []byte
		known, rest, _ = bytes.Cut(rest, []byte{','})
		if strings.EqualFold(string(bytes.TrimSpace(known)), field) {
			return
		}
	}
	if len(said) > 0 {
		said = append(said, ", "...)
	}
	header.SetCanonical(headerVary, append(said, field...))
}

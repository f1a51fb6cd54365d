package httpserver

import (
	"bytes"

	"github.com/gofiber/fiber/v2"
)

// Vary says that the answer differs by a header of the request, given as it is
// spelled canonically. It is fiber's Vary without its detour over strings.
func Vary(c *fiber.Ctx, field string) {
	header := &c.Response().Header
	var buf [64]byte
	fields := append(buf[:0], header.PeekBytes(headerVary)...)
	for known := range bytes.SplitSeq(fields, []byte{','}) {
		if bytes.EqualFold(bytes.TrimSpace(known), []byte(field)) {
			return
		}
	}
	if len(fields) > 0 {
		fields = append(fields, ", "...)
	}
	header.SetCanonical(headerVary, append(fields, field...))
}

package httpserver

import (
	"bytes"
	"net"
	"net/netip"

	"github.com/gofiber/fiber/v2"
)

// ClientIP returns the address of the caller. Behind trusted proxies that is the
// rightmost address of X-Forwarded-For that is not itself a trusted proxy's: what
// stands further left was written by the caller and proves nothing. From an
// untrusted address the header is ignored.
func ClientIP(c *fiber.Ctx) netip.Addr {
	if r := requestOf(c.UserContext()); r != nil && r.client.IsValid() {
		return r.client
	}
	return peer(c)
}

func peer(c *fiber.Ctx) netip.Addr {
	tcp, ok := c.Context().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.IPv4Unspecified()
	}
	addr, ok := netip.AddrFromSlice(tcp.IP)
	if !ok {
		return netip.IPv4Unspecified()
	}
	return addr.Unmap()
}

func (s *Server) clientIP(c *fiber.Ctx) netip.Addr {
	addr := peer(c)
	if !s.trusts(addr) {
		return addr
	}
	lines := c.Request().Header.PeekAll(fiber.HeaderXForwardedFor)
	for i := len(lines) - 1; i >= 0; i-- {
		for line := lines[i]; line != nil; {
			var entry []byte
			if comma := bytes.LastIndexByte(line, ','); comma >= 0 {
				line, entry = line[:comma], line[comma+1:]
			} else {
				line, entry = nil, line
			}
			hop, err := netip.ParseAddr(string(bytes.TrimSpace(entry)))
			if err != nil {
				return addr
			}
			addr = hop.Unmap().WithZone("")
			if !s.trusts(addr) {
				return addr
			}
		}
	}
	return addr
}

func (s *Server) trusts(addr netip.Addr) bool {
	for _, network := range s.trusted {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

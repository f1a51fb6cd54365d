package httpserver

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// lingerFor is how long a sender whose body was refused may go on before the
// connection is cut: long enough to notice the answer.
const lingerFor = time.Second

// lingering are the connections on which a body was refused unread. They are
// closed in two steps: for writing, so that the sender gets the answer and its
// end, and wholly once the sender has stopped. Closed at once, what still comes
// in would be answered by a reset, and the answer lost with it.
//
// fasthttp closes a connection itself, and must be given the bare one, since to
// no other it writes header and body at once without copying them. So a second
// descriptor of the connection is taken, with which it stays open.
type lingering struct {
	second sync.Map // of net.Conn by net.Conn
}

// add takes the second descriptor. A connection that has none is closed at once.
func (l *lingering) add(c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return
	}
	file, err := tcp.File()
	if err != nil {
		return
	}
	defer file.Close()
	second, err := net.FileConn(file)
	if err != nil {
		return
	}
	if _, twice := l.second.LoadOrStore(c, second); twice {
		_ = second.Close()
	}
}

// closed is told by fasthttp of every change of a connection.
func (l *lingering) closed(c net.Conn, state fasthttp.ConnState) {
	if state != fasthttp.StateClosed {
		return
	}
	second, lingers := l.second.LoadAndDelete(c)
	if !lingers {
		return
	}
	rest, ok := second.(*net.TCPConn)
	if !ok {
		return
	}
	defer rest.Close()
	if rest.CloseWrite() == nil && rest.SetReadDeadline(time.Now().Add(lingerFor)) == nil {
		_, _ = io.Copy(io.Discard, rest) // its end is the sender's close, or lingerFor
	}
}

// refuseRest answers without reading the rest of the body: this connection ends
// with the answer, and lingers.
func (s *Server) refuseRest(c *fiber.Ctx) {
	c.Response().SetConnectionClose()
	s.lingering.add(c.Context().Conn())
}

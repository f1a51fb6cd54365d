package httpserver

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
)

// lingerFor is how long a sender whose body was refused may go on before the
// connection is cut: long enough to notice the answer.
const lingerFor = time.Second

// lingering is a listener of connections that can linger.
type lingering struct{ net.Listener }

func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingeringConn{Conn: c}, nil
}

// lingeringConn is a connection that, when a body on it was refused unread, is
// closed in two steps: for writing, so that the sender gets the answer and its
// end, and wholly once the sender has stopped. Closed at once, what still comes
// in would be answered by a reset, and the answer lost with it.
type lingeringConn struct {
	net.Conn
	unread atomic.Bool
}

func (c *lingeringConn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.unread.Load() && half.CloseWrite() == nil &&
		c.SetReadDeadline(time.Now().Add(lingerFor)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn) // its end is the sender's close, or lingerFor
	}
	return c.Conn.Close()
}

// refuseRest answers without reading the rest of the body: this connection ends
// with the answer, and lingers.
func refuseRest(c *fiber.Ctx) {
	c.Response().SetConnectionClose()
	if connection, ok := c.Context().Conn().(*lingeringConn); ok {
		connection.unread.Store(true)
	}
}

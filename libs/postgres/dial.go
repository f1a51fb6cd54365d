package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// dialer makes connections that do not wait for ever. lib/pq waits for the server without a limit
// of its own: the end of a context only asks the server to cancel, which a frozen one never does.
type dialer struct {
	silence time.Duration // how long the server may say nothing to a question; zero: for ever
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil || d.silence <= 0 {
		return conn, err
	}
	return &impatientConn{Conn: conn, silence: d.silence}, nil
}

// impatientConn ends when nothing arrived for the time given since the question was put.
// During a COPY the driver reads all along, so rows still being written count as conversation.
type impatientConn struct {
	net.Conn
	silence   time.Duration
	handshake atomic.Bool  // the driver has set a deadline itself, for connecting
	wroteAt   atomic.Int64 // nanoseconds since 1970
}

func (c *impatientConn) SetDeadline(t time.Time) error {
	c.handshake.Store(!t.IsZero())
	return c.Conn.SetDeadline(t)
}

func (c *impatientConn) Read(b []byte) (int, error) {
	if c.handshake.Load() {
		return c.Conn.Read(b)
	}
	for {
		if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if time.Since(time.Unix(0, c.wroteAt.Load())) >= c.silence {
			// What the server says when it wakes up is no answer to the next question. lib/pq gives a connection up for a *net.OpError alone,
			// as it is; closed, this one is of no use to anybody in any case.
			_ = c.Close()
			return n, &net.OpError{
				Op: "read", Net: c.RemoteAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(),
				Err: fmt.Errorf("postgres: the server said nothing for %v: %w", c.silence, os.ErrDeadlineExceeded),
			}
		}
	}
}

func (c *impatientConn) Write(b []byte) (int, error) {
	now := time.Now()
	c.wroteAt.Store(now.UnixNano())
	if !c.handshake.Load() {
		if err := c.SetWriteDeadline(now.Add(c.silence)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(b)
}

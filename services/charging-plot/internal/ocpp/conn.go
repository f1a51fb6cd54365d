package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocpp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// The close codes the edge sends, beyond those that the websocket library sends by itself.
const (
	closeServiceRestart = websocket.CloseServiceRestart
	closeTryAgainLater  = websocket.CloseTryAgainLater
	closeReplaced       = websocket.ClosePolicyViolation
)

// A reply is what came back for a call of ours: a payload, or the station's refusal.
type reply struct {
	payload json.RawMessage
	refused *callError
}

// A conn is one charge point's socket. An idle one costs a goroutine that waits for the next frame, and nothing else: calls are
// handled by a second goroutine that lives only while there are any, in the order in which they came, so that a slow handler
// delays its own charge point and no other, and answers to our own calls are read meanwhile.
type conn struct {
	id     uuid.UUID
	number uint64 // later sockets have greater numbers
	cp     chargepoint.ChargePoint
	speaks dialect
	remote string
	socket *websocket.Conn
	log    *slog.Logger
	limits Limits
	// note writes a frame down; it never blocks.
	note   func(direction chargepoint.Direction, f frame)
	handle func(ctx context.Context, c *conn, call frame) (any, *callError)

	writing    chan struct{} // holds the right to write a frame
	commanding chan struct{} // holds the right to have a call of ours under way: the standard allows one at a time
	pings      *time.Timer
	// follow is what a handler wants done once its answer is out; the worker's alone.
	follow func()

	mu       sync.Mutex
	changed  sync.Cond // the queue got room, or the connection ended
	queue    []frame
	working  bool
	draining bool
	awaited  string // id of our call under way
	action   string // and its action
	answer   chan reply
	reason   string // why the connection ended; empty while it lives

	ended chan struct{} // closed when no more frames are read or handled
	gone  chan struct{} // closed when the domain knows of the end
}

func newConn(socket *websocket.Conn, number uint64, cp chargepoint.ChargePoint, speaks dialect, remote string, limits Limits, log *slog.Logger,
	handle func(ctx context.Context, c *conn, call frame) (any, *callError),
) *conn {
	c := &conn{
		id: uuid.New(), number: number, cp: cp, speaks: speaks, remote: remote, socket: socket, limits: limits, log: log, handle: handle,
		writing: make(chan struct{}, 1), commanding: make(chan struct{}, 1),
		ended: make(chan struct{}), gone: make(chan struct{}), note: func(chargepoint.Direction, frame) {},
	}
	c.changed.L = &c.mu
	return c
}

// serve reads frames until the connection ends, and returns when the call that was being handled, if any, is done too.
func (c *conn) serve() {
	defer close(c.ended)
	c.socket.SetReadLimit(c.limits.FrameBytes)
	c.socket.SetPongHandler(func(string) error { return c.alive() })
	c.socket.SetPingHandler(func(data string) error {
		err := c.socket.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(c.limits.WriteWait))
		if err != nil && !errors.Is(err, websocket.ErrCloseSent) {
			return err
		}
		return c.alive()
	})
	c.pings = time.AfterFunc(math.MaxInt64, c.ping)
	c.pings.Reset(c.limits.PingInterval)
	defer c.pings.Stop()

	c.end(c.read())
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.working {
		c.changed.Wait()
	}
}

// read returns why no further frame can be read.
func (c *conn) read() string {
	for {
		if err := c.alive(); err != nil {
			return "the socket is broken"
		}
		kind, data, err := c.socket.ReadMessage()
		if errors.Is(err, websocket.ErrReadLimit) {
			c.note(chargepoint.In, frame{code: string(codeFormation), description: fmt.Sprintf("the frame has more than %d bytes", c.limits.FrameBytes)})
		}
		if err != nil {
			return readFailure(err)
		}
		if kind != websocket.TextMessage {
			c.note(chargepoint.In, frame{code: string(codeFormation), description: "the frame is binary"})
			c.log.Warn("ocpp frame ignored", "reason", "it is binary")
			continue
		}
		f, broken := parseFrame(data)
		switch {
		case broken != nil:
			c.note(chargepoint.In, frame{id: broken.id, code: string(broken.code), description: broken.description})
			c.log.Warn("ocpp frame refused", "code", broken.code, "reason", broken.description, "bytes", len(data))
			if broken.id == "" {
				broken.id, broken.code = c.speaks.unreadable(), codeFramework
			}
			if broken.id != "" {
				c.refuse(broken)
			}
		case f.kind == typeCall:
			c.note(chargepoint.In, f)
			c.enqueue(f)
		default:
			c.deliver(f)
		}
	}
}

func readFailure(err error) string {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return fmt.Sprintf("the charge point closed it with code %d", closed.Code)
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return "a frame was too large"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "the charge point was silent for too long"
	}
	return "the socket broke"
}

// alive puts off the end that a silent charge point meets.
func (c *conn) alive() error {
	return c.socket.SetReadDeadline(time.Now().Add(c.limits.IdleTimeout))
}

func (c *conn) ping() {
	err := c.socket.WriteControl(websocket.PingMessage, nil, time.Now().Add(c.limits.WriteWait))
	if err != nil {
		c.end("a ping could not be written")
		return
	}
	c.pings.Reset(c.limits.PingInterval)
}

// enqueue hands a call to the worker and starts one if there is none. A charge point that sends more than it may have under way
// waits: nothing more is read from it until there is room. Once the connection drains, calls are dropped; the charge point sends
// them again where it connects next.
func (c *conn) enqueue(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) >= c.limits.QueuedCalls && c.reason == "" && !c.draining {
		c.changed.Wait()
	}
	if c.reason != "" || c.draining {
		return
	}
	c.queue = append(c.queue, f)
	if !c.working {
		c.working = true
		go c.work()
	}
}

// work handles calls until none is left. Calls that nobody can be answered for any more are dropped: the charge point sends them
// again after it reconnects.
func (c *conn) work() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 || c.reason != "" {
			c.queue, c.working = nil, false
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
		call := c.queue[0]
		c.queue = c.queue[1:]
		c.changed.Broadcast()
		c.mu.Unlock()
		c.serveCall(call)
	}
}

func (c *conn) serveCall(call frame) {
	c.follow = nil
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.HandlerTimeout)
	defer cancel()
	payload, refused := c.answerTo(ctx, call)
	if refused != nil {
		refused.id = call.id
		c.refuse(refused)
		return
	}
	data, err := encodeResult(call.id, payload)
	if err != nil {
		c.log.Error("ocpp answer not encoded", "action", call.action, "error", err)
		c.refuse(&callError{id: call.id, code: codeInternal, description: "the answer could not be written"})
		return
	}
	c.note(chargepoint.Out, frame{kind: typeCallResult, id: call.id, action: call.action, payload: resultOf(data)})
	if follow := c.follow; c.write(ctx, data) && follow != nil {
		follow()
	}
}

// answerTo is handle, which a message that makes it panic must not turn into the end of every other charge point's socket.
func (c *conn) answerTo(ctx context.Context, call frame) (payload any, refused *callError) {
	defer func() {
		if cause := recover(); cause != nil {
			c.log.ErrorContext(ctx, "ocpp call panicked", "action", call.action, "cause", cause, "stack", string(debug.Stack()))
			payload, refused = nil, refuse(codeInternal, "the message could not be handled")
		}
	}()
	return c.handle(ctx, c, call)
}

func (c *conn) refuse(e *callError) {
	ctx, cancel := context.WithTimeout(context.Background(), c.limits.WriteWait)
	defer cancel()
	data, err := encodeError(e, c.speaks.spelling(e.code))
	if err != nil {
		c.log.Error("ocpp error not encoded", "error", err)
		return
	}
	c.note(chargepoint.Out, frame{kind: typeCallError, id: e.id, code: string(c.speaks.spelling(e.code)), description: e.description})
	c.write(ctx, data)
}

// write sends one frame. A charge point that does not take it within the time allowed is disconnected, since half a frame may be
// out already; waiting for the turn to write is bounded by ctx alone and harms nobody.
func (c *conn) write(ctx context.Context, data []byte) bool {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-ctx.Done():
		return false
	}
	err := c.socket.SetWriteDeadline(time.Now().Add(c.limits.WriteWait))
	if err == nil {
		err = c.socket.WriteMessage(websocket.TextMessage, data)
	}
	if err != nil {
		c.end("a frame could not be written")
	}
	return err == nil
}

// call sends a call of ours and waits for its answer. It takes its turn when another one is under way.
func (c *conn) call(ctx context.Context, id, action string, payload any) (reply, error) {
	select {
	case c.commanding <- struct{}{}:
		defer func() { <-c.commanding }()
	case <-c.ended:
		return reply{}, errDisconnected
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
	data, err := encodeCall(id, action, payload)
	if err != nil {
		return reply{}, fmt.Errorf("encode %s: %w", action, err)
	}
	answer := make(chan reply, 1)
	c.await(id, action, answer)
	defer c.await("", "", nil)
	c.note(chargepoint.Out, frame{kind: typeCall, id: id, action: action, payload: callOf(data)})
	if !c.write(ctx, data) {
		return reply{}, errDisconnected
	}
	select {
	case r := <-answer:
		return r, nil
	case <-c.ended:
		return reply{}, errDisconnected
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

func (c *conn) await(id, action string, answer chan reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaited, c.action, c.answer = id, action, answer
}

// deliver passes a result or an error to the call that waits for it. Answers that come too late, twice or unasked are ignored.
func (c *conn) deliver(f frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.id == c.awaited {
		f.action = c.action
	}
	c.note(chargepoint.In, f)
	if c.answer == nil || f.id != c.awaited {
		c.log.Debug("ocpp answer ignored", "message_id", f.id)
		return
	}
	r := reply{payload: f.payload}
	if f.kind == typeCallError {
		r.refused = &callError{id: f.id, code: ocpp.ErrorCode(f.code), description: f.description}
	}
	c.answer <- r
	c.answer, c.awaited, c.action = nil, "", ""
}

// end closes the socket at once. The first reason given is the one that counts.
func (c *conn) end(reason string) {
	c.mu.Lock()
	first := c.reason == ""
	if first {
		c.reason = reason
	}
	c.changed.Broadcast()
	c.mu.Unlock()
	if first {
		_ = c.socket.Close()
	}
}

// dismiss tells the charge point why before it closes: no further call is taken, the one under way is answered, then the close
// frame goes out, and the socket is closed when the charge point has answered it or patience is at its end. It returns at once.
func (c *conn) dismiss(code int, reason string, patience time.Duration) {
	c.mu.Lock()
	already := c.draining || c.reason != ""
	c.draining = true
	c.queue = nil
	c.changed.Broadcast()
	c.mu.Unlock()
	if already {
		return
	}
	go func() {
		c.mu.Lock()
		for c.working {
			c.changed.Wait()
		}
		c.mu.Unlock()
		message := websocket.FormatCloseMessage(code, reason)
		if c.socket.WriteControl(websocket.CloseMessage, message, time.Now().Add(c.limits.WriteWait)) == nil && patience > 0 {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			select {
			case <-c.ended:
			case <-timer.C:
			}
		}
		c.end(reason)
	}()
}

// why returns the reason of the end.
func (c *conn) why() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason
}

package simulator

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/remotetrigger"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/reservation"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

const (
	writeWait     = 10 * time.Second
	handshakeWait = 20 * time.Second
	// silence is how long the other end may say nothing, not even ping, before the link counts as dead.
	silence = 5 * time.Minute
)

// endpoint composes, reads and checks messages. It has no state of its own, so that all stations share it.
var endpoint = newEndpoint()

func newEndpoint() *ocppj.Endpoint {
	var e ocppj.Endpoint
	e.SetDialect(ocpp.V16)
	for _, profile := range []*ocpp.Profile{core.Profile, reservation.Profile, remotetrigger.Profile, firmware.Profile} {
		e.AddProfile(profile)
	}
	return &e
}

// ocpp-go keeps the format of timestamps in a package variable and cuts them to seconds. Energy is the area under the power curve
// only if both have the time to the millisecond.
func init() {
	types.DateTimeFormat = "2006-01-02T15:04:05.000Z07:00"
}

// A link is one socket to the central system.
type link struct {
	socket *websocket.Conn
	once   sync.Once
}

var dialer = websocket.Dialer{
	HandshakeTimeout: handshakeWait,
	ReadBufferSize:   1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
}

// dial opens a socket. It returns how long the central system wants the station to stay away, if it says so.
func dial(ctx context.Context, base string, who StationConfig) (*link, time.Duration, error) {
	credentials := base64.StdEncoding.EncodeToString([]byte(who.Identity + ":" + who.Password))
	header := http.Header{"Authorization": {"Basic " + credentials}}
	dialer := dialer
	dialer.Subprotocols = []string{who.Protocol}
	socket, response, err := dialer.DialContext(ctx, base+"/"+url.PathEscape(who.Identity), header)
	if response != nil {
		_ = response.Body.Close() // the library has read it already
	}
	if err != nil {
		var wait time.Duration
		if response != nil {
			seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
			wait = time.Duration(seconds) * time.Second
		}
		return nil, wait, err
	}
	return &link{socket: socket}, 0, nil
}

// read hands on every frame until the socket ends, and returns why it did.
func (l *link) read(each func(data []byte)) error {
	ping := l.socket.PingHandler()
	l.socket.SetPingHandler(func(data string) error {
		_ = l.socket.SetReadDeadline(time.Now().Add(silence))
		return ping(data)
	})
	for {
		_ = l.socket.SetReadDeadline(time.Now().Add(silence))
		_, data, err := l.socket.ReadMessage()
		if err != nil {
			return err
		}
		each(data)
	}
}

func (l *link) write(message ocppj.Message) error {
	data, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if err := l.socket.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return err
	}
	return l.socket.WriteMessage(websocket.TextMessage, data)
}

// close says goodbye; drop does not.
func (l *link) close() {
	_ = l.socket.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	l.drop()
}

func (l *link) drop() {
	l.once.Do(func() { _ = l.socket.Close() })
}

package ocpp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

var sockets = flag.Int("sockets", 2000, "charge points in BenchmarkSockets; each takes two file descriptors")

// BenchmarkSockets connects many charge points and makes them talk. It prints what a connected one costs in memory (heap and stacks of
// both ends, after its first message), how fast they connect, and how fast messages are served by an edge whose domain does nothing.
func BenchmarkSockets(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, *sockets)
	for i := range names {
		names[i] = fmt.Sprintf("CP-%05d", i)
	}
	domain := newCentral(names...)
	domain.forget()
	limits := Limits{PingInterval: time.Hour, IdleTimeout: 2 * time.Hour} // the thin clients know no ping
	edge, err := New(Config{Listener: listener, Limits: limits}, domain, telemetry.Discard())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- edge.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()

	before := memory()
	began := time.Now()
	clients := make([]*thin, *sockets)
	for i, name := range names {
		if clients[i], err = dialThin(listener.Addr().String(), name); err != nil {
			b.Fatal(err)
		}
		defer clients[i].Close()
	}
	connecting := time.Since(began)
	buffer := make([]byte, 512)
	for _, client := range clients {
		if err := client.ask(reading, buffer); err != nil {
			b.Fatal(err)
		}
	}
	cost := float64(memory()-before) / float64(*sockets) / 1024

	workers := min(64, *sockets)
	var asked atomic.Int64
	latencies := make([][]time.Duration, workers)
	var all sync.WaitGroup
	b.ResetTimer()
	for w := range workers {
		all.Go(func() {
			buffer := make([]byte, 512)
			// Each worker has charge points of its own, one of which talks at a time.
			for i := 0; asked.Add(1) <= int64(b.N); i++ {
				client := clients[w+workers*(i%(len(clients)/workers))]
				start := time.Now()
				if err := client.ask(reading, buffer); err != nil {
					b.Error(err)
					return
				}
				latencies[w] = append(latencies[w], time.Since(start))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(*sockets)/connecting.Seconds(), "connects/s")
	b.ReportMetric(cost, "KiB/socket")
	flat := slices.Concat(latencies...)
	slices.Sort(flat)
	b.ReportMetric(float64(len(flat))/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(flat[len(flat)*99/100].Microseconds()), "µs-p99")
}

// memory returns the bytes that are in use for good.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

const reading = `[2,"7a9d2f0c-11d5-4c31-9f7c-2f5c3a3c8a11","MeterValues",{"connectorId":1,"transactionId":4711,"meterValue":[{"timestamp":` +
	`"2026-11-23T11:00:00.000Z","sampledValue":[{"value":"1500","measurand":"Energy.Active.Import.Register","unit":"Wh"},` +
	`{"value":"48000","measurand":"Power.Active.Import","unit":"W"},{"value":"398.2","measurand":"Voltage","unit":"V"},` +
	`{"value":"120.5","measurand":"Current.Import","unit":"A"},{"value":"42","measurand":"SoC","unit":"Percent"}]}]}]`

// A thin charge point is a bare TCP connection, so that it is the server whose cost is seen.
type thin struct{ net.Conn }

func dialThin(address, identity string) (*thin, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return handshake(conn, identity)
}

// handshake opens a websocket over a connection.
func handshake(conn net.Conn, identity string) (*thin, error) {
	credentials := base64.StdEncoding.EncodeToString([]byte(identity + ":secret of " + identity))
	_, err := fmt.Fprintf(conn, "GET /ocpp/%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\nAuthorization: Basic %s\r\n\r\n", identity, credentials)
	if err != nil {
		return nil, err
	}
	head := make([]byte, 0, 512)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		n, err := conn.Read(head[len(head):cap(head)])
		if err != nil {
			return nil, err
		}
		head = head[:len(head)+n]
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return nil, fmt.Errorf("answered with %s", head)
	}
	return &thin{conn}, nil
}

// say sends a text frame, masked with zeros.
func (c *thin) say(text string) error {
	frame := append(make([]byte, 0, 8+len(text)), 0x81, 0xFE, 0, 0, 0, 0, 0, 0)
	binary.BigEndian.PutUint16(frame[2:], uint16(len(text)))
	_, err := c.Write(append(frame, text...))
	return err
}

// ask sends a text frame and waits for a frame.
func (c *thin) ask(text string, buffer []byte) error {
	if err := c.say(text); err != nil {
		return err
	}
	for n := 0; n < 2 || n < 2+int(buffer[1]&0x7F); {
		got, err := c.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += got
	}
	return nil
}

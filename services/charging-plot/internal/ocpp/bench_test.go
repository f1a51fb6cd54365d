package ocpp

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

var (
	sockets = flag.Int("sockets", 2000, "charge points in BenchmarkSockets")
	rate    = flag.Float64("rate", 0, "messages that all of them say a second in BenchmarkSockets; 0: as many as are answered")
)

// fleetRole holds the edge's address in the process that BenchmarkSockets starts: this binary again, as the charge points. Both ends of a
// socket in one process would take two of its descriptors, and the memory of both would count.
const fleetRole = "OCPP_BENCH_FLEET"

func TestMain(m *testing.M) {
	if address := os.Getenv(fleetRole); address != "" {
		if err := runFleet(address, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "the charge points of a benchmark failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// An errand is what the charge points are to do: connect so many, each of which says a message then, or say so many messages at a rate.
type errand struct {
	Connect  int
	Messages int
	Rate     float64
}

// A tally is what came of it.
type tally struct {
	Answered int
	Seconds  float64
	P99      time.Duration
}

// BenchmarkSockets connects many charge points and makes them talk. It prints what a connected one costs this process in memory (heap and
// stacks, after its first message), how fast they connect, how fast messages are served by an edge whose domain does nothing, and how
// many were lost: of those that were said, those that the domain did not hear of or that nobody was answered for.
//
//	-sockets 10000 -rate 100 -benchtime 6000x    ten thousand, for a minute of a hundred messages a second
func BenchmarkSockets(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, *sockets)
	for i := range names {
		names[i] = nameOf(i)
	}
	domain := &counting{central: newCentral(names...)}
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
	fleet := exec.CommandContext(ctx, os.Args[0])
	fleet.Env, fleet.Stderr = append(os.Environ(), fleetRole+"="+listener.Addr().String()), os.Stderr
	orders, errOrders := fleet.StdinPipe()
	tallies, errTallies := fleet.StdoutPipe()
	if err := errors.Join(errOrders, errTallies, fleet.Start()); err != nil {
		b.Fatal(err)
	}
	say, hear := json.NewEncoder(orders), json.NewDecoder(tallies)
	do := func(e errand) (t tally) {
		b.Helper()
		if err := errors.Join(say.Encode(e), hear.Decode(&t)); err != nil {
			b.Fatal(err)
		}
		return t
	}

	before := memory()
	connected := do(errand{Connect: *sockets})
	cost := float64(memory()-before) / float64(*sockets) / 1024
	held := edge.Connections()
	b.ResetTimer()
	talked := do(errand{Messages: b.N, Rate: *rate})
	b.StopTimer()
	_ = orders.Close()
	if err := fleet.Wait(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(float64(connected.Answered)/connected.Seconds, "connects/s")
	b.ReportMetric(float64(held), "connected")
	b.ReportMetric(cost, "KiB/socket")
	b.ReportMetric(float64(talked.Answered)/talked.Seconds, "messages/s")
	b.ReportMetric(float64(talked.P99.Microseconds()), "µs-p99")
	said := *sockets + b.N
	b.ReportMetric(float64(max(said-connected.Answered-talked.Answered, said-int(domain.heard.Load()))), "lost")
}

// counting counts the meter values that it is told.
type counting struct {
	*central
	heard atomic.Int64
}

func (c *counting) MeterValues(context.Context, uuid.UUID, int, chargepoint.TransactionID, []chargepoint.Sample) error {
	c.heard.Add(1)
	return nil
}

// memory returns the bytes that are in use for good.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

func nameOf(i int) string { return fmt.Sprintf("CP-%05d", i) }

// runFleet does errands, one JSON document after the other, until there are no more.
func runFleet(address string, errands io.Reader, tallies io.Writer) error {
	var clients []*thin
	say, hear := json.NewEncoder(tallies), json.NewDecoder(errands)
	for {
		var e errand
		switch err := hear.Decode(&e); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		began, result := time.Now(), tally{}
		for i := range e.Connect {
			client, err := dialThin(address, nameOf(i))
			if err != nil {
				return fmt.Errorf("connect %d: %w", i, err)
			}
			clients = append(clients, client)
		}
		result.Seconds = time.Since(began).Seconds()
		for _, client := range clients[len(clients)-e.Connect:] {
			if err := client.ask(reading, make([]byte, 512)); err != nil {
				return err
			}
			result.Answered++
		}
		if e.Messages > 0 {
			latencies, err := talk(clients, e.Messages, e.Rate)
			if err != nil {
				return err
			}
			slices.Sort(latencies)
			result = tally{Answered: len(latencies), Seconds: time.Since(began).Seconds(), P99: latencies[len(latencies)*99/100]}
		}
		if err := say.Encode(result); err != nil {
			return err
		}
	}
}

// talk has the clients say so many messages in turn, at a rate when there is one, and returns how long each took.
func talk(clients []*thin, messages int, rate float64) ([]time.Duration, error) {
	workers := min(64, len(clients))
	latencies, errs := make([][]time.Duration, workers), make([]error, workers)
	var asked atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for w := range workers {
		all.Go(func() {
			buffer := make([]byte, 512)
			// Each worker has charge points of its own, one of which talks at a time.
			for i := 0; ; i++ {
				turn := asked.Add(1)
				if turn > int64(messages) {
					return
				}
				if rate > 0 {
					<-time.After(time.Until(began.Add(time.Duration(float64(turn) / rate * float64(time.Second)))))
				}
				start := time.Now()
				if err := clients[w+workers*(i%(len(clients)/workers))].ask(reading, buffer); err != nil {
					errs[w] = err
					return
				}
				latencies[w] = append(latencies[w], time.Since(start))
			}
		})
	}
	all.Wait()
	return slices.Concat(latencies...), errors.Join(errs...)
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

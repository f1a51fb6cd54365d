package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/proctest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// benchServer names the server that this test binary is to be, in place of
// running tests: a process of its own, whose CPU time is its alone.
const benchServer = "HTTPSERVER_BENCH"

func TestMain(m *testing.M) {
	if kind := os.Getenv(benchServer); kind != "" {
		if err := serveBench(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveBench answers a constant until standard input ends.
func serveBench(kind string) error {
	runtime.GOMAXPROCS(1)
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, listener.Addr())
	if kind == "bare" {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Get("/v1/stations", constant)
		go func() { _ = app.Listener(listener) }()
	} else {
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		tel, err := telemetry.Start(context.Background(), telemetry.Config{Service: "bench", LogOutput: null})
		if err != nil {
			return err
		}
		s := New(Config{Listener: listener}, tel)
		s.App().Get("/v1/stations", constant)
		go func() { _ = s.Run(context.Background()) }()
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// BenchmarkServer asks a server process over keep-alive connections and reports
// the CPU time that the process spends on a request, sockets included. The
// second figure over the first is what everything around a handler leaves of the
// speed of a bare server.
func BenchmarkServer(b *testing.B) {
	for _, kind := range []string{"bare", "everything"} {
		b.Run(kind, func(b *testing.B) {
			server := exec.CommandContext(b.Context(), os.Args[0])
			server.Env = append(os.Environ(), benchServer+"="+kind)
			server.Stderr = os.Stderr
			input, err := server.StdinPipe()
			if err != nil {
				b.Fatal(err)
			}
			output, err := server.StdoutPipe()
			if err != nil {
				b.Fatal(err)
			}
			if err := server.Start(); err != nil {
				b.Fatal(err)
			}
			address, err := bufio.NewReader(output).ReadString('\n')
			if err != nil {
				b.Fatal(err)
			}
			address = strings.TrimSpace(address)
			started := proctest.CPU(b, server.Process.Pid)
			ask(b, address, b.N)
			used := proctest.CPU(b, server.Process.Pid) - started
			b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
			if err := input.Close(); err != nil {
				b.Fatal(err)
			}
			if err := server.Wait(); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// ask sends n requests over eight connections.
func ask(b *testing.B, address string, n int) {
	b.Helper()
	request := []byte("GET /v1/stations?near=48.85,2.35&limit=20 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	var left atomic.Int64
	left.Store(int64(n))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			connection, err := new(net.Dialer).DialContext(b.Context(), "tcp", address)
			if err != nil {
				b.Error(err)
				return
			}
			defer connection.Close()
			r := bufio.NewReaderSize(connection, 32<<10)
			for left.Add(-1) >= 0 {
				if _, err := connection.Write(request); err != nil {
					b.Error(err)
					return
				}
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						b.Error(err)
						return
					}
					if len(bytes.TrimSpace(line)) == 0 {
						break
					}
				}
				if _, err := r.Discard(len(payload)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// TestTheLocalStackAndTheTour starts the product as a newcomer does, goes the README's tour on it as printed, stops it with
// Ctrl-C, starts it again, kills it, starts it once more, and removes it.
func TestTheLocalStackAndTheTour(t *testing.T) {
	root, err := stack.Root(".")
	if err != nil {
		t.Fatal(err)
	}
	state, err := os.MkdirTemp("", "charging-plot-run-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(state, 0o755); err != nil { // Postgres may run as another user
		t.Fatal(err)
	}
	program := filepath.Join(state, "devstack")
	build := []string{"build", "-buildvcs=false", "-o", program}
	if withRaceDetector() {
		build = append(build, "-race")
	}
	if output, err := goCommand(t, root, append(build, "./tools/devstack")...); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	local := filepath.Join(state, ".local")
	t.Cleanup(func() {
		clean := exec.CommandContext(context.Background(), program, "clean", "--state", local)
		clean.Dir = root
		if output, err := clean.CombinedOutput(); err != nil {
			t.Errorf("clean: %v\n%s", err, output)
		}
		if _, err := os.Stat(local); !os.IsNotExist(err) {
			t.Errorf("clean leaves %s: %v", local, err)
		}
		_ = os.RemoveAll(state)
	})

	first := runDevstack(t, root, program, local)
	t.Logf("first start: %s until the first good answer", first.took.Round(time.Millisecond))
	tour(t, root, first, local)
	first.interrupt()
	first.nothingLeft(local)

	second := runDevstack(t, root, program, local)
	t.Logf("second start: %s until the first good answer", second.took.Round(time.Millisecond))
	second.has("/v1/stations?limit=1", 2000)
	if err := second.cmd.Process.Kill(); err != nil { // as a closed laptop or an impatient user does
		t.Fatal(err)
	}
	<-second.ended
	eventually(t, patience, "nothing outlives a killed stack", func() bool { return second.listening(local) == 0 })

	third := runDevstack(t, root, program, local)
	third.has("/v1/stations?limit=1", 2000)
	third.interrupt()
	third.nothingLeft(local)
}

// devstack is a running `devstack run`.
type devstack struct {
	t     *testing.T
	cmd   *exec.Cmd
	url   string
	took  time.Duration
	out   *lockedBuffer
	ended chan struct{}
	err   error
}

var runsOn = regexp.MustCompile(`runs on (http://\S+) \(after`)

func runDevstack(t *testing.T, root, program, local string) *devstack {
	t.Helper()
	d := &devstack{t: t, out: &lockedBuffer{}, ended: make(chan struct{})}
	d.cmd = exec.CommandContext(context.Background(), program, "run", "--state", local, "--listen", "127.0.0.1:0")
	d.cmd.Dir = root
	reader, writer := io.Pipe()
	d.cmd.Stdout, d.cmd.Stderr = writer, writer
	begin := time.Now()
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	up := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(reader)
		for lines.Scan() {
			_, _ = fmt.Fprintln(d.out, lines.Text())
			if found := runsOn.FindStringSubmatch(lines.Text()); found != nil {
				up <- found[1]
			}
		}
	}()
	go func() {
		d.err = d.cmd.Wait()
		writer.Close()
		close(d.ended)
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Signal(syscall.SIGTERM) // gone already, if all is well
		<-d.ended
	})
	select {
	case d.url = <-up:
		d.took = time.Since(begin)
	case <-d.ended:
		t.Fatalf("devstack ended: %v\n%s", d.err, d.out)
	case <-time.After(5 * time.Minute):
		t.Fatalf("devstack is not up:\n%s", d.out)
	}
	return d
}

// interrupt is Ctrl-C.
func (d *devstack) interrupt() {
	d.t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.t.Fatal(err)
	}
	select {
	case <-d.ended:
		if d.err != nil {
			d.t.Fatalf("after Ctrl-C it ends with %v:\n%s", d.err, d.out)
		}
	case <-time.After(time.Minute):
		d.t.Fatalf("it does not end after Ctrl-C:\n%s", d.out)
	}
}

// nothingLeft makes sure that no server of the stack answers any more.
func (d *devstack) nothingLeft(local string) {
	d.t.Helper()
	if n := d.listening(local); n > 0 {
		d.t.Errorf("%d of the stack's ports are still open", n)
	}
}

// listening counts the ports of the stack that accept a connection.
func (d *devstack) listening(local string) int {
	d.t.Helper()
	raw, err := os.ReadFile(filepath.Join(local, "ports.json"))
	if err != nil {
		d.t.Fatal(err)
	}
	var ports struct {
		Postgres, Redis, OCPP int
		Services              map[string]int
	}
	if err := json.Unmarshal(raw, &ports); err != nil {
		d.t.Fatal(err)
	}
	all := []int{ports.Postgres, ports.Redis, ports.OCPP}
	for _, port := range ports.Services {
		all = append(all, port)
	}
	if len(all) != 6 {
		d.t.Fatalf("ports.json has %d ports", len(all))
	}
	open := 0
	for _, port := range all {
		conn, err := new(net.Dialer).DialContext(d.t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			open++
			conn.Close()
		}
	}
	return open
}

// has makes sure that a search finds at least so many.
func (d *devstack) has(path string, least int) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+path, http.NoBody)
	if err != nil {
		d.t.Fatal(err)
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	var found struct {
		Total int `json:"total"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&found); err != nil || found.Total < least {
		d.t.Errorf("%s has %d (%v); want %d", path, found.Total, err, least)
	}
}

// tour runs the commands of the README that are marked as its tour, one block after the other in one shell, as printed but for
// the address and the state folder of this run. It goes on only while every command succeeds.
func tour(t *testing.T, root string, d *devstack, local string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := tourBlocks(readme)
	if len(blocks) == 0 {
		t.Fatal("README.md has no block marked ```sh tour")
	}
	script := strings.NewReplacer("http://127.0.0.1:5000", d.url, "ws://127.0.0.1:5000", "ws"+strings.TrimPrefix(d.url, "http"), ".local/", local+"/").
		Replace(strings.Join(blocks, "\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-x", "-c", script)
	shell.Dir = t.TempDir() // what it writes is not left in the repository
	output, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("the tour breaks off: %v\n%s\nthe stack says:\n%s", err, output, d.out)
	}
	t.Logf("the tour, as it went:\n%s", output)
}

// tourBlocks are the fenced blocks whose first line is ```sh tour.
func tourBlocks(readme []byte) []string {
	var blocks []string
	for rest := readme; ; {
		_, after, found := bytes.Cut(rest, []byte("\n```sh tour\n"))
		if !found {
			return blocks
		}
		block, next, _ := bytes.Cut(after, []byte("\n```"))
		blocks = append(blocks, string(block))
		rest = next
	}
}

func goCommand(t *testing.T, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

package stack

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// console is the terminal, shared by many writers a line at a time.
type console struct {
	mu  sync.Mutex
	out io.Writer
}

func (c *console) line(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintln(c.out, text) // a terminal that is gone has no reader
}

// logWriter puts a service's log into its file; lines that want somebody's eye also go to the console, under the service's name.
type logWriter struct {
	name    string
	file    *os.File
	console *console
	all     bool
	// started is set while everything is up: before and after, services warn of each other's absence, as they should.
	started atomic.Bool

	mu   sync.Mutex
	rest []byte // an unfinished line
}

// largestLog is when a log file is set aside at the next start.
const largestLog = 16 << 20

func openLog(path, name string, c *console, all bool) (*logWriter, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > largestLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("log of %s: %w", name, err)
		}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	return &logWriter{name: name, file: file, console: c, all: all}, nil
}

// Write implements io.Writer. It accepts everything: a full disk must not stop a service through its log.
func (w *logWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.file.Write(p)
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		if w.all || w.urgent(line) {
			w.console.line(fmt.Sprintf("%-16s| %s", w.name, line))
		}
		w.rest = rest
	}
}

// urgent says whether a line is a warning, an error, or no log line at all (a panic, a report of the race detector).
func (w *logWriter) urgent(line []byte) bool {
	switch {
	case bytes.Contains(line, []byte("level=ERROR")):
		return true
	case bytes.Contains(line, []byte("level=WARN")):
		return w.started.Load()
	default:
		return len(line) > 0 && !bytes.Contains(line, []byte("level="))
	}
}

func (w *logWriter) close() { w.file.Close() }

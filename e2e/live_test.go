package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// event is a server-sent event with the moment it arrived.
type event struct {
	id, name string
	data     json.RawMessage
	arrived  time.Time
}

// stream is an open /v1/live.
type stream struct {
	t      *testing.T
	events chan event
	seen   []event
}

// live opens the event stream of a plot; it ends with the test.
func (c *client) live(plotID string) *stream {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, world.baseURL+"/v1/live?plot_id="+plotID, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", "Bearer "+c.token)
	// A checking transport reads whole answers; this one has no end.
	transport := &http.Transport{}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		cancel()
		c.t.Fatalf("open the stream: %v", err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		cancel()
		c.t.Fatalf("the stream answers %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	s := &stream{t: c.t, events: make(chan event, 1024)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer answer.Body.Close()
		read(bufio.NewScanner(answer.Body), s.events)
	}()
	c.t.Cleanup(func() {
		cancel()
		<-done
		transport.CloseIdleConnections()
	})
	return s
}

func read(lines *bufio.Scanner, into chan<- event) {
	defer close(into)
	lines.Buffer(nil, 1<<20)
	var e event
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = append(e.data, value...)
		}
		if lines.Text() == "" {
			if e.name != "" {
				e.arrived = time.Now()
				into <- e
			}
			e = event{}
		}
	}
}

// await reads on until an event of a kind satisfies; what passes by stays in seen.
func (s *stream) await(name, what string, satisfies func(data map[string]any) bool) event {
	s.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the stream ended; awaited: %s; seen: %s", what, s.names())
			}
			s.seen = append(s.seen, e)
			var data map[string]any
			if err := json.Unmarshal(e.data, &data); err != nil {
				s.t.Fatalf("event %s: %v in %q", e.name, err, e.data)
			}
			if e.name == name && satisfies(data) {
				return e
			}
		case <-timeout:
			s.t.Fatalf("not within %s: %s; seen: %s", patience, what, s.names())
		}
	}
}

func (s *stream) names() string {
	var all []string
	for _, e := range s.seen {
		all = append(all, e.name+string(e.data))
	}
	return strings.Join(all, "\n  ")
}

func is(key, value string) func(map[string]any) bool {
	return func(data map[string]any) bool { return data[key] == value }
}

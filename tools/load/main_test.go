package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLoadCountsWhatFailedAndEnds(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path == "/v1/plots" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetOut(&out)
	cmd.SetArgs([]string{"--url", server.URL, "--for", "300ms", "--workers", "5"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked.Load() < 5 || !strings.Contains(out.String(), "× 503 Service Unavailable") || strings.Contains(out.String(), "failed 0 ") {
		t.Errorf("asked %d times, and it says\n%s", asked.Load(), &out)
	}
}

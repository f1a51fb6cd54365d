package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/gateway"
)

// client is one caller of the public API: nobody in particular, or who a token says. Every answer it is given is checked against
// the document of the service that gave it.
type client struct {
	t     *testing.T
	http  *http.Client
	token string
}

func anonymous(t *testing.T) *client {
	t.Helper()
	product(t)
	return &client{t: t, http: &http.Client{Timeout: 60 * time.Second, Transport: checking(t)}}
}

func (c *client) with(token string) *client {
	other := *c
	other.token = token
	return &other
}

// checking is a transport that holds each answer against its service's document. What the gateway says itself is not in there.
func checking(t *testing.T) http.RoundTripper {
	plain := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(plain.CloseIdleConnections)
	checked := map[string]http.RoundTripper{}
	for service, document := range world.documents {
		checked[service] = document.CheckingTransport(plain, func(err error) { t.Errorf("%s answers against its document: %v", service, err) })
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		route, ok := world.routes.Find(r.URL.Path)
		if !ok || route.Port != gateway.PortHTTP || undocumented(r.URL.Path) {
			return plain.RoundTrip(r)
		}
		return checked[route.Service].RoundTrip(r)
	})
}

// undocumented says whether a path is a page or a document itself.
func undocumented(path string) bool {
	return path == "/" || path == "/docs" || strings.HasPrefix(path, "/docs/") || strings.HasPrefix(path, "/openapi/")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer is a whole answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// String shows an answer in a failure's message.
func (a answer) String() string {
	return fmt.Sprintf("%d %s %.600s", a.status, a.header.Get("Content-Type"), a.body)
}

type option func(*http.Request)

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// try sends a request and returns the error of the way there, if any. A body is sent as it is (io.Reader, with its type by an
// option) or as JSON.
func (c *client) try(ctx context.Context, method, path string, body any, options ...option) (answer, error) {
	var reader io.Reader = http.NoBody
	json := false
	switch b := body.(type) {
	case nil:
	case io.Reader:
		reader = b
	default:
		reader, json = bytes.NewReader(mustJSON(b)), true
	}
	r, err := http.NewRequestWithContext(ctx, method, world.baseURL+path, reader)
	if err != nil {
		return answer{}, err
	}
	if json {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for _, o := range options {
		o(r)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, header: response.Header, body: raw}, err
}

func (c *client) do(method, path string, body any, options ...option) answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), method, path, body, options...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// want sends a request and decodes the answer, which must have the status.
func want[T any](c *client, status int, method, path string, body any, options ...option) T {
	c.t.Helper()
	a := c.do(method, path, body, options...)
	var out T
	if a.status != status {
		c.t.Fatalf("%s %s answers %s; want %d", method, path, a, status)
	}
	if err := json.Unmarshal(a.body, &out); err != nil {
		c.t.Fatalf("%s %s: %v in %s", method, path, err, a)
	}
	return out
}

// get reads a JSON resource.
func get[T any](c *client, path string) T {
	c.t.Helper()
	return want[T](c, http.StatusOK, http.MethodGet, path, nil)
}

// problem is a problem document.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	Errors    []struct {
		Pointer   *string `json:"pointer"`
		Parameter string  `json:"parameter"`
		Code      string  `json:"code"`
		Detail    string  `json:"detail"`
	} `json:"errors"`
	NextFreeAt *time.Time `json:"next_free_at"`
}

func (p problem) code() string { return p.Type[strings.LastIndex(p.Type, ":")+1:] }

// problemOf reads the problem document of an answer.
func problemOf(a answer) (problem, error) {
	var p problem
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		return p, fmt.Errorf("not a problem document but %q", got)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return p, err
	}
	if p.Status != a.status || p.Title == "" || p.Type == "" || p.RequestID == "" {
		return p, errors.New("an incomplete problem document")
	}
	return p, nil
}

// wantProblem is an answer that must be a problem of a status and a code.
func wantProblem(t *testing.T, a answer, status int, code string) problem {
	t.Helper()
	p, err := problemOf(a)
	if err != nil {
		t.Fatalf("%v: %s", err, a)
	}
	if a.status != status || p.code() != code {
		t.Fatalf("got %s; want %d %s", a, status, code)
	}
	return p
}

func mustJSON(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // a test's own value
	}
	return raw
}

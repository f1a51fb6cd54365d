package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

var errTaken = fault.Define(fault.Conflict, "plot_taken", "The plot is taken")

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	for _, kind := range fault.Kinds() {
		status := problem.Status(kind)
		if http.StatusText(status) == "" || status < 400 {
			t.Errorf("%v has the status %d", kind, status)
		}
		if back := problem.KindOf(status); back != kind {
			t.Errorf("%v has the status %d, which stands for %v", kind, status, back)
		}
	}
	if problem.Status(0) != 500 || problem.Status(200) != 500 {
		t.Error("a kind that is none is not a 500")
	}
	for status, want := range map[int]fault.Kind{402: fault.Invalid, 418: fault.Invalid, 501: fault.Internal, 502: fault.Unavailable, 599: fault.Internal, 0: fault.Internal} {
		if got := problem.KindOf(status); got != want {
			t.Errorf("status %d stands for %v, want %v", status, got, want)
		}
	}
}

func TestDocumentsGoThereAndBack(t *testing.T) {
	t.Parallel()
	f := errTaken.Detailf("until %s", "noon").
		At(fault.Field{Parameter: "limit", Code: "range", Detail: "must be at most 500"}, fault.Field{Pointer: "/plot_id", Code: "taken"}, fault.Field{Code: "syntax"}).
		With("next_free_at", "2026-01-31T12:00:00Z").With("also", map[string]any{"a": 1.0})
	const want = `{"type":"urn:ihr:problem:plot_taken","title":"The plot is taken","status":409,"detail":"until noon",` +
		`"instance":"/v1/reservations","request_id":"r1","errors":[` +
		`{"parameter":"limit","code":"range","detail":"must be at most 500"},{"pointer":"/plot_id","code":"taken"},{"pointer":"","code":"syntax"}],` +
		`"also":{"a":1},"next_free_at":"2026-01-31T12:00:00Z"}`
	text, err := json.Marshal(problem.From(f, "/v1/reservations", "r1"))
	if err != nil || string(text) != want {
		t.Errorf("%v\n got %s\nwant %s", err, text, want)
	}
	var read problem.Document
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	back := read.Fault()
	if !errors.Is(back, errTaken) || back.Kind() != fault.Conflict || back.Detail() != "until noon" || back.Title() != f.Title() {
		t.Errorf("back: %v", back)
	}
	if diff := cmp.Diff(f.Fields(), back.Fields()); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(f.Extensions(), back.Extensions()); diff != "" {
		t.Errorf("extensions (-want +got)\n%s", diff)
	}
}

func TestDocumentsOfOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"status":404}`: "remote: Not Found",
		`{"type":"about:blank","title":"No","status":403,"detail":"50% sure"}`: "remote: 50% sure",
		`{}`: "remote: Unknown problem",
	} {
		var d problem.Document
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		if got := d.Fault().Error(); got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	var d problem.Document
	if err := json.Unmarshal([]byte(`[]`), &d); err == nil {
		t.Error("a list is read as a document")
	}
	if _, err := json.Marshal(problem.From(errTaken.With("status", 200), "", "")); err == nil {
		t.Error("an extension overrides the status")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial postgres://user:hunter2@db")
	unauthenticated := fault.Define(fault.Unauthenticated, "bad_token", `The "token" is bad`)
	for name, tt := range map[string]struct {
		err     error
		headers map[string]string
		status  int
		body    string
		want    map[string]string
	}{
		"a fault": {
			err: fmt.Errorf("reserve: %w", errTaken.Because(secret)), status: 409,
			body: `{"type":"urn:ihr:problem:plot_taken","title":"The plot is taken","status":409,"instance":"/v1/x","request_id":"r1"}`,
			want: map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Retry-After": "", "WWW-Authenticate": "", "ETag": ""},
		},
		"anything else": {
			err: secret, status: 500,
			body: `{"type":"urn:ihr:problem:internal","title":"Internal error","status":500,"detail":"Something went wrong on our side. The request id leads us to it.","instance":"/v1/x","request_id":"r1"}`,
		},
		"when to come back": {err: errTaken.After(1500 * time.Millisecond), status: 409, want: map[string]string{"Retry-After": "2"}},
		"no token":          {err: unauthenticated, status: 401, want: map[string]string{"WWW-Authenticate": `Bearer realm="ihr"`}},
		"a bad token": {
			err: unauthenticated, headers: map[string]string{"Authorization": "Bearer x"}, status: 401,
			want: map[string]string{"WWW-Authenticate": `Bearer realm="ihr", error="invalid_token", error_description="The token is bad"`},
		},
		"an unmarshalable extension": {err: errTaken.With("f", func() {}), status: 409},
		"a reserved extension":       {err: errTaken.With("type", "x"), status: 409},
		"fiber's 404":                {err: fiber.NewError(404, "Cannot GET /secret"), status: 404},
		"fiber's 405":                {err: fiber.ErrMethodNotAllowed, status: 405},
		"fiber's 408":                {err: fiber.ErrRequestTimeout, status: 408},
		"fiber's 413":                {err: fiber.ErrRequestEntityTooLarge, status: 413},
		"fiber's 415":                {err: fiber.ErrUnsupportedMediaType, status: 415},
		"fiber's 422":                {err: fiber.ErrUnprocessableEntity, status: 422},
		"fiber's 431":                {err: fiber.ErrRequestHeaderFieldsTooLarge, status: 431},
		"fiber's 400":                {err: fiber.NewError(400, "hunter2"), status: 400},
		"fiber's 500":                {err: fiber.NewError(500, "hunter2"), status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := fiber.New()
			app.Get("/v1/x", func(c *fiber.Ctx) error {
				c.Set("X-Request-Id", "r1")
				c.Set("ETag", `"1"`)
				return problem.Write(c, tt.err)
			})
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/x?token=hunter2", http.NoBody)
			for key, value := range tt.headers {
				request.Header.Set(key, value)
			}
			response, err := app.Test(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != tt.status || tt.body != "" && string(body) != tt.body {
				t.Errorf("%d %s, want %d %s", response.StatusCode, body, tt.status, tt.body)
			}
			if strings.Contains(string(body), "hunter2") || strings.Contains(string(body), "Cannot") {
				t.Errorf("it tells the cause: %s", body)
			}
			for key, want := range tt.want {
				if got := response.Header.Get(key); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			var d problem.Document
			if err := json.Unmarshal(body, &d); err != nil || d.Status != tt.status || d.Title == "" {
				t.Errorf("%s: %v", body, err)
			}
		})
	}
}

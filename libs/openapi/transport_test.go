package openapi

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// canned answers every request alike.
type canned struct {
	status      int
	contentType string
	body        string
	headers     map[string]string
}

func (c canned) RoundTrip(request *http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {c.contentType}}
	for name, value := range c.headers {
		header.Set(name, value)
	}
	body := c.body
	if request.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: request}, nil
}

func TestCheckingTransport(t *testing.T) {
	t.Parallel()
	d := load(t)
	const thing = `[{"id":"` + someID + `","name":"n","size":1}]`
	const json, problemJSON = "application/json; charset=utf-8", "application/problem+json"
	tagged := map[string]string{"ETag": `"1"`}
	for name, tt := range map[string]struct {
		method, path string
		answer       canned
		fault        string // a part of it; "" for none
	}{
		"as promised":              {"GET", "/v1/things", canned{200, json, thing, tagged}, ""},
		"a missing header":         {"GET", "/v1/things", canned{200, json, thing, nil}, "header ETag is missing"},
		"another status":           {"GET", "/v1/things", canned{202, json, thing, tagged}, "does not promise this status"},
		"a 500":                    {"GET", "/v1/things", canned{500, problemJSON, `{"type":"t","title":"t","status":500}`, nil}, "does not promise this status"},
		"another content type":     {"GET", "/v1/things", canned{200, "text/html", thing, tagged}, `content type "text/html"`},
		"a wrong body":             {"GET", "/v1/things", canned{200, json, `[{"name":1,"size":1}]`, tagged}, "body /0/name: type"},
		"a missing member":         {"GET", "/v1/things", canned{200, json, `[{"name":"n"}]`, tagged}, "body /0/size: required"},
		"an undocumented member":   {"GET", "/v1/things", canned{200, json, `[{"name":"n","size":1,"password_hash":"x"}]`, tagged}, "body /0/password_hash: unknown"},
		"broken JSON":              {"GET", "/v1/things", canned{200, json, `[`, tagged}, "syntax"},
		"an empty body":            {"GET", "/v1/things", canned{200, json, ``, tagged}, "syntax"},
		"HEAD":                     {"HEAD", "/v1/things", canned{200, json, thing, tagged}, ""},
		"a 304":                    {"GET", "/v1/things", canned{304, "", "", nil}, ""},
		"a body with a 304":        {"GET", "/v1/things", canned{304, json, thing, nil}, "promises no body"},
		"a problem":                {"GET", "/v1/things", canned{400, problemJSON, `{"type":"t","title":"t","status":400,"next_free_at":"x"}`, nil}, ""},
		"a broken problem":         {"GET", "/v1/things", canned{400, problemJSON, `{"type":"t"}`, nil}, "/status: required"},
		"a problem of the server":  {"POST", "/v1/things", canned{413, problemJSON, `{}`, nil}, ""},
		"a 413 of somebody else":   {"POST", "/v1/things", canned{413, "text/html", ``, nil}, "does not promise this status"},
		"a class of statuses":      {"GET", "/v1/things/first", canned{203, "text/plain", "first", nil}, ""},
		"a default":                {"GET", "/v1/things/" + someID, canned{404, json, `{"name":"n","size":1}`, nil}, ""},
		"a path beside fixed text": {"GET", "/v1/labels/a.txt", canned{200, "text/html", "", nil}, `content type "text/html"`},
		"a path of somebody else":  {"GET", "/healthz", canned{418, "text/plain", "tea", nil}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var faults []string
			transport := d.CheckingTransport(tt.answer, func(err error) { faults = append(faults, err.Error()) })
			request, err := http.NewRequestWithContext(t.Context(), tt.method, "http://shop.test"+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.method != "HEAD" && string(body) != tt.answer.body {
				t.Errorf("the body became %q", body)
			}
			got := strings.Join(faults, "\n")
			if tt.fault == "" && got != "" || !strings.Contains(got, tt.fault) {
				t.Errorf("reported %q, want %q", got, tt.fault)
			}
		})
	}
}

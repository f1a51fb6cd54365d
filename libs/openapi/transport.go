package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// CheckingTransport returns a transport that calls onFault for each response
// that the document does not promise: an operation, status or content type it
// does not have, a missing header that it requires, a body that does not match
// its schema or has members that the schema does not know. Paths that the
// document does not have are let through: they belong to somebody else. So are
// the answers of the server around the routes (405, 408, 413, 415, 431 as
// problem documents), which every operation has. It reads each body of a checked
// response into memory, but leaves event streams alone.
func (d *Document) CheckingTransport(next http.RoundTripper, onFault func(error)) http.RoundTripper {
	return &checkingTransport{document: d, next: next, onFault: onFault}
}

type checkingTransport struct {
	document *Document
	next     http.RoundTripper
	onFault  func(error)
}

func (t *checkingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	op := t.document.find(request.Method, request.URL.EscapedPath())
	if op == nil {
		return response, nil
	}
	if err := op.checkResponse(request, response); err != nil {
		t.onFault(fmt.Errorf("%s %s (%s) answered %d: %w", request.Method, request.URL.Path, op.ID, response.StatusCode, err))
	}
	return response, nil
}

// find returns the operation of a path; a path of fixed segments comes before
// one with parameters. HEAD falls back to GET.
func (d *Document) find(method, path string) *operation {
	var best *operation
	for _, op := range d.operations {
		if op.Method != method || !pathMatches(op.Path, path) {
			continue
		}
		if best == nil || strings.Count(op.Path, "{") < strings.Count(best.Path, "{") {
			best = op
		}
	}
	if best == nil && method == http.MethodHead {
		return d.find(http.MethodGet, path)
	}
	return best
}

// pathMatches compares segment by segment; a parameter may share its segment
// with fixed text, as in {id}.json.
func pathMatches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, segment := range want {
		before, rest, parameter := strings.Cut(segment, "{")
		if !parameter {
			if segment != got[i] {
				return false
			}
			continue
		}
		_, after, _ := strings.Cut(rest, "}")
		if len(got[i]) <= len(before)+len(after) || !strings.HasPrefix(got[i], before) || !strings.HasSuffix(got[i], after) {
			return false
		}
	}
	return true
}

// serverStatuses are answers of the server around the routes.
var serverStatuses = []int{
	http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge,
	http.StatusUnsupportedMediaType, http.StatusRequestHeaderFieldsTooLarge,
}

const problemType = "application/problem+json"

func (op *operation) checkResponse(request *http.Request, response *http.Response) error {
	promised := op.promised(response.StatusCode)
	contentType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	contentType = strings.ToLower(strings.TrimSpace(contentType))
	if promised == nil {
		if slices.Contains(serverStatuses, response.StatusCode) && contentType == problemType {
			return nil
		}
		return errors.New("the document does not promise this status")
	}
	var faults []error
	for name, header := range promised.Headers {
		if header.Value.Required && response.Header.Get(name) == "" {
			faults = append(faults, fmt.Errorf("the header %s is missing", name))
		}
	}
	if contentType != "text/event-stream" {
		body, err := readBody(response)
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		if request.Method != http.MethodHead {
			faults = append(faults, checkContent(promised, contentType, body))
		}
	}
	return errors.Join(faults...)
}

// promised finds the response of a status: by the code itself, its class, or the default.
func (op *operation) promised(status int) *openapi3.Response {
	code := strconv.Itoa(status)
	for _, key := range []string{code, code[:1] + "XX", "default"} {
		if ref := op.spec.Responses.Value(key); ref != nil {
			return ref.Value
		}
	}
	return nil
}

// readBody reads the body and puts a copy in its place.
func readBody(response *http.Response) ([]byte, error) {
	body, err := io.ReadAll(response.Body)
	if cerr := response.Body.Close(); err == nil {
		err = cerr
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

func checkContent(promised *openapi3.Response, contentType string, body []byte) error {
	if len(promised.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("the document promises no body, there are %d bytes of %s", len(body), contentType)
		}
		return nil
	}
	content := mediaOf(promised.Content, contentType)
	if content == nil {
		return fmt.Errorf("the document does not promise the content type %q", contentType)
	}
	if content.Schema == nil || content.Schema.Value == nil || !isJSON([]byte(contentType)) {
		return nil
	}
	var found faults
	checkJSON(content.Schema.Value, body, asResponse, &found)
	var faults []error
	for _, f := range found.fields {
		// Problem documents are made to be extended (RFC 9457, section 3.2).
		if contentType == problemType && f.Code == codeUnknown {
			continue
		}
		faults = append(faults, fmt.Errorf("body %s: %s: %s", f.Pointer, f.Code, f.Detail))
	}
	return errors.Join(faults...)
}

func mediaOf(content openapi3.Content, contentType string) *openapi3.MediaType {
	class, _, _ := strings.Cut(contentType, "/")
	for name, media := range content {
		bare, _, _ := strings.Cut(strings.ToLower(name), ";")
		if bare = strings.TrimSpace(bare); bare == contentType || bare == class+"/*" || bare == "*/*" {
			return media
		}
	}
	return nil
}

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// TestBadInputIsRefusedByName asks every operation of the three documents with every parameter unknown, malformed, duplicated and
// out of range, and with every kind of bad body. Each answer must be a 4xx problem that names the culprit, never a 5xx.
func TestBadInputIsRefusedByName(t *testing.T) {
	product(t)
	cases := 0
	for _, service := range stack.Services {
		document, err := openapi3.NewLoader().LoadFromFile(filepath.Join(world.root, "api", "openapi", service+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range document.Paths.InMatchingOrder() {
			item := document.Paths.Value(path)
			operations := item.Operations()
			for _, method := range slices.Sorted(maps.Keys(operations)) {
				t.Run(service+"/"+operations[method].OperationID, func(t *testing.T) {
					s := newSweep(t, path, item, method, operations[method])
					s.parameters()
					s.bodies()
					cases += s.cases
				})
			}
			t.Run(service+path+"/undefined methods", func(t *testing.T) {
				cases += undefinedMethods(t, path, operations)
			})
		}
	}
	t.Logf("%d bad requests", cases)
	if cases < 1000 {
		t.Errorf("only %d bad requests were made: the documents were not read as they should", cases)
	}
}

// sweep asks one operation.
type sweep struct {
	t      *testing.T
	caller *client
	key    string // an API key in place of the caller's token, where nothing else is taken
	path   string
	method string
	params openapi3.Parameters
	body   *openapi3.Schema // JSON; nil when there is none
	media  string
	form   bool
	needed bool // the body
	cases  int
}

func newSweep(t *testing.T, path string, item *openapi3.PathItem, method string, o *openapi3.Operation) *sweep {
	t.Helper()
	s := &sweep{t: t, caller: administrator(t), path: path, method: method, params: append(slices.Clone(item.Parameters), o.Parameters...)}
	if o.Security != nil && len(*o.Security) == 1 && (*o.Security)[0]["api_key"] != nil {
		_, s.key = newAPIKey(s.caller, "profile")
		s.caller = anonymous(t)
	}
	if o.RequestBody == nil {
		return s
	}
	s.needed = o.RequestBody.Value.Required
	for media, content := range o.RequestBody.Value.Content {
		switch {
		case media == "application/json":
			s.body, s.media = content.Schema.Value, media
		case media == "application/x-www-form-urlencoded":
			s.form, s.media = true, media
		case s.media == "":
			s.media = media
		}
	}
	return s
}

// ask sends a request that is good but for what the arguments say.
type ask struct {
	path    map[string]string
	query   string // as it stands in the URL
	headers map[string]string
	body    []byte // instead of the good one
	media   string // instead of the good one
}

func (s *sweep) send(a ask) answer {
	s.t.Helper()
	s.cases++
	target := s.path
	query := []string{}
	for _, p := range s.params {
		switch {
		case p.Value.In == "path":
			value := goodText(p.Value.Schema.Value)
			if bad, ok := a.path[p.Value.Name]; ok {
				value = bad
			}
			target = strings.Replace(target, "{"+p.Value.Name+"}", url.PathEscape(value), 1)
		case p.Value.In == "query" && p.Value.Required && !strings.Contains("&"+a.query, "&"+p.Value.Name+"="):
			query = append(query, p.Value.Name+"="+url.QueryEscape(goodText(p.Value.Schema.Value)))
		}
	}
	if a.query != "" {
		query = append(query, a.query)
	}
	if len(query) > 0 {
		target += "?" + strings.Join(query, "&")
	}
	var options []option
	for name, value := range a.headers {
		options = append(options, header(name, value))
	}
	if s.key != "" {
		options = append(options, header("X-API-Key", s.key))
	}
	media := s.media
	if a.media != "" {
		media = a.media
	}
	body := a.body
	if body == nil && s.body != nil {
		body = mustJSON(goodValue(s.body, 0))
	}
	if media != "" {
		options = append(options, header("Content-Type", media))
	}
	return s.caller.do(s.method, target, bytes.NewReader(body), options...)
}

// refused checks that an answer is a 4xx problem, and one that names the culprit when there is one.
func (s *sweep) refused(why string, a answer, names func(problem) bool) {
	s.t.Helper()
	if strings.HasPrefix(s.path, ocpi) && a.header.Get("Content-Type") == "application/json" {
		s.refusedOverOCPI(why, a)
		return
	}
	if a.status < 400 || a.status > 499 {
		s.t.Errorf("%s: %s", why, a)
		return
	}
	if s.form && a.header.Get("Content-Type") == "application/json" {
		return // the errors of OAuth have a form of their own; the document's check has seen it
	}
	p, err := problemOf(a)
	if err != nil {
		s.t.Errorf("%s: %v: %s", why, err, a)
		return
	}
	if a.status == http.StatusRequestHeaderFieldsTooLarge {
		return // longer than any request line may be: nothing in it was read
	}
	if names != nil && !names(p) {
		s.t.Errorf("%s: the culprit is not named: %s", why, a)
	}
}

const (
	// ocpi begins the paths that answer as OCPI does.
	ocpi = "/ocpi/"
	// ocm begins those whose clients may leave a parameter empty, and write words in any case.
	ocm = "/ocm/"
)

// refusedOverOCPI checks that an answer is a client's error of OCPI, and says what the matter is. What is wrong with a well-formed request is
// told with HTTP 200.
func (s *sweep) refusedOverOCPI(why string, a answer) {
	s.t.Helper()
	var told struct {
		StatusCode    int    `json:"status_code"`
		StatusMessage string `json:"status_message"`
	}
	err := json.Unmarshal(a.body, &told)
	if err != nil || told.StatusCode < 2000 || told.StatusCode > 2999 || told.StatusMessage == "" || a.status != http.StatusOK && a.status/100 != 4 {
		s.t.Errorf("%s: %s", why, a)
	}
}

func parameter(name string) func(problem) bool {
	return func(p problem) bool {
		for _, e := range p.Errors {
			if strings.EqualFold(e.Parameter, name) && e.Code != "" && e.Detail != "" {
				return true
			}
		}
		return false
	}
}

func pointer(at string) func(problem) bool {
	return func(p problem) bool {
		for _, e := range p.Errors {
			// A fault deeper inside names the place itself.
			if e.Pointer != nil && (*e.Pointer == at || strings.HasPrefix(*e.Pointer, at+"/")) && e.Code != "" && e.Detail != "" {
				return true
			}
		}
		return false
	}
}

// oneOf is what a path wants besides what its schema requires: one of several parameters.
var oneOf = map[string]string{"/v1/stations/{station_id}/quote": "energy_kwh=10"}

func (s *sweep) parameters() {
	s.t.Helper()
	s.refused("an unknown query parameter", s.send(ask{query: "surprise=1"}), parameter("surprise"))
	s.refused("a parameter in the wrong case", s.send(ask{query: "LIMIT=1"}), parameter("LIMIT"))
	for _, ref := range s.params {
		p := ref.Value
		schema := p.Schema.Value
		switch p.In {
		case "path":
			for _, bad := range append(badTexts(schema), badText{"of strange letters", "ü\u202e'\";--"}) {
				if bad.value != "" {
					s.refused(fmt.Sprintf("%s %s (%.40q)", p.Name, bad.why, bad.value), s.send(ask{path: map[string]string{p.Name: bad.value}}), parameter(p.Name))
				}
			}
			if s.method == http.MethodGet && !strings.HasPrefix(s.path, ocpi) && !schema.Type.Is("integer") { // any number is a place on the map
				if a := s.send(ask{path: map[string]string{p.Name: uuid.NewString()}, query: oneOf[s.path]}); a.status != http.StatusNotFound {
					s.t.Errorf("an unknown %s answers %s", p.Name, a)
				}
			}
		case "query":
			bads := badTexts(schema)
			if schema.Type.Is("string") {
				bads = append(bads, badText{"with a NUL", "\x00"}, badText{"that is no UTF-8", "\xff"})
			}
			// What a list is of is looked up before its cursor is read.
			if (p.Name == "cursor" || p.Name == "after") && !strings.Contains(s.path, "{") {
				bads = append(bads, badText{"forged", "Zm9yZ2Vk"}, badText{"with a quote", "' OR 1=1 --"})
			}
			if strings.HasPrefix(s.path, ocm) {
				bads = slices.DeleteFunc(bads, func(b badText) bool { return b.value == "" || strings.EqualFold(b.value, "true") })
			}
			for _, bad := range bads {
				s.refused(fmt.Sprintf("%s %s (%.40q)", p.Name, bad.why, bad.value), s.send(ask{query: p.Name + "=" + url.QueryEscape(bad.value)}), parameter(p.Name))
			}
			if schema.Type.Is("array") {
				continue // may be repeated
			}
			twice := p.Name + "=" + url.QueryEscape(goodText(schema))
			s.refused(p.Name+" twice", s.send(ask{query: twice + "&" + twice}), parameter(p.Name))
		case "header":
			if schema.MaxLength != nil {
				long := strings.Repeat("x", int(*schema.MaxLength)+1)
				s.refused(p.Name+" too long", s.send(ask{headers: map[string]string{p.Name: long}}), parameter(p.Name))
			}
		}
	}
}

func (s *sweep) bodies() {
	s.t.Helper()
	if s.media == "" {
		return
	}
	s.refused("a body of an unknown type", s.send(ask{media: "application/x-nonsense", body: []byte("?")}), nil)
	s.refused("a compressed body", s.send(ask{headers: map[string]string{"Content-Encoding": "gzip"}}), nil)
	if s.body == nil {
		return
	}
	s.refused("a huge body", s.send(ask{body: []byte(`{"surprise":"` + strings.Repeat("a", 3<<20) + `"}`)}), nil)
	for _, bad := range badBodies(s.body) {
		if len(bad.raw) == 0 && !s.needed {
			continue
		}
		var names func(problem) bool
		if bad.at != nil {
			names = pointer(*bad.at)
		}
		s.refused(bad.why, s.send(ask{body: bad.raw}), names)
	}
	for _, bad := range nulBodies(s.body) {
		s.refused(bad.why, s.send(ask{body: bad.raw}), nil)
	}
}

// undefinedMethods asks a path with the methods that it does not have.
func undefinedMethods(t *testing.T, path string, defined map[string]*openapi3.Operation) (cases int) {
	t.Helper()
	caller := administrator(t)
	target := strings.NewReplacer("{", "", "}", "").Replace(path)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "SURPRISE"} {
		if defined[method] != nil {
			continue
		}
		cases++
		a := caller.do(method, target, nil)
		_, err := problemOf(a)
		if err != nil || a.status < 400 || (a.status > 499 && a.status != http.StatusNotImplemented) {
			t.Errorf("%s answers %s (%v)", method, a, err)
		}
	}
	return cases
}

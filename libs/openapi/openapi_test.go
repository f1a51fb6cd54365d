package openapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

const someID = "0190a6f0-3c2b-7000-8000-000000000000"

func load(t testing.TB) *Document {
	t.Helper()
	spec, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(spec)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shop serves every operation of the document. The caller's scopes stand in the
// header X-Scopes, in place of a token.
func shop(t testing.TB) *fiber.App {
	t.Helper()
	d := load(t)
	app := httpserver.New(httpserver.Config{}, telemetry.Discard()).App()
	identify := func(c *fiber.Ctx) error {
		if scopes := c.Request().Header.Peek("X-Scopes"); len(scopes) > 0 {
			p := authn.Principal{Subject: uuid.Must(uuid.NewV7()), Scopes: strings.Fields(string(scopes))}
			if c.Get(authn.HeaderAPIKey) != "" {
				p.Key = uuid.Must(uuid.NewV7())
			}
			c.SetUserContext(authn.NewContext(c.UserContext(), p))
		}
		return c.Next()
	}
	routes := d.Router(app, identify)
	for _, op := range d.Operations() {
		handler := func(c *fiber.Ctx) error { return c.SendString(op.ID) }
		if op.Method == http.MethodGet {
			routes.Get(FiberPath(op.Path), handler)
		} else {
			routes.Add(op.Method, FiberPath(op.Path), handler)
		}
	}
	return app
}

// outcome is what a request led to, in short: the operation that ran, or the
// code of the problem and its errors.
type outcome struct {
	Status int
	Ran    string
	Code   string
	Errors []string // "code where"
}

type call struct {
	method, path, body, contentType, scopes string
	headers                                 map[string]string
}

func do(t testing.TB, app *fiber.App, in call) (outcome, problem.Document) {
	t.Helper()
	request := httptest.NewRequestWithContext(context.Background(), in.method, in.path, strings.NewReader(in.body))
	for name, value := range in.headers {
		request.Header.Set(name, value)
	}
	if in.contentType != "" {
		request.Header.Set("Content-Type", in.contentType)
	}
	if in.scopes != "" {
		request.Header.Set("X-Scopes", in.scopes)
	}
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := outcome{Status: response.StatusCode}
	if response.StatusCode < 400 {
		out.Ran = string(body)
		return out, problem.Document{}
	}
	var d problem.Document
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	out.Code = strings.TrimPrefix(d.Type, problem.TypePrefix)
	for _, e := range d.Errors {
		where := e.Parameter
		if e.Pointer != nil {
			where = "#" + *e.Pointer
		}
		out.Errors = append(out.Errors, e.Code+" "+where)
		if e.Detail == "" {
			t.Errorf("%s does not say what is allowed", where)
		}
	}
	return out, d
}

func invalid(errors ...string) outcome {
	return outcome{Status: 400, Code: "invalid_request", Errors: errors}
}

func ran(id string) outcome { return outcome{Status: 200, Ran: id} }

func TestQueryParameters(t *testing.T) {
	t.Parallel()
	app := shop(t)
	ok := ran("listThings")
	for query, want := range map[string]outcome{
		"": ok,
		"text=ab&count=1&free=true&colour=red&word=x&weight=0.1&since=2026-01-31T12:00:00%2B01:00&day=2026-02-28": ok,
		"&&text=ab&":        ok,
		"text=%C3%A4%C3%B6": ok,
		"text=%F0%9F%9A%97%F0%9F%9A%97%F0%9F%9A%97": ok, // three characters of four bytes
		"text=a":                     invalid("length text"),
		"text=abcdef":                invalid("length text"),
		"text=":                      invalid("length text"),
		"text":                       invalid("length text"),
		"text=a+b":                   ok,
		"text=%ff%fe":                invalid("encoding text"),
		"text=a%00b":                 invalid("encoding text"),
		"text=%zz":                   invalid("encoding text"),
		"text=ab%":                   invalid("encoding text"),
		"text=ab;count=1":            invalid("encoding text"),
		"text=ab&text=cd":            invalid("duplicate text"),
		"text=ab&text=cd&text=ef":    invalid("duplicate text"),
		"text=ab&%74ext=cd":          invalid("duplicate text"),
		"word=ABC":                   invalid("pattern word"),
		"word=a%0A":                  invalid("pattern word"),
		"colour=Red":                 invalid("enum colour"),
		"colour=":                    invalid("enum colour"),
		"Colour=red":                 invalid("unknown Colour"),
		"color=red":                  invalid("unknown color"),
		"colour[]=red":               invalid("unknown colour[]"),
		"%ff=1":                      invalid("encoding ?"),
		"=1":                         invalid("unknown ?"),
		"count=0":                    invalid("range count"),
		"count=501":                  invalid("range count"),
		"count=99999999999999999999": invalid("range count"),
		"count=1.0":                  invalid("type count"),
		"count=1e2":                  invalid("type count"),
		"count=0x10":                 invalid("type count"),
		"count=+5":                   invalid("type count"),
		"count=%2B5":                 invalid("type count"),
		"count=":                     invalid("type count"),
		"count=NaN":                  invalid("type count"),
		"count=five":                 invalid("type count"),
		"count=٣":                    invalid("type count"),
		"small=2147483648":           invalid("range small"),
		"small=-2147483648":          ok,
		"weight=0":                   invalid("range weight"),
		"weight=10":                  ok,
		"weight=10.0001":             invalid("range weight"),
		"weight=NaN":                 invalid("type weight"),
		"weight=Inf":                 invalid("type weight"),
		"weight=-Infinity":           invalid("type weight"),
		"weight=0x1p-2":              invalid("type weight"),
		"weight=1e400":               invalid("range weight"),
		"weight=1_0":                 invalid("type weight"),
		"weight=":                    invalid("type weight"),
		"weight=.":                   invalid("type weight"),
		"exact=1e300":                ok,
		"exact=0.3":                  invalid("range exact"),
		"free=1":                     invalid("type free"),
		"free=TRUE":                  invalid("type free"),
		"id=" + someID:               ok,
		"id=" + strings.ReplaceAll(someID, "-", ""): invalid("format id"),
		"id={" + someID + "}":                       invalid("format id"),
		"id=1%27%20OR%201=1":                        invalid("format id"),
		"since=2026-01-31":                          invalid("format since"),
		"since=2026-02-30T00:00:00Z":                invalid("format since"),
		"since=2026-01-31T1:00:00Z":                 invalid("format since"),
		"since=2026-01-31T12:00:00,5Z":              invalid("format since"),
		"day=2026-02-29":                            invalid("format day"),
		"tag=a&tag=b&tag=c":                         ok,
		"tag=a&tag=b&tag=c&tag=d":                   invalid("items tag"),
		"tag=a,b":                                   invalid("enum tag"),
		"tag=z":                                     invalid("enum tag"),
		"ids=1,2":                                   ok,
		"ids=1%2C2":                                 ok,
		"ids=1,2,3":                                 invalid("items ids"),
		"ids=1,1":                                   invalid("items ids"),
		"ids=1,":                                    invalid("type ids"),
		"ids=1&ids=2":                               invalid("duplicate ids"),
		"pipes=1|2|3":                               ok,
		"count=0&weight=x&nothing=1&colour=blue":    invalid("range count", "type weight", "unknown nothing", "enum colour"),
		strings.Repeat("tag=a&", 1100):              invalid("items ?"),
	} {
		t.Run(query[:min(len(query), 60)], func(t *testing.T) {
			t.Parallel()
			// A raw request target: net/http would repair some of them.
			got, _ := do(t, app, call{method: "GET", path: "/v1/things?" + query})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("?%s (-want +got)\n%s", query, diff)
			}
		})
	}
}

func TestFaultsSayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	_, d := do(t, shop(t), call{method: "GET", path: "/v1/things?count=0&weight=-1&colour=blue&color=x&tag=z&word=A"})
	details := make(map[string]string)
	for _, e := range d.Errors {
		details[e.Parameter] = e.Detail
	}
	want := map[string]string{
		"count":  "must be a whole number, at least 1 and at most 500",
		"weight": "must be a number, more than 0 and at most 10",
		"colour": "must be one of: red, green",
		"color":  "is not known; known are: text, word, colour, count, small, weight, exact, free, id, since, day, tag, ids, pipes",
		"tag":    "must be one of: a, b, c, d",
		"word":   "must be small letters",
	}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := "count must be a whole number, at least 1 and at most 500 (and 5 more in errors)"; d.Detail != want {
		t.Errorf("detail %q, want %q", d.Detail, want)
	}
}

// TestEveryPatternIsSaidInWords promises that no caller of a service is answered with a regular expression.
func TestEveryPatternIsSaidInWords(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../api/openapi/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		spec, err := openapi3.NewLoader().LoadFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := spec.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		eachObject(document, func(object map[string]any) {
			if pattern, ok := object["pattern"].(string); ok && object["x-pattern-text"] == nil {
				t.Errorf("%s: the pattern %s has no x-pattern-text", filepath.Base(file), pattern)
			}
		})
	}
}

func eachObject(value any, visit func(map[string]any)) {
	switch value := value.(type) {
	case map[string]any:
		visit(value)
		for _, member := range value {
			eachObject(member, visit)
		}
	case []any:
		for _, item := range value {
			eachObject(item, visit)
		}
	}
}

func TestParametersElsewhere(t *testing.T) {
	t.Parallel()
	app := shop(t)
	write := func(headers map[string]string) call {
		return call{
			method: "POST", path: "/v1/things", scopes: "things:write", contentType: "application/json",
			body: `{"name":"n","size":1}`, headers: headers,
		}
	}
	for name, tt := range map[string]struct {
		in   call
		want outcome
	}{
		"a path parameter":                   {call{method: "GET", path: "/v1/things/" + someID}, ran("getThing")},
		"a malformed one":                    {call{method: "GET", path: "/v1/things/4711"}, invalid("format id")},
		"an escaped one":                     {call{method: "GET", path: "/v1/things/%30" + someID[1:]}, ran("getThing")},
		"one with a NUL":                     {call{method: "GET", path: "/v1/labels/%00.txt"}, invalid("encoding name")},
		"one beside fixed text":              {call{method: "GET", path: "/v1/labels/abc.txt"}, ran("getLabel")},
		"one that is too long":               {call{method: "GET", path: "/v1/labels/abcdef.txt"}, invalid("length name")},
		"a fixed path before a parameter":    {call{method: "GET", path: "/v1/things/first"}, ran("firstThing")},
		"a query where there is none":        {call{method: "GET", path: "/v1/things/first?x=1"}, invalid("unknown x")},
		"required parameters":                {call{method: "GET", path: "/v1/must"}, invalid("required one", "required two")},
		"one of them":                        {call{method: "GET", path: "/v1/must?two=2"}, invalid("required one")},
		"an empty one":                       {call{method: "GET", path: "/v1/must?one=&two=2"}, ran("must")},
		"a required header":                  {write(nil), invalid("required Idempotency-Key")},
		"a header":                           {write(map[string]string{"Idempotency-Key": "k"}), ran("createThing")},
		"a header that is too long":          {write(map[string]string{"Idempotency-Key": "12345678901"}), invalid("length Idempotency-Key")},
		"HEAD of a GET":                      {call{method: "HEAD", path: "/v1/things/first"}, outcome{Status: 200}},
		"a GET with a body":                  {call{method: "GET", path: "/v1/things", body: "x"}, invalid("unwanted #")},
		"a path that is not in the document": {call{method: "GET", path: "/v1/other"}, outcome{Status: 404, Code: "no_such_path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := do(t, app, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestJSONBodies(t *testing.T) {
	t.Parallel()
	app := shop(t)
	ok := ran("createThing")
	for name, tt := range map[string]struct {
		body string
		want outcome
	}{
		"the least":                 {`{"name":"n","size":1}`, ok},
		"blanks around":             {" \n{\"name\":\"n\",\"size\":1}\n ", ok},
		"all":                       {`{"name":"n","size":1,"ratio":0.5,"kind":"fancy","made":"2026-01-31T12:00:00Z","owner":null,"tags":["a","b"],"maker":{"name":"m","city":"c"},"price":{"free":true},"extra":{"x":1},"anything":{"y":[1,{}]}}`, ok},
		"none":                      {``, invalid("required #")},
		"no JSON":                   {`{"name":`, invalid("syntax #")},
		"a bare word":               {`name`, invalid("syntax #")},
		"two values":                {`{"name":"n","size":1}{}`, invalid("syntax #")},
		"garbage behind":            {`{"name":"n","size":1}]`, invalid("syntax #")},
		"bad UTF-8":                 {"{\"name\":\"\xff\",\"size\":1}", invalid("encoding #")},
		"too deep":                  {strings.Repeat(`{"anything":`, 100) + "1" + strings.Repeat("}", 100), invalid("syntax #")},
		"deep arrays":               {strings.Repeat(`[`, 60000), invalid("syntax #")},
		"a NUL":                     {`{"name":"a\u0000","size":1}`, invalid("encoding #/name")},
		"no object":                 {`[]`, invalid("type #")},
		"null":                      {`null`, invalid("null #")},
		"an empty object":           {`{}`, invalid("required #/name", "required #/size")},
		"an unknown member":         {`{"name":"n","size":1,"role":"admin"}`, invalid("unknown #/role")},
		"a member in other case":    {`{"Name":"n","size":1}`, invalid("unknown #/Name", "required #/name")},
		"a member twice":            {`{"name":"n","size":1,"size":2}`, invalid("duplicate #/size")},
		"a member twice, escaped":   {`{"name":"n","size":1,"siz\u0065":2}`, invalid("duplicate #/size")},
		"one of the server's":       {`{"name":"n","size":1,"id":"` + someID + `"}`, invalid("read_only #/id")},
		"a null":                    {`{"name":null,"size":1}`, invalid("null #/name")},
		"too short":                 {`{"name":"","size":1}`, invalid("length #/name")},
		"too long":                  {`{"name":"12345678901","size":1}`, invalid("length #/name")},
		"a pattern":                 {`{"name":"a!","size":1}`, invalid("pattern #/name")},
		"a wrong type":              {`{"name":7,"size":"1"}`, invalid("type #/name", "type #/size")},
		"a fraction":                {`{"name":"n","size":1.5}`, invalid("type #/size")},
		"a whole number as 1.0":     {`{"name":"n","size":1.0}`, invalid("type #/size")},
		"a whole number as 1e0":     {`{"name":"n","size":1e0}`, invalid("type #/size")},
		"too small":                 {`{"name":"n","size":0}`, invalid("range #/size")},
		"far too large":             {`{"name":"n","size":1e400}`, invalid("type #/size")},
		"beyond 64 bits":            {`{"name":"n","size":99999999999999999999}`, invalid("range #/size")},
		"beyond 32-bit floats":      {`{"name":"n","size":1,"ratio":1e39}`, invalid("range #/ratio")},
		"beyond 64-bit floats":      {`{"name":"n","size":1,"ratio":1e400}`, invalid("range #/ratio")},
		"an enumeration":            {`{"name":"n","size":1,"kind":"odd"}`, invalid("enum #/kind")},
		"a time":                    {`{"name":"n","size":1,"made":"yesterday"}`, invalid("format #/made")},
		"an id":                     {`{"name":"n","size":1,"owner":"4711"}`, invalid("format #/owner")},
		"too many items":            {`{"name":"n","size":1,"tags":["a","b","c"]}`, invalid("items #/tags")},
		"an item twice":             {`{"name":"n","size":1,"tags":["a","a"]}`, invalid("items #/tags")},
		"a wrong item":              {`{"name":"n","size":1,"tags":["a","long"]}`, invalid("length #/tags/1")},
		"an unknown inner member":   {`{"name":"n","size":1,"maker":{"name":"m","town":"c"}}`, invalid("unknown #/maker/town")},
		"a wrong inner member":      {`{"name":"n","size":1,"maker":{"city":"long"}}`, invalid("length #/maker/city", "required #/maker/name")},
		"an odd choice":             {`{"name":"n","size":1,"price":{"amount":1}}`, invalid("schema #/price")},
		"an unknown of choices":     {`{"name":"n","size":1,"price":{"free":true,"x":1}}`, invalid("unknown #/price/x")},
		"a wrong additional member": {`{"name":"n","size":1,"extra":{"x":"y"}}`, invalid("type #/extra/x")},
		"an odd name":               {`{"name":"n","size":1,"a/b~c":1}`, invalid("unknown #/a~1b~0c")},
		"several at once":           {`{"name":"","size":11,"kind":1,"x":1}`, invalid("enum #/kind", "length #/name", "range #/size", "unknown #/x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := do(t, app, call{
				method: "POST", path: "/v1/things", body: tt.body, contentType: "application/json; charset=utf-8",
				scopes: "things:write", headers: map[string]string{"Idempotency-Key": "k"},
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestOtherBodies(t *testing.T) {
	t.Parallel()
	app := shop(t)
	const thing = `{"name":"n","size":1}`
	key := map[string]string{"Idempotency-Key": "k"}
	for name, tt := range map[string]struct {
		in   call
		want outcome
	}{
		"another JSON type":     {call{method: "POST", path: "/v1/things", body: thing, contentType: "application/vnd.shop+JSON", headers: key}, ran("createThing")},
		"a wrong type":          {call{method: "POST", path: "/v1/things", body: thing, contentType: "text/plain", headers: key}, outcome{Status: 415, Code: "unsupported_media_type"}},
		"no type":               {call{method: "POST", path: "/v1/things", body: thing, headers: key}, outcome{Status: 415, Code: "unsupported_media_type"}},
		"a wrong type and more": {call{method: "POST", path: "/v1/things?x=1", body: thing, contentType: "text/plain", headers: key}, invalid("unknown x")},
		"an optional body":      {call{method: "PATCH", path: "/v1/things/" + someID}, ran("updateThing")},
		"a patch":               {call{method: "PATCH", path: "/v1/things/" + someID, body: `{"name":null}`, contentType: "application/merge-patch+json"}, ran("updateThing")},
		"an empty patch":        {call{method: "PATCH", path: "/v1/things/" + someID, body: `{}`, contentType: "application/merge-patch+json"}, invalid("items #")},
		"a closed patch":        {call{method: "PATCH", path: "/v1/things/" + someID, body: `{"x":1}`, contentType: "application/merge-patch+json"}, invalid("unknown #/x")},
		"a body where none is":  {call{method: "DELETE", path: "/v1/things/" + someID, body: thing, contentType: "application/json"}, invalid("unwanted #")},
		"a form":                {call{method: "POST", path: "/v1/form", body: "kind=x&times=5&scope=a&scope=b", contentType: "application/x-www-form-urlencoded"}, ran("sendForm")},
		"a form with faults":    {call{method: "POST", path: "/v1/form", body: "times=6&x=1", contentType: "application/x-www-form-urlencoded"}, invalid("unknown #/x", "range #/times", "required #/kind")},
		"a form's field twice":  {call{method: "POST", path: "/v1/form", body: "kind=x&kind=y", contentType: "application/x-www-form-urlencoded"}, invalid("duplicate #/kind")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.in.scopes = "things:write things:read"
			got, _ := do(t, app, tt.in)
			slicesEqual := cmp.Diff(tt.want, got, cmp.Transformer("set", func(in []string) map[string]int {
				out := make(map[string]int)
				for _, s := range in {
					out[s]++
				}
				return out
			}))
			if slicesEqual != "" {
				t.Errorf("(-want +got)\n%s", slicesEqual)
			}
		})
	}
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	app := shop(t)
	patch, remove := call{method: "PATCH", path: "/v1/things/" + someID}, call{method: "DELETE", path: "/v1/things/" + someID}
	secret := call{method: "POST", path: "/v1/secret"}
	with := func(in call, scopes string) call { in.scopes = scopes; return in }
	basic := func(in call) call { in.headers = map[string]string{"Authorization": "Basic eDp5"}; return in }
	key := func(in call) call { in.headers = map[string]string{authn.HeaderAPIKey: "k"}; return in }
	rotate := call{method: "POST", path: "/v1/rotate", scopes: "x"}
	unauthenticated := outcome{Status: 401, Code: "unauthenticated"}
	forbidden := outcome{Status: 403, Code: "insufficient_scope"}
	for name, tt := range map[string]struct {
		in   call
		want outcome
	}{
		"open to everybody":                  {call{method: "GET", path: "/v1/things"}, ran("listThings")},
		"open with a token":                  {call{method: "GET", path: "/v1/things/first", scopes: "x"}, ran("firstThing")},
		"scopes, anonymous":                  {patch, unauthenticated},
		"scopes, none of them":               {with(patch, "profile"), forbidden},
		"scopes, one of two":                 {with(patch, "things:write"), forbidden},
		"scopes, both":                       {with(patch, "things:read things:write"), ran("updateThing")},
		"scopes, the other alternative":      {with(patch, "admin"), ran("updateThing")},
		"nothing said, anonymous":            {remove, unauthenticated},
		"nothing said, any token":            {with(remove, "profile"), ran("deleteThing")},
		"a key, with its scope":              {key(with(patch, "things:write")), ran("updateThing")},
		"a key, with a token's scope":        {key(with(patch, "admin")), forbidden},
		"a key, where none is taken":         {key(call{method: "POST", path: "/v1/things", scopes: "things:write"}), outcome{Status: 403, Code: "api_key_not_taken"}},
		"a key, where nothing is said":       {key(with(remove, "profile")), ran("deleteThing")},
		"a key, where all are welcome":       {key(call{method: "GET", path: "/v1/things/first", scopes: "x"}), ran("firstThing")},
		"keys alone, with a key":             {key(rotate), ran("rotate")},
		"keys alone, with a token":           {rotate, outcome{Status: 403, Code: "api_key_wanted"}},
		"keys alone, anonymous":              {call{method: "POST", path: "/v1/rotate"}, unauthenticated},
		"Basic only, anonymous":              {secret, unauthenticated},
		"Basic only, with Basic":             {basic(secret), ran("secret")},
		"Basic only, with a token":           {with(secret, "admin"), forbidden},
		"Basic does not open what it is not": {basic(patch), unauthenticated},
		"faults of input come after":         {call{method: "PATCH", path: "/v1/things/4711?x=1"}, unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := do(t, app, tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestLoadRefusesWhatIsNotChecked(t *testing.T) {
	t.Parallel()
	spec := func(operation string) string {
		return "openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {'/x/{id}': {get: {operationId: x, " + operation +
			"responses: {'204': {description: d}}}, parameters: [{name: id, in: path, required: true, schema: {type: string}}]}}\n" +
			"components: {securitySchemes: {cookie: {type: apiKey, in: cookie, name: s}, bearer: {type: http, scheme: bearer}}}\n"
	}
	if _, err := Load([]byte(spec(""))); err != nil {
		t.Fatalf("the frame itself: %v", err)
	}
	for name, operation := range map[string]string{
		"a cookie":             "parameters: [{name: c, in: cookie, schema: {type: string}}],",
		"an object in a query": "parameters: [{name: o, in: query, style: deepObject, schema: {type: object}}],",
		"a choice":             "parameters: [{name: o, in: query, schema: {oneOf: [{type: string}, {type: integer}]}}],",
		"an unknown format":    "parameters: [{name: o, in: query, schema: {type: string, format: roman}}],",
		"content":              "parameters: [{name: o, in: query, content: {application/json: {schema: {type: string}}}}],",
		"a bad pattern":        "parameters: [{name: o, in: query, schema: {type: string, pattern: '(?=x)'}}],",
		"a cookie as security": "security: [{cookie: []}],",
		"two schemes at once":  "security: [{cookie: [], bearer: []}],",
		"an unknown scheme":    "security: [{magic: []}],",
	} {
		if _, err := Load([]byte(spec(operation))); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, whole := range map[string]string{
		"no YAML":        "{",
		"OpenAPI 3.1":    strings.Replace(spec(""), "3.0.3", "3.1.0", 1),
		"no operationId": strings.Replace(spec(""), "operationId: x, ", "", 1),
		"other files":    spec("requestBody: {$ref: 'other.yaml#/x'},"),
	} {
		if _, err := Load([]byte(whole)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestRouterRefusesWhatTheDocumentDoesNotHave(t *testing.T) {
	t.Parallel()
	routes := load(t).Router(fiber.New())
	nothing := func(*fiber.Ctx) error { return nil }
	for name, register := range map[string]func(){
		"another path":   func() { routes.Get("/v1/other", nothing) },
		"another method": func() { routes.Delete("/v1/things", nothing) },
		"every method":   func() { routes.All("/v1/things", nothing) },
		"a group":        func() { routes.Group("/v1") },
		"a sub-router":   func() { routes.Route("/v1", func(fiber.Router) {}) },
		"files":          func() { routes.Static("/", ".") },
		"another app":    func() { routes.Mount("/v1", fiber.New()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			register()
		})
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	d := load(t)
	app := httpserver.New(httpserver.Config{}, telemetry.Discard()).App()
	app.Get("/openapi/shop.json", d.Handler())
	get := func(etag string) (*http.Response, []byte) {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi/shop.json", http.NoBody)
		request.Header.Set("If-None-Match", etag)
		response, err := app.Test(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, body
	}
	response, body := get("")
	var read struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(body, &read); err != nil {
		t.Fatal(err)
	}
	if read.OpenAPI != "3.0.3" || read.Paths["/v1/things"]["post"] == nil || response.Header.Get("Content-Type") != "application/json" {
		t.Errorf("served %v %.200s", response.Header, body)
	}
	if response, body := get(response.Header.Get("ETag")); response.StatusCode != http.StatusNotModified || len(body) > 0 {
		t.Errorf("with the ETag: %d and %d bytes", response.StatusCode, len(body))
	}
	if got := len(d.Operations()); got != 11 {
		t.Errorf("%d operations", got)
	}
}

// TestServedDocumentHasTheContractsIDs promises that the document a client reads names operations as the contract does, although
// the one that the generator embeds begins them with a capital letter.
func TestServedDocumentHasTheContractsIDs(t *testing.T) {
	t.Parallel()
	d, err := Load([]byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\n" +
		"paths: {/keys: {get: {operationId: GetJWKS, responses: {'204': {description: d}}, security: []}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(d.JSON()), `"operationId":"getJWKS"`) {
		t.Errorf("served: %s", d.JSON())
	}
}

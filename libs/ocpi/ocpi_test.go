package ocpi_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/problem"
)

// app answers as a server does: faults go through package problem.
func app(admit func(*fiber.Ctx, string) error, handle fiber.Handler) *fiber.App {
	app := fiber.New(fiber.Config{DisableStartupMessage: true, ErrorHandler: problem.Write})
	app.Get("/ocpi/2.2.1/things", ocpi.Middleware(admit), handle)
	return app
}

func anybody(*fiber.Ctx, string) error { return nil }

type envelope struct {
	Data          json.RawMessage `json:"data"`
	StatusCode    int             `json:"status_code"`
	StatusMessage string          `json:"status_message"`
	Timestamp     string          `json:"timestamp"`
}

func call(t *testing.T, app *fiber.App, query string, headers ...string) (*http.Response, envelope) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ocpi/2.2.1/things"+query, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := app.Test(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if _, err := time.Parse(time.RFC3339, e.Timestamp); err != nil || len(e.Timestamp) > 25 {
		t.Errorf("the timestamp is %q", e.Timestamp)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("the answer is %s", kind)
	}
	return response, e
}

// TestMiddleware promises that the party's token is taken out of its base64, that one who was refused reads so in an envelope, and
// that the correlation id comes back.
func TestMiddleware(t *testing.T) {
	t.Parallel()
	wrong := fault.Define(fault.Unauthenticated, "invalid_api_key", "The key is not one")
	tell := app(func(_ *fiber.Ctx, key string) error {
		if key != "ihr_ak_good" {
			return wrong
		}
		return nil
	}, func(c *fiber.Ctx) error { return ocpi.Write(c, http.StatusOK, "here") })
	response, e := call(t, tell, "", "Authorization", ocpi.Authorization("ihr_ak_good"), "X-Correlation-ID", "c-1")
	if response.StatusCode != http.StatusOK || e.StatusCode != 1000 || string(e.Data) != `"here"` || response.Header.Get("X-Correlation-ID") != "c-1" {
		t.Errorf("a good token was answered %d %+v %v", response.StatusCode, e, response.Header)
	}
	if response, _ = call(t, tell, "", "Authorization", "token ihr_ak_good"); response.StatusCode != http.StatusOK {
		t.Errorf("a token that is not in base64 was answered %d", response.StatusCode)
	}
	response, e = call(t, tell, "", "Authorization", "Token "+base64.StdEncoding.EncodeToString([]byte("other")))
	if response.StatusCode != http.StatusUnauthorized || e.StatusCode != 2000 || e.Data != nil || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Token") {
		t.Errorf("a wrong token was answered %d %+v", response.StatusCode, e)
	}
	if _, ok := ocpi.Token("Bearer abc"); ok {
		t.Error("a bearer token is taken for one of OCPI")
	}
}

// TestFaults promises each kind of fault its place: in the envelope alone, or in the HTTP status as well.
func TestFaults(t *testing.T) {
	t.Parallel()
	of := func(kind fault.Kind) *fault.Fault { return fault.Define(kind, "code", "Title") }
	for name, c := range map[string]struct {
		err          error
		status, code int
	}{
		"well-formed, but wrong": {of(fault.Invalid).At(fault.Field{Pointer: "/uid", Code: "required"}), 200, 2001},
		"no JSON":                {of(fault.Invalid).At(fault.Field{Code: "syntax"}), 400, 2001},
		"a state against it":     {of(fault.Conflict), 200, 2000},
		"not there":              {of(fault.NotFound), 404, 2000},
		"an unknown location":    {ocpi.As(of(fault.NotFound), ocpi.UnknownLocation), 404, 2003},
		"not allowed":            {of(fault.Forbidden), 403, 2000},
		"too often":              {of(fault.Limited), 429, 2000},
		"a dependency away":      {of(fault.Unavailable), 503, 3000},
		"a mistake of ours":      {errors.New("secret"), 500, 3000},
	} {
		response, e := call(t, app(anybody, func(*fiber.Ctx) error { return c.err }), "")
		if response.StatusCode != c.status || e.StatusCode != c.code || strings.Contains(e.StatusMessage, "secret") || e.StatusMessage == "" {
			t.Errorf("%s was answered %d %+v, not %d %d", name, response.StatusCode, e, c.status, c.code)
		}
	}
}

// TestList promises that following the links gives every object once, and that a list says how many there are.
func TestList(t *testing.T) {
	t.Parallel()
	all := make([]int, 7)
	for i := range all {
		all[i] = i
	}
	list := app(anybody, func(c *fiber.Ctx) error {
		p, err := ocpi.ReadPage(c, 3)
		if err != nil {
			return err
		}
		if c.Query("date_from") != "" && !p.From.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("date_from is %s", p.From)
		}
		from := min(p.Offset, len(all))
		return ocpi.List(c, "https://example.org", p, len(all), all[from:min(from+p.Limit, len(all))])
	})
	for _, start := range []string{"", "?limit=2", "?limit=1000&date_from=2026-01-02T03:04:05"} {
		var seen []int
		for query, rounds := start, 0; rounds < 10; rounds++ {
			response, e := call(t, list, query)
			var items []int
			if err := json.Unmarshal(e.Data, &items); err != nil {
				t.Fatal(err)
			}
			seen = append(seen, items...)
			if response.Header.Get("X-Total-Count") != "7" || response.Header.Get("X-Limit") != "3" {
				t.Errorf("the headers are %v", response.Header)
			}
			link, rest, more := strings.Cut(strings.TrimPrefix(response.Header.Get("Link"), "<https://example.org/ocpi/2.2.1/things"), ">")
			if !more {
				break
			}
			if rest != `; rel="next"` || strings.Contains(start, "date_from") != strings.Contains(link, "date_from") {
				t.Errorf("the link is %q", response.Header.Get("Link"))
			}
			query = link
		}
		if len(seen) != len(all) || seen[6] != 6 {
			t.Errorf("from %q on the links give %v", start, seen)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=x", "?offset=-1", "?date_to=yesterday"} {
		if response, e := call(t, list, query); response.StatusCode != http.StatusOK || e.StatusCode != 2001 {
			t.Errorf("%s was answered %d %+v", query, response.StatusCode, e)
		}
	}
}

// TestTypes promises numbers of four digits, coordinates that fit, and countries of three letters.
func TestTypes(t *testing.T) {
	t.Parallel()
	for ratio, want := range map[string]string{"1/3": "0.3333", "2": "2", "-5/2": "-2.5", "1/100000": "0", "-1/100000": "0"} {
		r, _ := new(big.Rat).SetString(ratio)
		if got := ocpi.NumberOf(r); string(got) != want {
			t.Errorf("%s is written %s", ratio, got)
		}
	}
	if got := ocpi.CoordinatesOf(-89.1234567, 179.1234567); got != (ocpi.Coordinates{Latitude: "-89.123457", Longitude: "179.1234567"}) {
		t.Errorf("the coordinates are %+v", got)
	}
	if ocpi.Alpha3("FR") != "FRA" || ocpi.Alpha3("DE") != "DEU" || ocpi.Cut("åäö", 2) != "åä" {
		t.Error("a country or a text is written wrong")
	}
	text, err := json.Marshal(ocpi.Price{ExclVAT: "1.5"})
	if err != nil || string(text) != `{"excl_vat":1.5}` {
		t.Errorf("a price is written %s", text)
	}
	var at ocpi.Time
	if err := json.Unmarshal([]byte(`"2026-11-28T16:30:00+01:00"`), &at); err != nil || time.Time(at).Hour() != 15 {
		t.Errorf("a time is read as %v, %v", time.Time(at), err)
	}
}

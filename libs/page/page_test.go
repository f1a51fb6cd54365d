package page_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
)

type after struct {
	Distance float64   `json:"d"`
	ID       string    `json:"i"`
	At       time.Time `json:"t"`
}

func TestCursorsGoThereAndBack(t *testing.T) {
	t.Parallel()
	codec := page.NewCodec([]byte("key")).For("stations")
	rapid.Check(t, func(t *rapid.T) {
		want := after{rapid.Float64Range(-1e9, 1e9).Draw(t, "distance"), rapid.String().Draw(t, "id"), time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0).UTC()}
		var got after
		if err := codec.Decode(codec.Encode(want), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

func TestForgedCursorsAreRefused(t *testing.T) {
	t.Parallel()
	codec := page.NewCodec([]byte("key"))
	stations := codec.For("stations")
	good := stations.Encode(after{ID: "4711"})
	check := func(t *testing.T, what, cursor string) {
		t.Helper()
		var got after
		if err := stations.Decode(cursor, &got); !errors.Is(err, page.ErrBadCursor) || got != (after{}) {
			t.Errorf("%s: %v %+v", what, err, got)
		}
	}
	check(t, "empty", "")
	check(t, "garbage", "x")
	check(t, "no base64", "!!!!")
	check(t, "SQL", "' OR 1=1 --")
	check(t, "of another key", page.NewCodec([]byte("other")).For("stations").Encode(after{ID: "4711"}))
	check(t, "of another list", codec.For("operators").Encode(after{ID: "4711"}))
	check(t, "of no list", codec.Encode(after{ID: "4711"}))
	check(t, "another form", stations.Encode([]string{"x"}))
	check(t, "longer", good+"AA")
	check(t, "padded", good+"=")
	check(t, "with a line end", good+"\n")
	check(t, "endless", strings.Repeat("A", 1<<20))
	for n := range len(good) {
		check(t, "cut", good[:n])
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for _, bit := range []byte{1, 0x80} {
			raw[i] ^= bit
			check(t, "with a bit changed", base64.RawURLEncoding.EncodeToString(raw))
			raw[i] ^= bit
		}
	}
}

func TestAReplicaReadsTheCursorsOfAnother(t *testing.T) {
	t.Parallel()
	var got after
	if err := page.NewCodec([]byte("key")).For("x").Decode(page.NewCodec([]byte("key")).For("x").Encode(after{ID: "4711"}), &got); err != nil || got.ID != "4711" {
		t.Errorf("%v %+v", err, got)
	}
}

func TestWhatCannotBeACursorPanics(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(){
		"no key":     func() { page.NewCodec(nil) },
		"a function": func() { page.NewCodec([]byte("key")).Encode(func() {}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			do()
		})
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	seven := 7
	if page.Size(nil) != page.DefaultLimit || page.Size(&seven) != 7 {
		t.Errorf("%d %d", page.Size(nil), page.Size(&seven))
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/stations":                                    `</v1/stations?cursor=a%2Bb>; rel="next"`,
		"/v1/stations?near=48.85,2.35&limit=20":           `</v1/stations?cursor=a%2Bb&limit=20&near=48.85%2C2.35>; rel="next"`,
		"/v1/stations?cursor=old&connector=a&connector=b": `</v1/stations?connector=a&connector=b&cursor=a%2Bb>; rel="next"`,
		"/v1/stations?q=%3E%3B%22":                        `</v1/stations?cursor=a%2Bb&q=%3E%3B%22>; rel="next"`,
	} {
		app := fiber.New()
		app.Get("/v1/stations", func(c *fiber.Ctx) error {
			page.Link(c, c.Query("last", "a+b"))
			return nil
		})
		response, err := app.Test(httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Link"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	app := fiber.New()
	app.Get("/", func(c *fiber.Ctx) error { page.Link(c, ""); return nil })
	response, err := app.Test(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got := response.Header.Get("Link"); got != "" {
		t.Errorf("the last page links to %s", got)
	}
}

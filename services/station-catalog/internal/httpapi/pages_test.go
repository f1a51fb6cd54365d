package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

var (
	referred = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	inline   = regexp.MustCompile(`<script(?:>|[^>]*[^>"]>)|<style|\son[a-z]+=|javascript:`)
)

// TestPages promises pages that load from this server alone and run nothing that stands in the page.
func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anyone := w.anonymous()
	get := func(path string) answer {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := w.plain.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return answer{status: response.StatusCode, header: response.Header}
	}
	for _, page := range []string{"/", "/docs"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+page, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := w.plain.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := response.Write(&text); err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		policy := response.Header.Get("Content-Security-Policy")
		if response.StatusCode != http.StatusOK || !strings.Contains(policy, "script-src 'self';") || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s was answered by %d, %s, %s", page, response.StatusCode, response.Header.Get("Content-Type"), policy)
		}
		if found := inline.FindString(text.String()); found != "" {
			t.Errorf("%s has %q in it", page, found)
		}
		references := referred.FindAllStringSubmatch(text.String(), -1)
		if len(references) < 3 {
			t.Errorf("%s refers to %d things only", page, len(references))
		}
		for _, r := range references {
			target := strings.ReplaceAll(r[1], "&amp;", "&")
			switch {
			case strings.HasPrefix(target, "/v1/"):
				if a := anyone.do(http.MethodGet, target, nil); a.status != http.StatusOK {
					t.Errorf("%s leads to %s, which answers %d: %s", page, target, a.status, a.body)
				}
			case target == "/openapi/auth.json", target == "/openapi/charging-plot.json": // the other services'
			case strings.HasPrefix(target, "/"):
				if a := get(target); a.status != http.StatusOK {
					t.Errorf("%s leads to %s, which answers %d", page, target, a.status)
				}
			default:
				t.Errorf("%s refers to %s", page, target)
			}
		}
	}
	if a := get("/openapi/station-catalog.json"); a.status != http.StatusOK {
		t.Errorf("the document is answered by %d", a.status)
	}
}

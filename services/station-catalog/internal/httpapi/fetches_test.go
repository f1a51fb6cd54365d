package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

func location(id string) string {
	return fmt.Sprintf(`{"country_code":"BE","party_id":"BEC","id":%q,"name":"Location","country":"BEL","coordinates":{"latitude":"51.0","longitude":"3.7"},"operator":{"name":"Be"},
"evses":[{"uid":%q,"connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE"}]}]}`, id, id)
}

// breaking is a connection that breaks off after so many bytes.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	if b.left -= n; b.left == 0 {
		_ = http.NewResponseController(b.ResponseWriter).Flush() // what it has sent arrives
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// TestFetches promises that a file behind a URL and the pages of an OCPI peer go in, that one that breaks off goes on where it
// stopped, that our own network is not fetched from, and that what cannot be fetched says why.
func TestFetches(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(excerpt)
	if err != nil {
		t.Fatal(err)
	}
	var asked, tries atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/register.jsonl", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) })
	mux.HandleFunc("/locations", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "Token "+base64.StdEncoding.EncodeToString([]byte("secret")) || r.URL.Query().Get("date_from") == "" && r.URL.Query().Get("offset") == "" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		switch r.URL.Query().Get("offset") {
		case "":
			w.Header().Set("Link", fmt.Sprintf(`<http://%s/locations?offset=1>; rel="next"`, r.Host))
			fmt.Fprintf(w, `{"status_code":1000,"data":[%s]}`, location("L1"))
		case "1":
			if tries.Add(1) == 1 { // a passing failure: it is asked again
				http.Error(w, "not now", http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Link", `</locations?offset=2>; rel="next"`)
			fmt.Fprintf(w, `{"data":[%s],"status_code":1000}`, location("L2"))
		default:
			fmt.Fprintf(w, `{"status_code":1000,"data":[%s]}`, location("L3"))
		}
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		fmt.Fprint(w, `{"a":`)
	})
	var pieces atomic.Int64
	mux.HandleFunc("/breaks.jsonl", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if n := pieces.Add(1); n < 4 { // it breaks off three times, each somewhat further
			w = &breaking{ResponseWriter: w, left: len(text) / 4}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})
	mux.HandleFunc("/changes.jsonl", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, pieces.Add(1)))
		http.ServeContent(&breaking{ResponseWriter: w, left: len(text) / 2}, r, "", time.Time{}, bytes.NewReader(text))
	})
	outside := httptest.NewServer(mux)
	t.Cleanup(outside.Close)
	w := newWorld(t, func(cfg *stationcatalog.Config) {
		cfg.FetchAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	w.fill()
	admin := w.admin()
	finished := func(body map[string]any) transfer.Import {
		t.Helper()
		started, a := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports/fetch", body)
		if a.header.Get("Location") != "/v1/imports/"+started.ID.String() {
			t.Errorf("it began at %s", a.header.Get("Location"))
		}
		var imp transfer.Import
		admin.eventually("the import ends", func() bool {
			imp, _ = want[transfer.Import](admin, http.StatusOK, http.MethodGet, "/v1/imports/"+started.ID.String(), nil)
			return imp.FinishedAt != nil
		})
		return imp
	}
	if done := finished(map[string]any{"url": outside.URL + "/register.jsonl", "format": "irve", "source": "fetched"}); done.State != transfer.Succeeded || done.Created != 7 {
		t.Errorf("the file ended as %+v", done)
	}
	if done := finished(map[string]any{"url": outside.URL + "/locations", "format": "ocpi", "token": "secret", "date_from": "2026-01-01T00:00:00Z"}); done.State != transfer.Succeeded || done.Created != 3 || asked.Load() != 4 {
		t.Errorf("the peer's pages ended as %+v after %d requests", done, asked.Load())
	}
	if done := finished(map[string]any{"url": outside.URL + "/breaks.jsonl", "format": "irve", "source": "broken"}); done.State != transfer.Succeeded || done.Created != 7 || pieces.Load() != 4 {
		t.Errorf("the file that broke off ended as %+v after %d requests", done, pieces.Load())
	}
	if done := finished(map[string]any{"url": outside.URL + "/changes.jsonl", "format": "irve", "source": "changed"}); done.State != transfer.Failed || !strings.Contains(done.Error, "the same one") {
		t.Errorf("the file that changed ended as %+v", done)
	}
	once := map[string]any{"url": outside.URL + "/register.jsonl", "format": "irve", "source": "once"}
	first, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports/fetch", once, "Idempotency-Key", "fetch-1")
	if again, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports/fetch", once, "Idempotency-Key", "fetch-1"); again.ID != first.ID {
		t.Errorf("the same key began %s and %s", first.ID, again.ID)
	}
	for path, says := range map[string]string{"/locations": "status 401", "/nowhere": "status 404", "/cut": "too early"} {
		if done := finished(map[string]any{"url": outside.URL + path, "format": "ocpi"}); done.State != transfer.Failed || !strings.Contains(done.Error, says) {
			t.Errorf("%s ended as %+v", path, done)
		}
	}
	for _, url := range []string{"http://169.254.169.254/latest", "http://10.0.0.1/x", "http://[::1]/x", "ftp://example.com/x", "http://user:secret@example.com/x", "nonsense"} {
		p, a := want[problem](admin, http.StatusBadRequest, http.MethodPost, "/v1/imports/fetch", map[string]any{"url": url, "format": "ocpi"})
		if len(p.Errors) == 0 || p.Errors[0].Pointer != "/url" {
			t.Errorf("%s was refused by %s", url, a.body)
		}
	}
	both := map[string]any{"url": outside.URL, "format": "ndjson", "source": "x", "token": "x", "date_from": "2026-01-01T00:00:00Z"}
	if named := refused(admin, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports/fetch", both); len(named) != 3 {
		t.Errorf("named %q", named)
	}
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodPost, "/v1/imports/fetch", both)
}

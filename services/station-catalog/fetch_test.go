package stationcatalog_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/peer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// register is the other side: it sends half of a file to whoever asks first, and is then silent.
type register struct {
	text []byte

	mu     sync.Mutex
	ranges []string
}

func (r *register) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.ranges = append(r.ranges, request.Header.Get("Range"))
	first := len(r.ranges) == 1
	r.mu.Unlock()
	w.Header().Set("ETag", `"one"`)
	if !first {
		http.ServeContent(w, request, "", time.Time{}, bytes.NewReader(r.text))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(r.text)))
	_, _ = w.Write(r.text[:len(r.text)/2])
	_ = http.NewResponseController(w).Flush()
	<-request.Context().Done()
}

// TestFetchOutlivesItsReplica promises that the file that a replica was fetching when it was killed is taken up by another, from where
// it had come to, once the lease has run out, and that the import ends exact.
func TestFetchOutlivesItsReplica(t *testing.T) {
	t.Parallel()
	const stations, evses = 1200, 2700
	var text bytes.Buffer
	for i := range stations {
		registerRows(&text, i, 40+float64(i)/100, 2)
	}
	there := &register{text: text.Bytes()}
	outside := httptest.NewServer(there)
	t.Cleanup(outside.Close)
	db := pgtest.New(t, stationcatalog.Migrations())
	store, ctx := postgres.New(db), t.Context()
	imp := transfer.Import{ID: uuid.New(), Format: "irve", Source: "fetched", SubmittedBy: "test", Removal: transfer.Keep}
	if _, _, err := store.OpenFetch(ctx, peer.Order{Import: imp, URL: outside.URL}, 1); err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"DATABASE_URL=" + db.Config().URL, "AUTH_ISSUER=http://127.0.0.1:1", "AUTH_JWKS_URL=http://127.0.0.1:1/jwks",
		"MIGRATIONS=off", "IMPORT_FETCH_ALLOW=127.0.0.1/32",
	}
	eventually := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !done(); {
			if time.Now().After(deadline) {
				t.Fatalf("it did not happen within a minute that %s", what)
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	var here int64
	length := func() int64 {
		if err := db.GetContext(ctx, &here, `SELECT length FROM import_fetches`); err != nil {
			t.Fatal(err)
		}
		return here
	}

	first := startServer(t, "catalogue", settings, nil)
	// What has not filled a part is lost with the process.
	eventually("half of the file is here", func() bool { return length() >= int64(text.Len()/2-transfer.PartBytes) })
	if err := first.kill(); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := store.ClaimFetch(ctx, "too early", time.Minute); ok || err != nil {
		t.Fatalf("it was given away while the lease ran: %v", err)
	}
	if _, err := db.ExecContext(ctx, `UPDATE imports SET leased_until = now()`); err != nil { // a minute passes
		t.Fatal(err)
	}
	startServer(t, "catalogue", settings, nil)
	var done transfer.Import
	eventually("the import ends", func() (ended bool) {
		var err error
		if done, err = store.GetImport(ctx, imp.ID); err != nil {
			t.Fatal(err)
		}
		return done.FinishedAt != nil
	})
	want := transfer.Counts{Rows: evses, Stations: stations, Created: stations}
	if done.Adjusted = 0; done.State != transfer.Succeeded || done.Counts != want {
		t.Errorf("the import ended as %+v, want %+v", done, want)
	}
	count := 0
	for s, err := range store.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		count += len(s.EVSEs)
	}
	if count != evses {
		t.Errorf("%d EVSEs are there, want %d", count, evses)
	}
	there.mu.Lock()
	defer there.mu.Unlock()
	if asked := strings.Join(there.ranges, " "); asked != fmt.Sprintf(" bytes=%d-", here) {
		t.Errorf("asked for the ranges %q, with %d bytes here", asked, here)
	}
	var left int
	if err := db.GetContext(ctx, &left, `SELECT (SELECT count(*) FROM import_fetches) + (SELECT count(*) FROM import_fetch_parts) + (SELECT count(*) FROM import_rows)`); err != nil || left > 0 {
		t.Errorf("%d rows are left of it, %v", left, err)
	}
}

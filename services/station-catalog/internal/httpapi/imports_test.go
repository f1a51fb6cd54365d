package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

type findingsPage struct {
	Items      []transfer.Finding `json:"items"`
	NextCursor string             `json:"next_cursor"`
}

func TestImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	text, err := os.ReadFile(excerpt)
	if err != nil {
		t.Fatal(err)
	}
	admin := w.admin()
	finished := func(c caller, id string) transfer.Import {
		c.t.Helper()
		var imp transfer.Import
		c.eventually("the import ends", func() bool {
			imp, _ = want[transfer.Import](c, http.StatusOK, http.MethodGet, "/v1/imports/"+id, nil)
			return imp.FinishedAt != nil
		})
		return imp
	}

	t.Run("202", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		started, a := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve&source=upload", &packed)
		if a.header.Get("Location") != "/v1/imports/"+started.ID.String() || started.Rows != 13 {
			t.Errorf("started %+v at %s", started, a.header.Get("Location"))
		}
		done := finished(admin, started.ID.String())
		if done.State != transfer.Succeeded || done.Created != 7 || done.Rejected != 4 || *done.StationsTotal != 7 || *done.DurationS <= 0 {
			t.Errorf("it ended as %+v", done)
		}
		var findings []transfer.Finding
		for next := "?limit=3"; next != ""; {
			p, _ := want[findingsPage](admin, http.StatusOK, http.MethodGet, "/v1/imports/"+started.ID.String()+"/findings"+next, nil)
			findings = append(findings, p.Items...)
			if next = ""; p.NextCursor != "" {
				next = "?limit=3&cursor=" + p.NextCursor
			}
		}
		lines := map[int64]string{}
		last := int64(0)
		for _, f := range findings {
			lines[f.Line] = f.Code
			if f.Line < last || f.Advice == "" {
				t.Errorf("finding %+v stands behind line %d", f, last)
			}
			last = f.Line
		}
		if lines[7] != "coordinates" || lines[8] != "missing_id" || lines[9] != "duplicate_evse" || lines[13] != "not_json" {
			t.Errorf("the report says %+v", lines)
		}
		again, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve&source=upload", bytes.NewReader(text))
		if done := finished(admin, again.ID.String()); done.Unchanged != 7 {
			t.Errorf("the second import ended as %+v", done)
		}
		dry, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve&source=other&dry_run=true", bytes.NewReader(text))
		if done := finished(admin, dry.ID.String()); done.Created != 7 || !done.DryRun {
			t.Errorf("the dry run ended as %+v", done)
		}
	})
	t.Run("202 of an operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		id, operator := w.own("PLM")
		started, _ := want[transfer.Import](operator, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve", bytes.NewReader(text))
		done := finished(operator, started.ID.String())
		if done.Unchanged != 5 || done.Rejected != 6 {
			t.Errorf("the import of one of two operators ended as %+v", done)
		}
		_, other := w.own("TRM")
		refused(other, http.StatusNotFound, "import_not_found", http.MethodGet, "/v1/imports/"+started.ID.String(), nil)
		refused(other, http.StatusNotFound, "import_not_found", http.MethodGet, "/v1/imports/"+started.ID.String()+"/findings", nil)
		refused(w.as(id, nil, "stations:write"), http.StatusForbidden, "insufficient_scope", http.MethodGet, "/v1/imports/"+started.ID.String(), nil)
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		if got := refused(admin, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports?x=1", bytes.NewReader(text)); len(got) != 2 {
			t.Errorf("named %q", got)
		}
		refused(admin, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports?format=xls", bytes.NewReader(text))
		refused(admin, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports?format=ndjson&source=x", bytes.NewReader(text))
	})
	t.Run("401", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodPost, "/v1/imports?format=irve", bytes.NewReader(text))
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		refused(admin, http.StatusNotFound, "import_not_found", http.MethodGet, "/v1/imports/"+uuid.NewString(), nil)
	})
	t.Run("415", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		refused(admin, http.StatusUnsupportedMediaType, "unsupported_media_type", http.MethodPost, "/v1/imports?format=irve", bytes.NewReader(text), "Content-Type", "text/html")
		refused(admin, http.StatusUnsupportedMediaType, "content_encoding", http.MethodPost, "/v1/imports?format=irve", bytes.NewReader(text), "Content-Encoding", "gzip")
	})
	t.Run("422", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		for _, body := range []string{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x00", "a,b\n1,2\n"} {
			refused(admin, http.StatusUnprocessableEntity, "unreadable_file", http.MethodPost, "/v1/imports?format=irve", strings.NewReader(body))
		}
	})
	t.Run("202 of rows for several batches", func(t *testing.T) {
		t.Parallel()
		admin := admin.of(w.in(t))
		line := strings.Split(string(text), "\n")[0]
		pieces := strings.SplitN(line, "FRPLMP0001", 2)
		reader, writer := io.Pipe()
		go func() {
			for i := range 7000 {
				id := uuid.NewSHA1(uuid.Nil, []byte{byte(i >> 8), byte(i)}).String()[:8]
				row := pieces[0] + "FRPLMP" + id + strings.Replace(pieces[1], "FRPLME00011", "FRPLME"+strings.ToUpper(id), 1)
				if _, err := writer.Write([]byte(row + "\n")); err != nil {
					return
				}
			}
			writer.Close()
		}()
		started, _ := want[transfer.Import](admin, http.StatusAccepted, http.MethodPost, "/v1/imports?format=irve&source=large", reader)
		if done := finished(admin, started.ID.String()); done.Created != 7000 || done.State != transfer.Succeeded {
			t.Errorf("it ended as %+v", done)
		}
	})
}

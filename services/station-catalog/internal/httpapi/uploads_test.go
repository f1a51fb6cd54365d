package httpapi_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// upload is an upload as its owner sees it.
type upload struct {
	caller
	path string
}

func (c caller) open(body map[string]any) upload {
	c.t.Helper()
	u, a := want[transfer.Upload](c, http.StatusCreated, http.MethodPost, "/v1/imports/uploads", body)
	path := a.header.Get("Location")
	if path != "/v1/imports/uploads/"+u.ID.String() || a.header.Get("Upload-Offset") != "0" || a.header.Get("Upload-Complete") != "?0" {
		c.t.Fatalf("it was opened at %s: %v", path, a.header)
	}
	return upload{c, path}
}

// send sends a piece and gives the answer.
func (u upload) send(piece string, offset int, complete string) answer {
	u.t.Helper()
	return u.do(http.MethodPatch, u.path, strings.NewReader(piece), "Content-Type", "application/partial-upload",
		"Upload-Offset", strconv.Itoa(offset), "Upload-Complete", complete)
}

// offset is what HEAD says.
func (u upload) offset() string {
	u.t.Helper()
	return u.do(http.MethodHead, u.path, nil).header.Get("Upload-Offset")
}

// TestUploads promises that a file goes in though its sending broke off and the replica that took the first half is not the one that
// takes the second.
func TestUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	raw, err := os.ReadFile(excerpt)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(raw), "{", "{"+strings.Repeat(" ", 64<<10), 1) // more than a server takes in one gulp
	half := len(text) / 2
	options := map[string]any{"format": "irve", "source": "pieces"}

	t.Run("202 on another replica, after a piece that broke off", func(t *testing.T) {
		t.Parallel()
		u := w.in(t).admin().open(options)
		if a := u.send(text[:100], 0, "?0"); a.status != http.StatusNoContent || a.header.Get("Upload-Offset") != "100" {
			t.Fatalf("the first piece was answered by %d, %v", a.status, a.header)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, u.base+u.path,
			io.MultiReader(strings.NewReader(text[100:half]), iotest.ErrReader(errors.New("the line is cut"))))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"Authorization": "Bearer " + u.token, "Content-Type": "application/partial-upload", "Upload-Offset": "100", "Upload-Complete": "?1"} {
			request.Header.Set(name, value)
		}
		request.ContentLength = int64(len(text) - 100)
		if answered, err := u.plain.Do(request); err == nil {
			_ = answered.Body.Close()
			t.Fatalf("a cut line was answered by %s", answered.Status)
		}
		u.eventually("what came is kept", func() bool { return u.offset() != "100" })

		u.world = u.replica(t)
		kept, err := strconv.Atoi(u.offset()) // the rest was on its way when the line was cut
		if err != nil || kept > half {
			t.Fatalf("%d of %d bytes came: %v", kept, half, err)
		}
		for _, offset := range []int{0, kept - 1, kept + 1} {
			if a := u.send(text[kept:], offset, "?1"); a.status != http.StatusConflict || !bytes.Contains(a.body, []byte(`"upload_offset":`+strconv.Itoa(kept))) {
				t.Errorf("a piece at %d was answered by %d %s", offset, a.status, a.body)
			}
		}
		if a := u.send(text[kept:], kept, "?0"); a.status != http.StatusNoContent {
			t.Fatalf("the second half was answered by %d %s", a.status, a.body)
		}
		started, a := want[transfer.Import](u.caller, http.StatusAccepted, http.MethodPatch, u.path, strings.NewReader(""),
			"Upload-Offset", strconv.Itoa(len(text)), "Upload-Complete", "?1")
		if a.header.Get("Upload-Complete") != "?1" || started.Rows != 13 || started.Source != "pieces" {
			t.Errorf("it became %+v: %v", started, a.header)
		}
		u.eventually("the import ends", func() bool {
			started, _ = want[transfer.Import](u.caller, http.StatusOK, http.MethodGet, "/v1/imports/"+started.ID.String(), nil)
			return started.FinishedAt != nil
		})
		if started.Created != 7 || started.State != transfer.Succeeded {
			t.Errorf("it ended as %+v", started)
		}
		done := u.do(http.MethodHead, u.path, nil)
		if done.header.Get("Location") != "/v1/imports/"+started.ID.String() || done.header.Get("Upload-Complete") != "?1" {
			t.Errorf("the upload says %v", done.header)
		}
		refused(u.caller, http.StatusConflict, "upload_offset", http.MethodPatch, u.path, strings.NewReader("x"), "Upload-Offset", strconv.Itoa(len(text)))
		var parts int
		if err := w.store.DB().GetContext(t.Context(), &parts, `SELECT count(*) FROM import_upload_parts WHERE upload_id = $1`, u.path[len("/v1/imports/uploads/"):]); err != nil || parts != 0 {
			t.Errorf("%d parts are left: %v", parts, err)
		}
	})
	t.Run("204 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		u := w.admin().open(options)
		_, other := w.own("PLM")
		refused(other, http.StatusNotFound, "upload_not_found", http.MethodGet, u.path, nil)
		refused(other, http.StatusNotFound, "upload_not_found", http.MethodPatch, u.path, strings.NewReader("x"), "Upload-Offset", "0")
		refused(u.caller, http.StatusNotFound, "upload_not_found", http.MethodGet, "/v1/imports/uploads/"+uuid.NewString(), nil)
		if a := u.do(http.MethodDelete, u.path, nil); a.status != http.StatusNoContent {
			t.Errorf("it was dropped with %d", a.status)
		}
		refused(u.caller, http.StatusNotFound, "upload_not_found", http.MethodDelete, u.path, nil)
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		u := w.in(t).admin().open(options)
		refused(u.caller, http.StatusBadRequest, "invalid_request", http.MethodPatch, u.path, strings.NewReader("x"))
		refused(u.caller, http.StatusBadRequest, "invalid_request", http.MethodPatch, u.path, strings.NewReader("x"), "Upload-Offset", "-1")
		refused(u.caller, http.StatusBadRequest, "invalid_request", http.MethodPatch, u.path, strings.NewReader("x"), "Upload-Offset", "0", "Upload-Complete", "yes")
		refused(u.caller, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/imports/uploads", map[string]any{"format": "ndjson", "source": "x"})
	})
	t.Run("409 of the eleventh", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, operator := w.own("TRM")
		for range transfer.OpenUploads {
			operator.open(options)
		}
		refused(operator, http.StatusConflict, "too_many_uploads", http.MethodPost, "/v1/imports/uploads", options)
	})
	t.Run("422", func(t *testing.T) {
		t.Parallel()
		u := w.in(t).admin().open(options)
		if a := u.send("PK\x03\x04 and so on", 0, "?1"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a spreadsheet was answered by %d %s", a.status, a.body)
		}
		if u.do(http.MethodHead, u.path, nil).header.Get("Upload-Complete") != "?1" {
			t.Error("what cannot be read may be sent again")
		}
	})
}

// TestForsakenUploads promises that an upload that gets nothing any more does not stay.
func TestForsakenUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := w.admin().open(map[string]any{"format": "irve"})
	u.send("text", 0, "?0")
	if err := w.store.ForgetUploads(t.Context(), transfer.UploadLife); err != nil || u.offset() != "4" {
		t.Errorf("a young upload went: %v", err)
	}
	if err := w.store.ForgetUploads(t.Context(), 0); err != nil || u.offset() != "" {
		t.Errorf("an old upload stayed: %v", err)
	}
}

package httpapi_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

type photosPage struct {
	Items      []photo.Photo `json:"items"`
	NextCursor string        `json:"next_cursor"`
}

// picture is a file of so many pixels in one shade, so that files of different shades differ.
func picture(t *testing.T, w, h int, shade uint8, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	var out bytes.Buffer
	if err := encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func encodeJPEG(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, nil) }

func (w *world) photographer() (caller, uuid.UUID) {
	w.t.Helper()
	return w.driver("photos:write", "profile")
}

// send sends a picture; the answer is as it is.
func (c caller) send(path, mediaType string, file []byte) answer {
	c.t.Helper()
	return c.do(http.MethodPost, path, bytes.NewReader(file), "Content-Type", mediaType)
}

// photographed is send for a photo that is taken.
func (c caller) photographed(st station.Station, shade uint8) photo.Photo {
	c.t.Helper()
	a := c.send(pathOf(st)+"/photos", photo.JPEG, picture(c.t, 80, 64, shade, encodeJPEG))
	var p photo.Photo
	if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusCreated {
		c.t.Fatalf("a photo was answered by %d %s", a.status, a.body)
	}
	return p
}

// at is the path and the query of a picture, whose address is under the public origin.
func (w *world) at(s photo.Sized) string {
	w.t.Helper()
	path, under := strings.CutPrefix(s.URL, w.cfg.PublicURL)
	if !under || !strings.HasPrefix(path, "/v1/") {
		w.t.Fatalf("the picture is at %s", s.URL)
	}
	return path
}

// TestPhotoLife promises that a photo is shown at once, in both sizes, with the station too, is changed and deleted by its author, that
// nobody is told who sent it, and that the station's version, history, feed and export stay as they are.
func TestPhotoLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, her := w.photographer()
	everybody := w.anonymous()
	export := func() string {
		return string(everybody.do(http.MethodGet, "/v1/exports/stations.ndjson", nil).body) + string(everybody.do(http.MethodGet, "/v1/exports/stations.geojson", nil).body)
	}
	before := export()
	_, fresh := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)

	file := picture(t, 1000, 500, 90, encodeJPEG)
	a := ada.send(at+"/photos?caption="+url.QueryEscape("Derrière la mairie"), "image/jpeg; name=x", file)
	var made photo.Photo
	if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusCreated {
		t.Fatalf("it is answered by %d %s", a.status, a.body)
	}
	mine := at + "/photos/" + made.ID.String()
	if a.header.Get("Location") != mine || a.header.Get("ETag") != `"1"` || made.State != photo.Published || made.Caption != "Derrière la mairie" ||
		made.StationID != st.ID || made.Full.Width != 1000 || made.Thumbnail.Width != 400 || made.Thumbnail.Height != 200 {
		t.Errorf("made %s at %s", a.body, a.header.Get("Location"))
	}
	again := ada.send(at+"/photos?caption=Other", photo.JPEG, file)
	if again.status != http.StatusOK || !bytes.Equal(again.body, a.body) || again.header.Get("Location") != mine {
		t.Errorf("the same file again is answered by %d %s", again.status, again.body)
	}
	bob, _ := w.photographer()
	his := bob.photographed(st, 10)
	if theSame := bob.send(at+"/photos", photo.JPEG, file); theSame.status != http.StatusCreated {
		t.Errorf("the same file from somebody else is answered by %d", theSame.status)
	}

	for size, s := range map[string]photo.Sized{"full": made.Full, "thumbnail": made.Thumbnail} {
		got := everybody.do(http.MethodGet, w.at(s), nil)
		img, err := jpeg.Decode(bytes.NewReader(got.body))
		if err != nil || img.Bounds().Dx() != s.Width || img.Bounds().Dy() != s.Height {
			t.Errorf("%s: it is %v", size, err)
			continue
		}
		for name, value := range map[string]string{
			"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=2592000, immutable", "X-Content-Type-Options": "nosniff",
			"Content-Disposition": `inline; filename="` + made.ID.String() + "-" + size + `.jpg"`, "ETag": `"` + made.ID.String() + "-" + size + `"`,
			"Content-Length": strconv.Itoa(len(got.body)), "Content-Encoding": "",
		} {
			if got.header.Get(name) != value {
				t.Errorf("%s: %s is %q, want %q", size, name, got.header.Get(name), value)
			}
		}
		if held := everybody.do(http.MethodGet, w.at(s), nil, "If-None-Match", got.header.Get("ETag")); held.status != http.StatusNotModified || len(held.body) > 0 || held.header.Get("Cache-Control") == "" {
			t.Errorf("%s: who holds it is answered by %d", size, held.status)
		}
		if head := everybody.do(http.MethodHead, w.at(s), nil); head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
			t.Errorf("%s: HEAD is answered by %d, %s bytes", size, head.status, head.header.Get("Content-Length"))
		}
	}
	if whole := everybody.do(http.MethodGet, mine+"/picture.jpg", nil); whole.header.Get("ETag") != `"`+made.ID.String()+`-full"` {
		t.Errorf("without a size it is %s", whole.header.Get("ETag"))
	}

	all, a := want[photosPage](everybody, http.StatusOK, http.MethodGet, at+"/photos?limit=2", nil)
	if len(all.Items) != 2 || all.Items[1].ID != his.ID || all.NextCursor == "" || a.header.Get("Link") == "" {
		t.Errorf("the newest are %s", a.body)
	}
	last, b := want[photosPage](everybody, http.StatusOK, http.MethodGet, at+"/photos?limit=2&cursor="+all.NextCursor, nil)
	if len(last.Items) != 1 || last.Items[0].ID != made.ID || last.NextCursor != "" {
		t.Errorf("the next is %s", b.body)
	}
	refused(everybody, http.StatusBadRequest, "bad_cursor", http.MethodGet, pathOf(w.named("Gare Sud"))+"/photos?cursor="+all.NextCursor, nil)
	own, c := want[photosPage](ada, http.StatusOK, http.MethodGet, at+"/photos?mine=true", nil)
	if len(own.Items) != 1 || own.Items[0].ID != made.ID {
		t.Errorf("hers are %s", c.body)
	}
	one, d := want[photo.Photo](everybody, http.StatusOK, http.MethodGet, mine, nil)
	if one != made || everybody.do(http.MethodGet, mine, nil, "If-None-Match", d.header.Get("ETag")).status != http.StatusNotModified {
		t.Errorf("one alone is %s", d.body)
	}

	shown, e := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)
	if len(shown.Photos) != 3 || shown.Photos[2] != made.Shown || shown.Version != st.Version {
		t.Errorf("the station shows %+v", shown.Photos)
	}
	if e.header.Get("ETag") == fresh.header.Get("ETag") || strings.Split(e.header.Get("ETag"), ".")[0] != strings.Split(fresh.header.Get("ETag"), ".")[0] {
		t.Errorf("the ETag was %s and is %s: the same version, and other photos", fresh.header.Get("ETag"), e.header.Get("ETag"))
	}
	for _, body := range [][]byte{a.body, b.body, c.body, d.body, e.body} {
		if strings.Contains(string(body), her.String()) || strings.Contains(string(body), "author") {
			t.Errorf("everybody is told who sent it: %s", body)
		}
	}

	said, f := want[struct {
		Items []struct {
			Kind, State, Link string
			Photo             *photo.Photo
		}
	}](ada, http.StatusOK, http.MethodGet, "/v1/contributions?kind=photo", nil)
	if len(said.Items) != 1 || said.Items[0].Kind != "photo" || said.Items[0].State != "published" || said.Items[0].Link != mine || *said.Items[0].Photo != made {
		t.Errorf("among what she said it is %s", f.body)
	}

	changed, a := want[photo.Photo](ada, http.StatusOK, http.MethodPatch, mine, map[string]any{"caption": "Devant"}, "If-Match", `"1"`)
	if changed.Caption != "Devant" || a.header.Get("ETag") != `"2"` || changed.Full != made.Full {
		t.Errorf("changed it is %s", a.body)
	}
	if again, a := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil, "If-None-Match", e.header.Get("ETag")); again.Photos[2].Caption != "Devant" {
		t.Errorf("the station still shows %s", a.body)
	}
	if bare, a := want[photo.Photo](ada, http.StatusOK, http.MethodPatch, mine, map[string]any{"caption": nil}, "If-Match", `"2"`); bare.Caption != "" {
		t.Errorf("without a caption it is %s", a.body)
	}
	if a := ada.do(http.MethodDelete, mine, nil, "If-Match", `"3"`); a.status != http.StatusNoContent {
		t.Errorf("it is deleted with %d %s", a.status, a.body)
	}
	for _, path := range []string{mine, w.at(made.Full), w.at(made.Thumbnail)} {
		refused(ada, http.StatusNotFound, "photo_not_found", http.MethodGet, path, nil)
		refused(everybody, http.StatusNotFound, "photo_not_found", http.MethodGet, path, nil, "If-None-Match", "*")
	}
	if export() != before {
		t.Error("an export has changed")
	}
	if p := ada.photographed(st, 91); p.ID == made.ID {
		t.Error("after it was deleted the next one is the same")
	}
}

// TestPhotosAreTheirAuthors promises that only people with the scope send photos, and only the author changes or deletes one, knowing it.
func TestPhotosAreTheirAuthors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, _ := w.photographer()
	bob, _ := w.photographer()
	made := ada.photographed(st, 1)
	mine := at + "/photos/" + made.ID.String()
	reader, _ := w.driver("reviews:write")
	operator := w.as(st.Operator.ID, []string{"operator_admin"}, "stations:write", "photos:write", "reviews:write")
	file := picture(t, 64, 64, 2, encodeJPEG)
	for _, c := range []struct {
		who  caller
		path string
		code string
	}{
		{w.anonymous(), at, "unauthenticated"},
		{reader, at, "insufficient_scope"},
		{ada, "/v1/stations/" + uuid.NewString(), "station_not_found"},
	} {
		if a := c.who.send(c.path+"/photos", photo.JPEG, file); !strings.Contains(string(a.body), `"urn:ihr:problem:`+c.code+`"`) {
			t.Errorf("a photo is answered by %d %s, want %s", a.status, a.body, c.code)
		}
	}
	other, hide := map[string]any{"caption": "Mine"}, map[string]any{"hidden": true}
	for _, c := range []struct {
		who     caller
		status  int
		code    string
		method  string
		path    string
		body    any
		ifMatch string
	}{
		{w.anonymous(), 401, "unauthenticated", http.MethodGet, at + "/photos?mine=true", nil, ""},
		{reader, 403, "insufficient_scope", http.MethodPatch, mine, other, `"1"`},
		{bob, 403, "foreign_photo", http.MethodPatch, mine, other, `"1"`},
		{bob, 403, "foreign_photo", http.MethodDelete, mine, nil, `"1"`},
		{operator, 403, "foreign_photo", http.MethodDelete, mine, nil, `"1"`},
		{operator, 403, "insufficient_scope", http.MethodPut, mine + "/moderation", hide, `"1"`},
		{ada, 403, "insufficient_scope", http.MethodPut, mine + "/moderation", hide, `"1"`},
		{ada, 428, "if_match_required", http.MethodPatch, mine, other, ""},
		{ada, 412, "stale", http.MethodPatch, mine, other, `"7"`},
		{ada, 428, "if_match_required", http.MethodDelete, mine, nil, ""},
		{ada, 412, "stale", http.MethodDelete, mine, nil, `"7"`},
		{ada, 404, "photo_not_found", http.MethodPatch, at + "/photos/" + uuid.NewString(), other, `"1"`},
		{ada, 404, "photo_not_found", http.MethodDelete, pathOf(w.named("Gare Sud")) + "/photos/" + made.ID.String(), nil, `"1"`},
		{ada, 404, "photo_not_found", http.MethodGet, pathOf(w.named("Gare Sud")) + "/photos/" + made.ID.String() + "/picture.jpg", nil, ""},
		{ada, 404, "station_not_found", http.MethodGet, "/v1/stations/" + uuid.NewString() + "/photos", nil, ""},
		{ada, 404, "station_not_found", http.MethodGet, "/v1/stations/" + uuid.NewString() + "/photos/" + made.ID.String() + "/picture.jpg", nil, ""},
		{ada, 400, "invalid_request", http.MethodGet, mine + "/picture.jpg?size=huge", nil, ""},
	} {
		var headers []string
		if c.ifMatch != "" {
			headers = []string{"If-Match", c.ifMatch}
		}
		refused(c.who, c.status, c.code, c.method, c.path, c.body, headers...)
	}
	if all, a := want[photosPage](w.anonymous(), http.StatusOK, http.MethodGet, at+"/photos", nil); len(all.Items) != 1 || all.Items[0] != made {
		t.Errorf("after all that the photos are %s", a.body)
	}
}

// TestBadPhotos promises that what cannot be shown is refused with what is wrong with it, and nothing of it is stored.
func TestBadPhotos(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	at := pathOf(w.named("Place du Marché")) + "/photos"
	ada, _ := w.photographer()
	whole := picture(t, 200, 200, 1, encodeJPEG)
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)
	moving := picture(t, 100, 100, 0, func(w io.Writer, img image.Image) error { return gif.Encode(w, img, nil) })
	for name, c := range map[string]struct {
		path, mediaType string
		file            []byte
		status          int
		code            string
		wrong           string // the member, or the parameter, and the code
	}{
		"nothing":              {at, photo.JPEG, nil, 422, "invalid_picture", " required"},
		"a bomb":               {at, photo.PNG, bomb(t), 422, "invalid_picture", " dimensions"},
		"a broken off one":     {at, photo.JPEG, whole[:len(whole)-100], 422, "invalid_picture", " format"},
		"a PNG in name":        {at, photo.PNG, append([]byte("\x89PNG\r\n\x1a\n"), whole...), 422, "invalid_picture", " format"},
		"a PNG as JPEG":        {at, photo.JPEG, picture(t, 100, 100, 0, png.Encode), 422, "invalid_picture", " format"},
		"a tiny one":           {at, photo.JPEG, picture(t, 40, 40, 0, encodeJPEG), 422, "invalid_picture", " dimensions"},
		"a GIF":                {at, "image/gif", moving, 415, "unsupported_media_type", ""},
		"a GIF as PNG":         {at, photo.PNG, moving, 422, "invalid_picture", " format"},
		"an SVG":               {at, "image/svg+xml", svg, 415, "unsupported_media_type", ""},
		"an SVG as JPEG":       {at, photo.JPEG, svg, 422, "invalid_picture", " format"},
		"a form":               {at, "multipart/form-data; boundary=x", whole, 415, "unsupported_media_type", ""},
		"too much":             {at, photo.JPEG, make([]byte, 8<<20+1), 413, "body_too_large", ""},
		"a caption with a NUL": {at + "?caption=a%00b", photo.JPEG, whole, 400, "invalid_request", "caption encoding"},
		"a caption that rings": {at + "?caption=a%07b", photo.JPEG, whole, 400, "invalid_request", "caption encoding"},
		"a caption turned":     {at + "?caption=a%E2%80%AEb", photo.JPEG, whole, 400, "invalid_request", "caption encoding"},
		"a long caption":       {at + "?caption=" + strings.Repeat("x", 501), photo.JPEG, whole, 400, "invalid_request", "caption length"},
		"a blank caption":      {at + "?caption=%20", photo.JPEG, whole, 400, "invalid_request", "caption required"},
		"a wrong parameter":    {at + "?captoin=a", photo.JPEG, whole, 400, "invalid_request", "captoin unknown"},
	} {
		a := ada.send(c.path, c.mediaType, c.file)
		var p problem
		if err := json.Unmarshal(a.body, &p); err != nil || a.status != c.status || p.Type != "urn:ihr:problem:"+c.code {
			t.Errorf("%s is answered by %d %s", name, a.status, a.body)
			continue
		}
		if c.wrong != "" && (len(p.Errors) != 1 || p.Errors[0].Parameter+" "+p.Errors[0].Code != c.wrong) {
			t.Errorf("%s is refused by %s", name, a.body)
		}
	}
	if all, a := want[photosPage](ada, http.StatusOK, http.MethodGet, at, nil); len(all.Items) != 0 {
		t.Errorf("after all that the photos are %s", a.body)
	}

	polyglot := append(slices.Clone(whole), "<html><script>alert(1)</script></html>"...)
	a := ada.send(at+"?caption=a%0Ab", photo.JPEG, polyglot)
	var made photo.Photo
	if err := json.Unmarshal(a.body, &made); err != nil || a.status != http.StatusCreated || made.Caption != "a\nb" {
		t.Fatalf("a file with a tail is answered by %d %s", a.status, a.body)
	}
	for _, s := range []photo.Sized{made.Full, made.Thumbnail} {
		if got := ada.do(http.MethodGet, w.at(s), nil); got.status != http.StatusOK || bytes.Contains(got.body, []byte("script")) {
			t.Errorf("the tail is kept: %q", got.body)
		}
	}
	mine := at + "/" + made.ID.String()
	for body, wrong := range map[string]string{
		`{"caption":"a\u0007b"}`: "/caption", `{"caption":"` + strings.Repeat("x", 501) + `"}`: "/caption", `{"caption":7}`: "/caption", `{"colour":1}`: "/colour", `{}`: "",
	} {
		p, a := want[problem](ada, http.StatusBadRequest, http.MethodPatch, mine, json.RawMessage(body), "If-Match", `"1"`)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != wrong {
			t.Errorf("%s is refused by %s", body, a.body)
		}
	}
	refused(w.moderator(), http.StatusBadRequest, "invalid_photo", http.MethodPut, mine+"/moderation", map[string]any{"hidden": false, "reason": "well"}, "If-Match", `"1"`)
}

// bomb is a PNG whose head says that it has 100 megapixels.
func bomb(t *testing.T) []byte {
	t.Helper()
	const width, head, end = 16, 12, 29 // of the header, whose checksum follows it
	file := picture(t, 64, 64, 0, png.Encode)
	binary.BigEndian.PutUint32(file[width:], 10_000)
	binary.BigEndian.PutUint32(file[width+4:], 10_000)
	binary.BigEndian.PutUint32(file[end:], crc32.ChecksumIEEE(file[head:end]))
	return file
}

// TestHiddenPhotos promises that a hidden photo is shown to moderators and its author alone, with the reason, and no copy of it is to be kept.
func TestHiddenPhotos(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, _ := w.photographer()
	bob, _ := w.photographer()
	made := ada.photographed(st, 1)
	mine := at + "/photos/" + made.ID.String()
	hidden, _ := want[photo.Photo](w.moderator(), http.StatusOK, http.MethodPut, mine+"/moderation", map[string]any{"hidden": true, "reason": "A face"}, "If-Match", `"1"`)
	if hidden.State != photo.Hidden || hidden.HiddenReason != "A face" || hidden.Version != 2 {
		t.Errorf("hidden it is %+v", hidden)
	}
	etag := `"` + made.ID.String() + `-full"`
	for _, who := range []caller{w.anonymous(), bob} {
		refused(who, http.StatusNotFound, "photo_not_found", http.MethodGet, mine, nil)
		a := who.do(http.MethodGet, w.at(made.Full), nil, "If-None-Match", etag)
		if a.status != http.StatusNotFound || a.header.Get("ETag") != "" || strings.Contains(a.header.Get("Cache-Control"), "public") {
			t.Errorf("the hidden picture is answered by %d %v", a.status, a.header)
		}
		if all, a := want[photosPage](who, http.StatusOK, http.MethodGet, at+"/photos", nil); len(all.Items) != 0 {
			t.Errorf("what is hidden is listed: %s", a.body)
		}
	}
	if shown, a := want[station.Station](ada, http.StatusOK, http.MethodGet, at, nil); len(shown.Photos) != 0 {
		t.Errorf("the station shows %s", a.body)
	}
	refused(bob, http.StatusNotFound, "photo_not_found", http.MethodDelete, mine, nil, "If-Match", `"2"`)
	for _, who := range []caller{ada, w.moderator()} {
		if one, a := want[photo.Photo](who, http.StatusOK, http.MethodGet, mine, nil); one.State != photo.Hidden || one.HiddenReason != "A face" {
			t.Errorf("to who may see it it is %s", a.body)
		}
		if a := who.do(http.MethodGet, w.at(made.Full), nil); a.status != http.StatusOK || a.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("to who may see it the picture is %d, to be cached as %q", a.status, a.header.Get("Cache-Control"))
		}
	}
	again := ada.send(at+"/photos", photo.JPEG, picture(t, 80, 64, 1, encodeJPEG))
	if again.status != http.StatusOK || !strings.Contains(string(again.body), `"state":"hidden"`) {
		t.Errorf("the hidden one sent again is answered by %d %s", again.status, again.body)
	}
	want[photo.Photo](w.moderator(), http.StatusOK, http.MethodPut, mine+"/moderation", map[string]any{"hidden": false}, "If-Match", `"2"`)
	if a := w.anonymous().do(http.MethodGet, w.at(made.Full), nil); a.status != http.StatusOK {
		t.Errorf("shown again it is answered by %d", a.status)
	}
}

// TestPhotosAreBounded promises that nobody has more than ten photos of a station, whatever is sent at once, and that the station shows the
// newest twenty.
func TestPhotosAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	newest := []uuid.UUID{}
	for person := range 2 {
		who, _ := w.photographer()
		for n := range 10 {
			newest = append(newest, who.photographed(st, uint8(100*person+n)).ID)
		}
		if a := who.send(at+"/photos", photo.JPEG, picture(t, 64, 64, 200, encodeJPEG)); a.status != http.StatusConflict || !strings.Contains(string(a.body), "too_many_photos") {
			t.Errorf("the eleventh is answered by %d %s", a.status, a.body)
		}
		if a := who.send(at+"/photos", photo.JPEG, picture(t, 80, 64, uint8(100*person), encodeJPEG)); a.status != http.StatusOK {
			t.Errorf("the first once more is answered by %d %s", a.status, a.body)
		}
	}
	who, _ := w.photographer()
	newest = append(newest, who.photographed(st, 250).ID)
	shown, a := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, at, nil)
	if len(shown.Photos) != photo.MostOfDocument {
		t.Fatalf("the station shows %d", len(shown.Photos))
	}
	slices.Reverse(newest)
	for i, p := range shown.Photos {
		if p.ID != newest[i] {
			t.Errorf("of the newest %d is %s", i, a.body)
		}
	}
}

// TestPhotosFollowAMerge promises that photos and pictures of a station that was merged are found at the survivor, and that of one file
// that a person sent of both one is left; those of a removed one are gone with it.
func TestPhotosFollowAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	keep, drop := w.named("Place du Marché"), w.named("Gare Sud")
	ada, _ := w.photographer()
	made, kept := ada.photographed(drop, 1), ada.photographed(keep, 2)
	ada.photographed(drop, 2)
	want[station.Station](w.admin(), http.StatusOK, http.MethodPost, pathOf(keep)+"/merge", map[string]any{"duplicate_id": drop.ID})
	everybody := w.anonymous()
	all, a := want[photosPage](everybody, http.StatusOK, http.MethodGet, pathOf(drop)+"/photos", nil) // the client follows
	if len(all.Items) != 2 || all.Items[0].ID != kept.ID || all.Items[1].ID != made.ID || all.Items[1].StationID != keep.ID {
		t.Errorf("the survivor has %s", a.body)
	}
	if one, a := want[photo.Photo](everybody, http.StatusOK, http.MethodGet, pathOf(drop)+"/photos/"+made.ID.String(), nil); one.StationID != keep.ID {
		t.Errorf("the photo is %s", a.body)
	}
	if a := everybody.do(http.MethodGet, w.at(made.Thumbnail), nil); a.status != http.StatusOK || a.header.Get("ETag") != `"`+made.ID.String()+`-thumbnail"` {
		t.Errorf("its picture is answered by %d", a.status)
	}
	if a := ada.send(pathOf(drop)+"/photos", photo.JPEG, picture(t, 64, 64, 9, encodeJPEG)); a.status != http.StatusGone {
		t.Errorf("one more of the duplicate is answered by %d", a.status)
	}
	gone, b := want[station.Station](everybody, http.StatusOK, http.MethodGet, pathOf(keep), nil)
	if a := w.admin().do(http.MethodDelete, pathOf(keep), nil, "If-Match", b.header.Get("ETag")); a.status != http.StatusNoContent {
		t.Fatalf("%s is removed with %d", gone.Name, a.status)
	}
	refused(everybody, http.StatusGone, "station_removed", http.MethodGet, w.at(kept.Full), nil)
	if a := ada.do(http.MethodDelete, pathOf(keep)+"/photos/"+made.ID.String(), nil, "If-Match", `"1"`); a.status != http.StatusNoContent {
		t.Errorf("of a removed station it is deleted with %d", a.status)
	}
}

// TestOCMMedia promises the photos of a station as media, as Open Charge Map's clients want them, when comments are asked for.
func TestOCMMedia(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, author := w.photographer()
	first := ada.photographed(st, 1)
	second := ada.photographed(st, 2)
	hidden := ada.photographed(st, 3)
	want[photo.Photo](w.moderator(), http.StatusOK, http.MethodPut, pathOf(st)+"/photos/"+hidden.ID.String()+"/moderation", map[string]any{"hidden": true}, "If-Match", `"1"`)
	want[photo.Photo](ada, http.StatusOK, http.MethodPatch, pathOf(st)+"/photos/"+first.ID.String(), map[string]any{"caption": `A "quoted" place`}, "If-Match", `"1"`)
	type item struct {
		ID, ChargePointID                                  int64
		ItemURL, ItemThumbnailURL                          string
		Comment, User                                      *string
		IsEnabled, IsVideo, IsFeatured, IsExternalResource *bool
		DateCreated                                        time.Time
	}
	at := "/ocm/v3/poi?chargepointid=" + strconv.FormatInt(st.Number, 10)
	for _, form := range []string{"&compact=false&verbose=false", "&compact=true&verbose=false", ""} {
		found, a := want[[]struct{ MediaItems []item }](w.anonymous(), http.StatusOK, http.MethodGet, at+"&includecomments=true"+form, nil)
		m := found[0].MediaItems
		if len(m) != 2 || m[0].ID <= m[1].ID || m[0].ID > 1<<53 || m[1].ID <= 0 || m[1].ChargePointID != st.Number || m[1].ItemURL != first.Full.URL ||
			m[1].ItemThumbnailURL != first.Thumbnail.URL || *m[1].Comment != `A "quoted" place` || m[0].ItemURL != second.Full.URL || m[0].Comment != nil ||
			!*m[0].IsEnabled || *m[0].IsVideo || *m[0].IsExternalResource || m[0].DateCreated.IsZero() || m[0].User != nil || strings.Contains(string(a.body), author.String()) {
			t.Errorf("%s: the media are %s", form, a.body)
		}
	}
	if none, a := want[[]map[string]any](w.anonymous(), http.StatusOK, http.MethodGet, at, nil); none[0]["MediaItems"] != nil {
		t.Errorf("nobody asked for media: %s", a.body)
	}
	other := fmt.Sprintf("/ocm/v3/poi?chargepointid=%d&includecomments=true", w.named("Gare Sud").Number)
	if none, a := want[[]map[string]any](w.anonymous(), http.StatusOK, http.MethodGet, other, nil); fmt.Sprint(none[0]["MediaItems"]) != "[]" {
		t.Errorf("a station without photos has %s", a.body)
	}
}

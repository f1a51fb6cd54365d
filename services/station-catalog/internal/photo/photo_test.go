package photo_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
)

// The corners of test pictures, clockwise from the upper left one.
var (
	red, green, yellow, blue = color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{255, 255, 0, 255}, color.RGBA{0, 0, 255, 255}
	asTaken                  = [4]color.RGBA{red, green, yellow, blue}
)

// quarters is a picture of four colours.
func quarters(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i, at := range []image.Rectangle{image.Rect(0, 0, w/2, h/2), image.Rect(w/2, 0, w, h/2), image.Rect(w/2, h/2, w, h), image.Rect(0, h/2, w/2, h)} {
		draw.Draw(img, at, image.NewUniform(asTaken[i]), image.Point{}, draw.Src)
	}
	return img
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func stored(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const camera = "SecretCam 3000"

// exif is metadata with an orientation, a camera and a place, as TIFF.
func exif(orientation int) []byte {
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.BigEndian, v) // a buffer takes everything
		}
	}
	entry := func(tag, kind uint16, count, value uint32) { put(tag, kind, count, value) }
	const ascii, short, long, rational = 2, 3, 4, 5
	put([]byte("MM"), uint16(42), uint32(8))
	put(uint16(3)) // entries of the first directory, at 8
	entry(0x010f, ascii, uint32(len(camera)+1), 50)
	entry(0x0112, short, 1, uint32(orientation)<<16)
	entry(0x8825, long, 1, 65)
	put(uint32(0))
	put([]byte(camera), []byte{0}) // at 50
	put(uint16(2))                 // the place, at 65
	entry(0x0001, ascii, 2, uint32('N')<<24)
	entry(0x0002, rational, 3, 95)
	put(uint32(0))
	put(uint32(48), uint32(1), uint32(51), uint32(1), uint32(29), uint32(1))
	return out.Bytes()
}

// withEXIF puts metadata into a file.
func withEXIF(t *testing.T, mediaType string, file []byte, orientation int) []byte {
	t.Helper()
	meta := exif(orientation)
	switch mediaType {
	case photo.JPEG:
		segment := append([]byte("Exif\x00\x00"), meta...)
		head := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(segment)+2))
		return bytes.Join([][]byte{file[:2], head, segment, file[2:]}, nil)
	case photo.PNG:
		const header = 33 // signature and IHDR
		return bytes.Join([][]byte{file[:header], chunk("eXIf", meta), file[header:]}, nil)
	case photo.WebP:
		const riff = 12
		extended := []byte("VP8X\x0a\x00\x00\x00\x08\x00\x00\x00\x9f\x00\x00\x5f\x00\x00") // EXIF; 160 by 96
		if len(meta)%2 == 1 {
			meta = append(meta, 0)
		}
		rest := bytes.Join([][]byte{[]byte("WEBP"), extended, file[riff:], binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(meta))), meta}, nil)
		return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(rest))), rest...)
	}
	t.Fatalf("no metadata in %s", mediaType)
	return nil
}

// chunk is one of PNG.
func chunk(name string, data []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	body := append([]byte(name), data...)
	return binary.BigEndian.AppendUint32(append(out, body...), crc32.ChecksumIEEE(body))
}

// bomb is a PNG of so many white pixels in few bytes.
func bomb(t *testing.T, w, h int) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	head = append(head, 1, 0, 0, 0, 0)
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	row := make([]byte, 1+(w+7)/8)
	for range h {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head), chunk("IDAT", packed.Bytes()), chunk("IEND", nil)}, nil)
}

// developed makes the pictures of a file, and reads them again.
func developed(t *testing.T, mediaType string, file []byte) (taken photo.Taken, full, thumbnail image.Image) {
	t.Helper()
	taken, err := photo.NewDarkroom().Develop(t.Context(), mediaType, file)
	if err != nil {
		t.Fatal(err)
	}
	images := [2]image.Image{}
	for i, p := range []photo.Picture{taken.Full, taken.Thumbnail} {
		if images[i], err = jpeg.Decode(bytes.NewReader(p.JPEG)); err != nil {
			t.Fatal(err)
		}
		if b := images[i].Bounds(); b.Dx() != p.Width || b.Dy() != p.Height {
			t.Errorf("a picture of %v is said to be %d × %d", b, p.Width, p.Height)
		}
	}
	return taken, images[0], images[1]
}

// corners are what is seen in the corners, clockwise from the upper left one.
func corners(img image.Image) [4]color.RGBA {
	b := img.Bounds()
	x1, x2, y1, y2 := b.Dx()/4, b.Dx()*3/4, b.Dy()/4, b.Dy()*3/4
	var out [4]color.RGBA
	for i, at := range []image.Point{{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}} {
		r, g, b, _ := img.At(at.X, at.Y).RGBA()
		half := func(v uint32) uint8 { // what is printed is hardly off
			if v >= 0x8000 {
				return 255
			}
			return 0
		}
		out[i] = color.RGBA{half(r), half(g), half(b), 255}
	}
	return out
}

// TestPicturesStandUpright promises that what is seen is upright however the camera was held, in every type of file, and that nothing of
// the metadata is kept: no camera, no place.
func TestPicturesStandUpright(t *testing.T) {
	t.Parallel()
	// What the picture of an orientation shows, by the definition: the row and the column that the first ones are.
	upright := map[int][4]color.RGBA{
		1: {red, green, yellow, blue}, 2: {green, red, blue, yellow}, 3: {yellow, blue, red, green}, 4: {blue, yellow, green, red},
		5: {red, blue, yellow, green}, 6: {blue, red, green, yellow}, 7: {yellow, green, red, blue}, 8: {green, yellow, blue, red},
		0: asTaken, 9: asTaken,
	}
	files := map[string][]byte{
		photo.JPEG: asJPEG(t, quarters(160, 96)), photo.PNG: asPNG(t, quarters(160, 96)), photo.WebP: stored(t, "lossy.webp"),
	}
	for mediaType, file := range files {
		for orientation, want := range upright {
			sent := withEXIF(t, mediaType, file, orientation)
			if !bytes.Contains(sent, []byte(camera)) {
				t.Fatal("the file says nothing of a camera")
			}
			taken, full, thumbnail := developed(t, mediaType, sent)
			if got := corners(full); got != want {
				t.Errorf("%s of orientation %d shows %v, want %v", mediaType, orientation, got, want)
			}
			if got := corners(thumbnail); got != want {
				t.Errorf("the thumbnail of %s of orientation %d shows %v, want %v", mediaType, orientation, got, want)
			}
			if lies := orientation >= 5 && orientation <= 8; lies != (taken.Full.Width == 96 && taken.Full.Height == 160) {
				t.Errorf("%s of orientation %d is %d × %d", mediaType, orientation, taken.Full.Width, taken.Full.Height)
			}
			for _, p := range []photo.Picture{taken.Full, taken.Thumbnail} {
				if markers := markersOf(t, p.JPEG); strings.ContainsAny(markers, "EC") {
					t.Errorf("%s has kept metadata: %s", mediaType, markers)
				}
				if bytes.Contains(p.JPEG, []byte("Exif")) || bytes.Contains(p.JPEG, []byte(camera)) {
					t.Errorf("%s has kept metadata: %q", mediaType, p.JPEG[:40])
				}
			}
		}
	}
}

// markersOf names the segments of a JPEG: E for applications', C for comments, . for those that make the picture.
func markersOf(t *testing.T, file []byte) string {
	t.Helper()
	var out strings.Builder
	for at := 2; at+4 <= len(file) && file[at] == 0xff; at += 2 + int(binary.BigEndian.Uint16(file[at+2:])) {
		switch marker := file[at+1]; {
		case marker&0xf0 == 0xe0:
			out.WriteByte('E')
		case marker == 0xfe:
			out.WriteByte('C')
		case marker == 0xda:
			return out.String() + "."
		default:
			out.WriteByte('.')
		}
	}
	t.Fatalf("a JPEG without a scan: %s", out.String())
	return ""
}

// TestPicturesHaveTwoSizes promises that the longer side has at most 2048 and 400 pixels, that proportions stay, and that what is small
// is not blown up; in every encoding that is taken.
func TestPicturesHaveTwoSizes(t *testing.T) {
	t.Parallel()
	nothing := image.NewNRGBA(image.Rect(0, 0, 100, 80))
	for name, c := range map[string]struct {
		mediaType            string
		file                 []byte
		w, h, smallW, smallH int
		seen                 [4]color.RGBA
	}{
		"large":        {photo.JPEG, asJPEG(t, quarters(2100, 700)), 2048, 683, 400, 133, asTaken},
		"upright":      {photo.PNG, asPNG(t, quarters(300, 900)), 300, 900, 133, 400, asTaken},
		"long":         {photo.PNG, asPNG(t, quarters(5000, 64)), 2048, 26, 400, 5, asTaken},
		"small":        {photo.JPEG, asJPEG(t, quarters(64, 64)), 64, 64, 64, 64, asTaken},
		"progressive":  {photo.JPEG, stored(t, "progressive.jpg"), 160, 96, 160, 96, asTaken},
		"of print":     {photo.JPEG, stored(t, "cmyk.jpg"), 160, 96, 160, 96, asTaken},
		"lossy":        {photo.WebP, stored(t, "lossy.webp"), 160, 96, 160, 96, asTaken},
		"lossless":     {photo.WebP, stored(t, "lossless.webp"), 160, 96, 160, 96, asTaken},
		"gray":         {photo.PNG, asPNG(t, image.NewGray16(image.Rect(0, 0, 800, 600))), 800, 600, 400, 300, [4]color.RGBA{{A: 255}, {A: 255}, {A: 255}, {A: 255}}},
		"of 16 bits":   {photo.PNG, asPNG(t, image.NewNRGBA64(image.Rect(0, 0, 800, 600))), 800, 600, 400, 300, white},
		"of nothing":   {photo.PNG, asPNG(t, nothing), 100, 80, 100, 80, white},
		"of one bit":   {photo.PNG, bomb(t, 2100, 2100), 2048, 2048, 400, 400, [4]color.RGBA{{A: 255}, {A: 255}, {A: 255}, {A: 255}}},
		"with a tail":  {photo.JPEG, append(asJPEG(t, quarters(160, 96)), "<html><script>alert(1)</script></html>"...), 160, 96, 160, 96, asTaken},
		"with a guest": {photo.PNG, append(asPNG(t, quarters(160, 96)), asJPEG(t, quarters(64, 64))...), 160, 96, 160, 96, asTaken},
	} {
		taken, full, thumbnail := developed(t, c.mediaType, c.file)
		if f, s := taken.Full, taken.Thumbnail; f.Width != c.w || f.Height != c.h || s.Width != c.smallW || s.Height != c.smallH {
			t.Errorf("%s: they are %d × %d and %d × %d", name, f.Width, f.Height, s.Width, s.Height)
		}
		if got := corners(full); got != c.seen {
			t.Errorf("%s: it shows %v, want %v", name, got, c.seen)
		}
		if got := corners(thumbnail); got != c.seen {
			t.Errorf("%s: the thumbnail shows %v, want %v", name, got, c.seen)
		}
		if taken.Digest != photo.DigestOf(c.file) || bytes.Contains(taken.Full.JPEG, []byte("script")) {
			t.Errorf("%s: what was sent is not told apart, or kept", name)
		}
	}
}

var white = [4]color.RGBA{{255, 255, 255, 255}, {255, 255, 255, 255}, {255, 255, 255, 255}, {255, 255, 255, 255}}

// TestBadPictures promises a fault that says what is wrong with a file, and never more than its head read of one that is too large.
func TestBadPictures(t *testing.T) {
	t.Parallel()
	whole := asJPEG(t, quarters(640, 480))
	var moving bytes.Buffer
	if err := gif.Encode(&moving, quarters(100, 100), nil); err != nil {
		t.Fatal(err)
	}
	tall := asPNG(t, quarters(64, 64))
	binary.BigEndian.PutUint32(tall[16:], 1<<30)
	binary.BigEndian.PutUint32(tall[29:], crc32.ChecksumIEEE(tall[12:29]))
	for name, c := range map[string]struct {
		mediaType string
		file      []byte
		code      string
		says      string
	}{
		"empty":                     {photo.JPEG, nil, "required", "it is empty"},
		"broken off":                {photo.JPEG, whole[:len(whole)/2], "format", "whole and sound"},
		"broken off in its head":    {photo.JPEG, whole[:20], "format", "whole and sound"},
		"PNG that breaks off":       {photo.PNG, asPNG(t, quarters(640, 480))[:400], "format", "whole and sound"},
		"WebP that breaks off":      {photo.WebP, stored(t, "lossy.webp")[:100], "format", "whole and sound"},
		"PNG as JPEG":               {photo.JPEG, asPNG(t, quarters(64, 64)), "format", "it is image/png, not image/jpeg"},
		"JPEG as WebP":              {photo.WebP, whole, "format", "it is image/jpeg, not image/webp"},
		"JPEG with the head of PNG": {photo.PNG, append([]byte("\x89PNG\r\n\x1a\n"), whole[8:]...), "format", "whole and sound"},
		"GIF as JPEG":               {photo.JPEG, moving.Bytes(), "format", ""},
		"SVG as PNG":                {photo.PNG, []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"/>`), "format", "whole and sound"},
		"of another type":           {"image/gif", moving.Bytes(), "format", "must be JPEG, PNG or WebP"},
		"tiny":                      {photo.PNG, asPNG(t, quarters(63, 200)), "dimensions", "at least 64 pixels"},
		"a bomb":                    {photo.PNG, bomb(t, 10000, 10000), "dimensions", "at most 40.0 megapixels"},
		"a bomb of a billion":       {photo.PNG, tall, "dimensions", "1073741824 × 64"},
		"many scans":                {photo.JPEG, append(bytes.Clone(whole), bytes.Repeat([]byte{0xff, 0xda}, 200)...), "format", "scans"},
	} {
		_, err := photo.NewDarkroom().Develop(t.Context(), c.mediaType, c.file)
		f := fault.Of(err)
		if !errors.Is(err, photo.ErrPicture) || len(f.Fields()) != 1 || f.Fields()[0].Code != c.code || !strings.Contains(f.Fields()[0].Detail, c.says) {
			t.Errorf("%s: the fault is %v", name, err)
		}
	}
	if len(bomb(t, 10000, 10000)) > 20_000 {
		t.Error("the bomb is no small file")
	}
	_, err := photo.NewDarkroom().Develop(t.Context(), photo.PNG, bomb(t, 1_000_000, 50))
	if f := fault.Of(err).Fields(); len(f) != 2 {
		t.Errorf("of a picture that is too narrow and too large is said %v", err)
	}
}

// TestPicturesWaitForMemory promises that pictures which need more memory than is left wait for others, however many come.
func TestPicturesWaitForMemory(t *testing.T) {
	t.Parallel()
	room := photo.NewDarkroom()
	release := room.Fill(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := room.Develop(ctx, photo.JPEG, asJPEG(t, quarters(64, 64))); fault.Of(err).Code() != "pictures_waiting" {
		t.Errorf("without memory it is answered by %v", err)
	}
	var waiting sync.WaitGroup
	for range 10 {
		waiting.Go(func() {
			if _, err := room.Develop(t.Context(), photo.JPEG, asJPEG(t, quarters(64, 64))); err != nil {
				t.Error(err)
			}
		})
	}
	release()
	waiting.Wait()
}

// TestUploadsAreBounded promises that so many files may be under way, and of each person fewer, and that those who are done make room.
func TestUploadsAreBounded(t *testing.T) {
	t.Parallel()
	var desk photo.Desk
	ada := uuid.New()
	var ends []func()
	begin := func(person uuid.UUID) {
		reading, writing := io.Pipe()
		begun, done := make(chan struct{}), make(chan error)
		go func() {
			text, err := desk.Receive(t.Context(), person, io.MultiReader(signal{begun}, reading))
			if err == nil && string(text) != "file" {
				err = errors.New("read " + string(text))
			}
			done <- err
		}()
		<-begun
		ends = append(ends, func() {
			_, _ = writing.Write([]byte("file")) // what was read is looked at
			_ = writing.Close()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	refused := func(person uuid.UUID, code string) {
		t.Helper()
		if _, err := desk.Receive(t.Context(), person, strings.NewReader("")); fault.Of(err).Code() != code {
			t.Errorf("one more is answered by %v", err)
		}
	}
	for range 3 {
		begin(ada)
	}
	refused(ada, "own_uploads_under_way")
	for range 13 {
		begin(uuid.New())
	}
	refused(uuid.New(), "uploads_under_way")
	for _, end := range ends {
		end()
	}
	if text, err := desk.Receive(t.Context(), ada, strings.NewReader("again")); err != nil || string(text) != "again" {
		t.Errorf("when all are done one more is answered by %v", err)
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := desk.Receive(late, ada, strings.NewReader("late")); fault.Of(err).Code() != "upload_too_slow" {
		t.Errorf("one that is late is answered by %v", err)
	}
}

// signal tells when it is read, and is empty.
type signal struct{ read chan struct{} }

func (s signal) Read([]byte) (int, error) {
	close(s.read)
	return 0, io.EOF
}

func BenchmarkDevelop(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 4032, 3024)) // what a telephone takes
	seed := uint32(1)
	for i := range img.Pix {
		seed = seed*1664525 + 1013904223
		img.Pix[i] = byte(i/4032) + byte(seed>>29) // something of a sky, and noise
	}
	file := asJPEG(b, img)
	room := photo.NewDarkroom()
	b.SetBytes(int64(len(file)))
	b.ReportMetric(float64(len(file)), "bytes/file")
	for b.Loop() {
		if _, err := room.Develop(b.Context(), photo.JPEG, file); err != nil {
			b.Fatal(err)
		}
	}
}

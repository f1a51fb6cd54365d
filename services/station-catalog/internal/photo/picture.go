package photo

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"github.com/bep/imagemeta"
	"golang.org/x/image/draw"
	"golang.org/x/image/math/f64"
)

// Qualities of JPEG, of 100.
const (
	qualityFull      = 84
	qualityThumbnail = 78
)

// encode encodes a picture, and nothing else.
func encode(img *image.RGBA, quality int) (Picture, error) {
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return Picture{}, fmt.Errorf("encode a picture: %w", err)
	}
	return Picture{Width: img.Rect.Dx(), Height: img.Rect.Dy(), JPEG: out.Bytes()}, nil
}

// shrink makes an image small enough that its longer side has at most so many pixels; what is transparent becomes white. It is halved, which
// makes the mean of four pixels of them, until less than half is left to do. The filters of x/image that look farther would want 200 MB for
// the picture of a telephone.
func shrink(img image.Image, longest int) *image.RGBA {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	wantW, wantH := fit(w, h, longest)
	for w > 2*wantW || h > 2*wantH {
		w, h = max(w/2, wantW), max(h/2, wantH)
		img = scale(img, w, h)
	}
	return scale(img, wantW, wantH)
}

// fit is a size whose longer side has at most so many pixels.
func fit(w, h, longest int) (int, int) {
	long := max(w, h)
	if long <= longest {
		return w, h
	}
	round := func(side int) int { return max(1, (side*longest+long/2)/long) }
	return round(w), round(h)
}

func scale(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Rect, img, img.Bounds(), draw.Over, nil)
	return out
}

// upright turns and mirrors an image as its EXIF orientation says, 1 to 8.
func upright(img *image.RGBA, orientation int) *image.RGBA {
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	var to f64.Aff3
	switch orientation {
	case 2:
		to = f64.Aff3{-1, 0, w, 0, 1, 0}
	case 3:
		to = f64.Aff3{-1, 0, w, 0, -1, h}
	case 4:
		to = f64.Aff3{1, 0, 0, 0, -1, h}
	case 5:
		to = f64.Aff3{0, 1, 0, 1, 0, 0}
	case 6:
		to = f64.Aff3{0, -1, h, 1, 0, 0}
	case 7:
		to = f64.Aff3{0, -1, h, -1, 0, w}
	case 8:
		to = f64.Aff3{0, 1, 0, -1, 0, w}
	default:
		return img
	}
	const lying = 5 // from here on width and height change places
	if orientation >= lying {
		w, h = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, int(w), int(h)))
	draw.NearestNeighbor.Transform(out, to, img, img.Rect, draw.Src, nil)
	return out
}

var metaFormats = map[string]imagemeta.ImageFormat{JPEG: imagemeta.JPEG, PNG: imagemeta.PNG, WebP: imagemeta.WebP}

// orientation is how the camera was held, as EXIF counts it; 1, upright, where that cannot be told.
func orientation(mediaType string, file []byte) int {
	found := 1
	isOrientation := func(t imagemeta.TagInfo) bool { return t.Namespace == "IFD0" && t.Tag == "Orientation" }
	_, err := imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(file), ImageFormat: metaFormats[mediaType], Sources: imagemeta.EXIF, ShouldHandleTag: isOrientation,
		HandleTag: func(t imagemeta.TagInfo) error {
			if v, whole := t.Value.(uint16); whole && isOrientation(t) {
				found = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil {
		return 1 // the metadata is not what the picture is judged by
	}
	return found
}

package photo

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"time"

	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The types of files that are taken.
const (
	JPEG = "image/jpeg"
	PNG  = "image/png"
	WebP = "image/webp"
)

// Bounds of files.
const (
	MostBytes  = 8 << 20
	mostPixels = 40_000_000
	leastSide  = 64
	// mostScans is how many passes a JPEG may come in. A few bytes are a pass over the whole picture, and cameras take one, programs ten.
	mostScans = 100
)

// Bounds of the memory, in bytes, in which pictures are decoded, together.
const (
	mostMemory = 320 << 20
	// ownMemory is what the pictures that are made take at least.
	ownMemory = 16 << 20
	// leastShare is what every picture counts for, so that no more than four are decoded at once.
	leastShare = mostMemory / 4
	// bytesOfShrunk is what a pixel takes in the first, halved, copy.
	bytesOfShrunk = 1
)

// patience is how long a picture waits for others.
const patience = 8 * time.Second

var errBusy = fault.Define(fault.Unavailable, "pictures_waiting", "Too many pictures are being made at the moment").After(5 * time.Second)

// Darkroom makes the pictures that are kept of the files that were sent. However many come at once, their decoding takes at most
// mostMemory; those that need more wait.
type Darkroom struct{ memory *semaphore.Weighted }

// NewDarkroom makes a darkroom.
func NewDarkroom() *Darkroom { return &Darkroom{semaphore.NewWeighted(mostMemory)} }

// Develop makes the pictures of a file. It returns ErrPicture, with what is wrong with it, for one that is not of the type that it is said
// to be, breaks off, or is too small or too large.
func (d *Darkroom) Develop(ctx context.Context, mediaType string, file []byte) (Taken, error) {
	out := Taken{Digest: DigestOf(file)}
	need, err := examine(mediaType, file)
	if err != nil {
		return out, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	share := max(need, leastShare)
	if err := d.memory.Acquire(waiting, share); err != nil {
		return out, errBusy.Because(err)
	}
	defer d.memory.Release(share)
	decoded, err := decoders[mediaType].decode(bytes.NewReader(file))
	if err != nil {
		return out, unreadable(err)
	}
	small := shrink(decoded, Full.Longest())
	small = upright(small, orientation(mediaType, file))
	if out.Full, err = encode(small, qualityFull); err != nil {
		return out, err
	}
	out.Thumbnail, err = encode(shrink(small, Thumbnail.Longest()), qualityThumbnail)
	return out, err
}

type decoder struct {
	name   string // as package image knows it
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var decoders = map[string]decoder{
	JPEG: {"jpeg", jpeg.DecodeConfig, jpeg.Decode},
	PNG:  {"png", png.DecodeConfig, png.Decode},
	WebP: {"webp", webp.DecodeConfig, webp.Decode},
}

// examine gives how much memory decoding takes at most, or what is wrong with the file as far as its head tells.
func examine(mediaType string, file []byte) (need int64, err error) {
	if len(file) == 0 {
		return 0, wrong(fault.Field{Code: "required", Detail: "must be a picture; it is empty"})
	}
	d, known := decoders[mediaType]
	if !known {
		return 0, wrong(fault.Field{Code: "format", Detail: "must be JPEG, PNG or WebP"})
	}
	head, err := d.config(bytes.NewReader(file))
	if err != nil {
		if _, name, other := image.DecodeConfig(bytes.NewReader(file)); other == nil && name != d.name {
			return 0, wrong(fault.Field{Code: "format", Detail: "must be of the type that it is said to be: it is image/" + name + ", not " + mediaType})
		}
		return 0, unreadable(err)
	}
	var faults []fault.Field
	if min(head.Width, head.Height) < leastSide {
		faults = append(faults, fault.Field{
			Code: "dimensions", Detail: fmt.Sprintf("must have at least %d pixels on each side; it has %d × %d", leastSide, head.Width, head.Height),
		})
	}
	each := bytesPerPixel(mediaType, head.ColorModel, file)
	most := min(mostPixels, (mostMemory-ownMemory)/each)
	if pixels := int64(head.Width) * int64(head.Height); pixels > most {
		const million = 1e6
		faults = append(faults, fault.Field{
			Code: "dimensions", Detail: fmt.Sprintf("must have at most %.1f megapixels in this encoding; it has %d × %d", float64(most)/million, head.Width, head.Height),
		})
	}
	if mediaType == JPEG && scans(file) > mostScans {
		faults = append(faults, fault.Field{Code: "format", Detail: fmt.Sprintf("must come in at most %d scans", mostScans)})
	}
	if len(faults) > 0 {
		return 0, wrong(faults...)
	}
	return int64(head.Width)*int64(head.Height)*each + ownMemory, nil
}

func wrong(faults ...fault.Field) *fault.Fault { return ErrPicture.At(faults...) }

// unreadable is the fault of a file that could not be decoded.
func unreadable(err error) error {
	return wrong(fault.Field{Code: "format", Detail: "must be whole and sound: " + err.Error()}).Because(err)
}

// The markers of a JPEG that begin a picture which is sent in several passes, and a pass. Inside of a pass a byte 0xff is followed by 0,
// so that they are found wherever they are; what looks like them in the metadata only makes us careful.
var (
	progressive = []byte{0xff, 0xc2}
	scan        = []byte{0xff, 0xda}
)

func scans(file []byte) int { return bytes.Count(file, scan) }

// bytesPerPixel is how much the decoders take at most, from what they allocate. A progressive JPEG is kept as coefficients of four bytes
// until its last pass, an interlaced PNG and the transforms of a lossless WebP take copies.
func bytesPerPixel(mediaType string, model color.Model, file []byte) int64 {
	channels, converted := int64(3), int64(0)
	switch model {
	case color.GrayModel:
		channels = 1
	case color.CMYKModel:
		channels, converted = 4, 4
	case color.RGBAModel, color.NRGBAModel:
		converted = 4
	case color.RGBA64Model, color.NRGBA64Model:
		converted = 8
	}
	const coefficient = 4
	switch {
	case mediaType == JPEG && bytes.Contains(file, progressive):
		return channels*(1+coefficient) + converted + bytesOfShrunk
	case mediaType == JPEG:
		return channels + converted + bytesOfShrunk
	case mediaType == PNG:
		return max(converted, 2) + max(converted, 2)/2 + bytesOfShrunk // 2: gray of 16 bits
	default:
		return 8 + bytesOfShrunk
	}
}

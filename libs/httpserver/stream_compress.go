package httpserver

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// streamEncodings are the ways to compress a stream, best first.
var streamEncodings = []struct {
	name []byte
	open func(w io.Writer) (io.WriteCloser, error)
}{
	{[]byte("zstd"), func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	}},
	{[]byte("gzip"), func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) }},
}

// StreamCompressed is Stream for a body that is worth to be compressed, such as an export: as zstd or gzip, when the caller accepts
// one of them. What is written is sent when enough of it has come together; do not use it for events.
func StreamCompressed(c *fiber.Ctx, write func(ctx context.Context, w *bufio.Writer) error) error {
	Vary(c, fiber.HeaderAcceptEncoding)
	lines := c.Request().Header.PeekAll(fiber.HeaderAcceptEncoding)
	best, most := -1, quality(lines, identity)
	if len(lines) == 0 {
		return Stream(c, write)
	}
	for i, e := range streamEncodings {
		if q := quality(lines, e.name); q > 0 && (q > most || best < 0 && q >= most) {
			best, most = i, q
		}
	}
	if best < 0 {
		return Stream(c, write)
	}
	chosen := streamEncodings[best]
	c.Response().Header.SetContentEncodingBytes(chosen.name)
	return Stream(c, func(ctx context.Context, w *bufio.Writer) error {
		packed, err := chosen.open(w)
		if err != nil {
			return err
		}
		buffered := bufio.NewWriterSize(packed, 64<<10)
		if err := write(ctx, buffered); err != nil {
			return err // without the end of the compressed data: nobody takes a part for the whole
		}
		return errors.Join(buffered.Flush(), packed.Close())
	})
}

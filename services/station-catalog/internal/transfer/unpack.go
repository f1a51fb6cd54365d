package transfer

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
)

// ErrLongRow is a row that is not read because of its length.
var ErrLongRow = errors.New("row too long")

// What a compressed file may become. Registers shrink to a twentieth at best; a file that grows further than this is made to do harm.
const (
	mostExpansion   = 200
	expansionStarts = 64 << 20 // from this size on
	mostUnpacked    = 64 << 30
)

// fileFault tells what is wrong with the file from what went wrong with the sending or the storing of it.
func fileFault(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return ErrFile.Detailf("the file is damaged or ends too early").Because(err)
	case errors.Is(err, ErrLongRow):
		return ErrFile.Detailf("a row is too long to be one: look for a missing quote or line break").Because(err)
	}
	return err
}

// unpack recognises gzip by its first two bytes, and refuses what is no text.
func unpack(file io.Reader) (io.Reader, error) {
	packed := &counted{r: file}
	buffered := bufio.NewReaderSize(packed, 64<<10)
	start, err := buffered.Peek(len(gzipStart))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(start) != gzipStart {
		return buffered, refuse(buffered)
	}
	plain, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fileFault(err)
	}
	text := bufio.NewReaderSize(&unpacked{plain: plain, packed: packed}, 64<<10)
	if start, err := text.Peek(len(gzipStart)); err == nil && string(start) == gzipStart {
		return nil, ErrFile.Detailf("the file is compressed twice: send what is inside")
	}
	return text, refuse(text)
}

const gzipStart = "\x1f\x8b"

// refuse names kinds of files that are often sent by mistake.
func refuse(file *bufio.Reader) error {
	start, err := file.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileFault(err)
	}
	switch {
	case len(start) < 2:
		return nil
	case string(start[:2]) == "\xff\xfe", string(start[:2]) == "\xfe\xff":
		return ErrFile.Detailf("the file is UTF-16: save it as UTF-8")
	case len(start) < 4:
		return nil
	case string(start) == "PK\x03\x04":
		return ErrFile.Detailf("the file is a zip archive or a spreadsheet: send the CSV or JSON that is inside")
	case string(start) == "\x28\xb5\x2f\xfd":
		return ErrFile.Detailf("the file is compressed by zstd: send it plain or as gzip")
	case string(start[:3]) == "BZh":
		return ErrFile.Detailf("the file is compressed by bzip2: send it plain or as gzip")
	}
	return nil
}

// counted counts what has been read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// unpacked ends a file that grows out of proportion.
type unpacked struct {
	plain  io.Reader
	packed *counted
	n      int64
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.plain.Read(p)
	u.n += int64(n)
	if u.n > mostUnpacked || u.n > expansionStarts && u.n/mostExpansion > u.packed.n {
		return n, ErrFile.Detailf("the compressed file grows to more than %d times its size", mostExpansion)
	}
	return n, err
}

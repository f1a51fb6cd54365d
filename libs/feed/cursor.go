package feed

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// What can be wrong with a cursor. Lost tells both from other faults.
var (
	// ErrBadCursor says that a text is no cursor.
	ErrBadCursor = fault.Define(fault.Invalid, "bad_cursor", "The cursor is not one that was given out")
	// ErrCursorGone says that a cursor no longer leads anywhere: read from the beginning.
	ErrCursorGone = fault.Define(fault.Gone, "cursor_gone", "The cursor is too old or of another log; start from the beginning")
)

// Lost tells whether err says that a reader has lost its place and must start from the beginning.
func Lost(err error) bool { return errors.Is(err, ErrBadCursor) || errors.Is(err, ErrCursorGone) }

// cursor is a place in a log: behind (xid, seq). It says which log, and when it was given out.
type cursor struct {
	epoch    uuid.UUID
	xid      uint64
	seq      int64
	issuedAt time.Time
}

const (
	cursorForm   = 1
	cursorLength = 1 + 16 + 8 + 8 + 8
)

func (c cursor) String() string {
	raw := make([]byte, 0, cursorLength)
	raw = append(raw, cursorForm)
	raw = append(raw, c.epoch[:]...)
	raw = binary.BigEndian.AppendUint64(raw, c.xid)
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.seq)) //nolint:gosec // taken back as it is
	raw = binary.BigEndian.AppendUint64(raw, uint64(c.issuedAt.UnixMilli()))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseCursor reads a cursor; "" is the beginning of any log.
func parseCursor(text string) (c cursor, beginning bool, err error) {
	if text == "" {
		return cursor{}, true, nil
	}
	if len(text) != base64.RawURLEncoding.EncodedLen(cursorLength) {
		return cursor{}, false, ErrBadCursor.At(fault.Field{Parameter: "after", Code: "bad_cursor", Detail: "not a cursor of this feed"})
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != cursorLength || raw[0] != cursorForm {
		return cursor{}, false, ErrBadCursor.At(fault.Field{Parameter: "after", Code: "bad_cursor", Detail: "not a cursor of this feed"})
	}
	c.epoch = uuid.UUID(raw[1:17])
	c.xid = binary.BigEndian.Uint64(raw[17:])
	c.seq = int64(binary.BigEndian.Uint64(raw[25:]))                            //nolint:gosec // as it was written
	c.issuedAt = time.UnixMilli(int64(binary.BigEndian.Uint64(raw[33:]))).UTC() //nolint:gosec // as it was written
	return c, false, nil
}

package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults of uploads that arrive in pieces.
var (
	ErrUploadNotFound = fault.Define(fault.NotFound, "upload_not_found", "There is no such upload")
	// ErrUploadOffset is a piece that does not stand where the upload goes on; its member upload_offset says where that is.
	ErrUploadOffset = fault.Define(fault.Conflict, "upload_offset", "The upload goes on elsewhere")
	ErrUploads      = fault.Define(fault.Conflict, "too_many_uploads", "Too many uploads are open")
	ErrUploadLarge  = fault.Define(fault.TooLarge, "upload_too_large", "The file is too large")
	// ErrUploadsFull says that all uploads together hold as much as they may.
	ErrUploadsFull = fault.Define(fault.Unavailable, "uploads_full", "No more can be kept for now").After(10 * time.Minute)
)

// What uploads may take: the file of one, what all hold together, how many one caller has open, and how long one is kept that gets
// nothing.
const (
	MaxUpload   = 2 << 30
	MaxUploads  = 8 << 30
	OpenUploads = 10
	UploadLife  = 24 * time.Hour
)

// PartBytes is how much of a file is stored at once.
const PartBytes = 512 << 10

// Upload is a file that arrives in pieces.
type Upload struct {
	ID              uuid.UUID `json:"id"`
	Format          string    `json:"format"`
	Source          string    `json:"source"`
	DryRun          bool      `json:"dry_run"`
	Removal         Removal   `json:"removal"`
	MaxRemovedShare float64   `json:"max_removed_share"`
	// Length is how much has arrived, in bytes.
	Length   int64 `json:"upload_offset"`
	Complete bool  `json:"upload_complete"`
	// ImportID is what it has become, once it is complete.
	ImportID  *uuid.UUID `json:"import_id,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`

	Operator    *uuid.UUID `json:"-"`
	SubmittedBy string     `json:"-"`
}

// Import is the import that the upload becomes.
func (u Upload) Import(id uuid.UUID) Import {
	return Import{
		ID: id, Format: u.Format, Source: u.Source, DryRun: u.DryRun, Operator: u.Operator, SubmittedBy: u.SubmittedBy,
		Removal: u.Removal, MaxRemovedShare: u.MaxRemovedShare,
	}
}

// Hopeless tells whether an import failed for what its file is, so that trying again is of no use.
func Hopeless(err error) bool { return errors.Is(err, ErrFile) || errors.Is(err, ErrTooMany) }

// Uploads keeps what has arrived.
type Uploads interface {
	// OpenUpload begins an upload, or returns ErrUploads.
	OpenUpload(ctx context.Context, u Upload) (Upload, error)
	GetUpload(ctx context.Context, id uuid.UUID) (Upload, error)
	// AppendUpload stores a part behind what is there; ErrUploadOffset when the upload does not go on at start.
	AppendUpload(ctx context.Context, id uuid.UUID, start int64, part []byte) error
	// UploadPart gives the part that starts there.
	UploadPart(ctx context.Context, id uuid.UUID, start int64) ([]byte, error)
	// EndUpload notes what the upload has become, and drops its parts.
	EndUpload(ctx context.Context, id, importID uuid.UUID) error
	DropUpload(ctx context.Context, id uuid.UUID) error
}

// Append stores a body behind what has arrived and gives the new length. What was read of one that breaks off is stored before the
// error comes back.
func Append(ctx context.Context, store Uploads, u Upload, body io.Reader) (int64, error) {
	part := make([]byte, PartBytes)
	at := u.Length
	for {
		n, err := Fill(body, part)
		if at+int64(n) > MaxUpload {
			return at, ErrUploadLarge.Detailf("a file has at most %d bytes", int64(MaxUpload))
		}
		if n > 0 {
			// The caller may be gone, and what came is kept.
			keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			serr := store.AppendUpload(keep, u.ID, at, part[:n])
			cancel()
			if serr != nil {
				return at, serr
			}
			at += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return at, nil
		case err != nil:
			return at, err
		}
	}
}

// Fill reads until the part is full or the body has ended. Unlike io.ReadFull it tells a body that ends from one that breaks off.
func Fill(body io.Reader, part []byte) (n int, err error) {
	for n < len(part) && err == nil {
		var read int
		read, err = body.Read(part[n:])
		n += read
	}
	return n, err
}

// Reader reads an upload from its beginning.
func (u Upload) Reader(ctx context.Context, store Uploads) io.Reader {
	return Parts(ctx, u.Length, func(ctx context.Context, start int64) ([]byte, error) { return store.UploadPart(ctx, u.ID, start) })
}

// Parts reads a file of so many bytes that is kept in parts; get gives the one that starts at a place.
func Parts(ctx context.Context, length int64, get func(ctx context.Context, start int64) ([]byte, error)) io.Reader {
	return &parts{ctx: ctx, length: length, get: get}
}

// parts reads one part after the other.
type parts struct {
	ctx    context.Context //nolint:containedctx // an io.Reader is given no other
	length int64
	get    func(ctx context.Context, start int64) ([]byte, error)
	next   int64
	part   []byte
}

func (p *parts) Read(buffer []byte) (int, error) {
	if len(p.part) == 0 {
		if p.next >= p.length {
			return 0, io.EOF
		}
		part, err := p.get(p.ctx, p.next)
		if err != nil {
			return 0, fmt.Errorf("read the file at %d: %w", p.next, err)
		}
		p.part, p.next = part, p.next+int64(len(part))
	}
	n := copy(buffer, p.part)
	p.part = p.part[n:]
	return n, nil
}

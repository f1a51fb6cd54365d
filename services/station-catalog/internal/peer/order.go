package peer

import (
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Order is a file that is to be fetched, and how far that has come. It is kept with what is here, so that another replica goes on
// with it when one dies.
type Order struct {
	Import transfer.Import
	URL    string
	// Token is what a peer knows us by, sealed; it is sent to the URL's own origin only.
	Token []byte
	// Page is the page in hand. A file has one.
	Page Page
	// Length is how much is here of all pages, in bytes.
	Length   int64
	Complete bool
	// Tries is how often the order was taken up.
	Tries int
}

// Page is an answer of the other side.
type Page struct {
	URL  string
	Next string // the page behind it; empty for the last
	Tag  string // its strong ETag, if it has one
	// Start is where it begins in what is here.
	Start int64
	// Count is its number, from 1; 0 before the first is asked for.
	Count int
}

// Store keeps orders.
type Store interface {
	// OpenFetch begins an import by an order, once for each idempotency key of who submits it, and gives the id of the one that was
	// begun and whether that was before. It returns ErrBusy when enough files are waiting.
	OpenFetch(ctx context.Context, o Order, most int) (id uuid.UUID, before bool, err error)
	// ClaimFetch gives an order that nobody works on to the worker for a time; false when there is none. What was staged of it is
	// dropped.
	ClaimFetch(ctx context.Context, worker string, lease time.Duration) (Order, bool, error)
	// KeepFetch extends the lease, or ends it with 0; transfer.ErrLost when another worker has it.
	KeepFetch(ctx context.Context, imp transfer.Import, lease time.Duration) error
	// AppendFetch stores a part at the order's length, in place of what is there, and the page that it is of; transfer.ErrLost when
	// another worker has the lease.
	AppendFetch(ctx context.Context, o Order, part []byte) error
	// FetchedPart gives the part that starts there.
	FetchedPart(ctx context.Context, id uuid.UUID, start int64) ([]byte, error)
}

// reader reads what is here from its beginning.
func (o *Order) reader(ctx context.Context, store Store) io.Reader {
	return transfer.Parts(ctx, o.Length, func(ctx context.Context, start int64) ([]byte, error) {
		return store.FetchedPart(ctx, o.Import.ID, start)
	})
}

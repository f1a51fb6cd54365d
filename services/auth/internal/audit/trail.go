package audit

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Filter says which events are looked for. The zero Filter finds all.
type Filter struct {
	Account  uuid.UUID
	Actor    string
	Kind     Kind
	Operator uuid.UUID
	From     time.Time // at or after
	To       time.Time // before
}

// Place is where a page of events ends: they come newest first.
type Place struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// Trail is the log, for reading. It can only grow.
type Trail interface {
	// List returns up to limit events older than a place, newest first; the zero place is after all.
	List(ctx context.Context, filter Filter, before Place, limit int) ([]Event, error)
}

package station

import (
	"time"

	"github.com/google/uuid"
)

// Span is a part of a list for partners: what of an operator's, or of everybody's when it is nil, was last updated in [From, To), zero
// times for any, and of that so many from so many on.
type Span struct {
	Operator      *uuid.UUID
	From, To      time.Time
	Offset, Limit int
}

// Whole tells that no time narrows the list.
func (s Span) Whole() bool { return s.From.IsZero() && s.To.IsZero() }

// Listed is a station of such a list, which tells of removed ones as well.
type Listed struct {
	Station Station
	Removed bool
}

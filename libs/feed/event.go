package feed

import "time"

// Op says what became of an entity.
type Op string

// The operations.
const (
	Upsert Op = "upsert"
	Delete Op = "delete"
)

// Event is one change of one entity, as it is sent.
type Event[T any] struct {
	ID        string    `json:"id"`
	Op        Op        `json:"op"`
	Version   int64     `json:"version"` // the entity's, when it changed
	ChangedAt time.Time `json:"changed_at"`
	Data      *T        `json:"data,omitempty"` // the entity as it is now; nil when it is deleted
}

// Page is a run of events in order.
type Page[T any] struct {
	Items      []Event[T] `json:"items"`
	NextCursor string     `json:"next_cursor"` // to ask with for what comes after the items
	AsOf       time.Time  `json:"as_of"`       // every change before it is in this page or an earlier one
}

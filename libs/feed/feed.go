// Package feed is being written.
package feed

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// Op says what happened to an entity.
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
	Version   int64     `json:"version"`
	ChangedAt time.Time `json:"changed_at"`
	Data      *T        `json:"data,omitempty"`
}

// Page is a run of events.
type Page[T any] struct {
	Items      []Event[T] `json:"items"`
	NextCursor string     `json:"next_cursor"`
	AsOf       time.Time  `json:"as_of"`
}

// Change is one row to append to a log.
type Change struct {
	ID      uuid.UUID
	Op      Op
	Version int64
}

// Append records changes in the transaction that makes them.
func Append(ctx context.Context, tx sqlx.ExtContext, table string, changes ...Change) error {
	return errUnwritten
}

// Schema is the DDL of a log, to be put into a migration.
func Schema(table string) string { return "" }

// CursorSchema is the DDL of the followers' cursors, to be put into a migration.
const CursorSchema = ``

// SourceOptions describe a log that is served.
type SourceOptions[T any] struct {
	Table string // the log's table
	// Load gives the present documents of the entities; one that is absent from the map is gone.
	Load         func(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]T, error)
	PollInterval time.Duration // how often to look without a notification; 1 s
	Log          *slog.Logger
}

// Source serves a log.
type Source[T any] struct{}

// NewSource makes a source; start its Run beside the server.
func NewSource[T any](db *postgres.DB, options SourceOptions[T]) *Source[T] { return &Source[T]{} }

// Run listens for wake-ups until ctx ends; without it After still works, by polling.
func (s *Source[T]) Run(ctx context.Context) error { return errUnwritten }

// After gives what changed after the cursor ("" is the beginning), waiting up to wait for a first change.
func (s *Source[T]) After(ctx context.Context, cursor string, limit int, wait time.Duration) (Page[T], error) {
	return Page[T]{}, errUnwritten
}

// Head gives the cursor of now: what a later query reads includes every change up to it.
func (s *Source[T]) Head(ctx context.Context) (string, error) { return "", errUnwritten }

// Batch is what a follower hands to apply.
type Batch[T any] struct {
	Items      []Event[T]
	NextCursor string    // to be stored in the same transaction as the items
	AsOf       time.Time // how fresh the batch is
	Reset      bool      // the first batch of a replay from the beginning
	CaughtUp   bool      // nothing more for now; after a reset, what was not replayed is gone
}

// FollowConfig says what to follow.
type FollowConfig struct {
	Name       string             // for logs and probes
	Client     *httpclient.Client // its base URL is the peer's
	Path       string             // of the feed, such as /v1/stations/changes
	Query      url.Values         // further parameters
	LoadCursor func(ctx context.Context) (string, error)
	Limit      int
	Wait       time.Duration
	Log        *slog.Logger
}

// Follower keeps a copy of a peer's entities in step.
type Follower[T any] struct{}

// NewFollower makes a follower; apply stores the items and the cursor in one transaction.
func NewFollower[T any](cfg FollowConfig, apply func(ctx context.Context, batch Batch[T]) error) *Follower[T] {
	return &Follower[T]{}
}

// Run follows until ctx ends, whatever fails.
func (f *Follower[T]) Run(ctx context.Context) error { return errUnwritten }

// Lag says how old the copy is.
func (f *Follower[T]) Lag() time.Duration { return 0 }

// Probe is a readiness check (httpserver.Check): an error while the peer does not answer.
func (f *Follower[T]) Probe(ctx context.Context) (detail string, err error) { return "", errUnwritten }

// LoadCursor reads a follower's cursor from the table of CursorSchema; "" when there is none.
func LoadCursor(ctx context.Context, q sqlx.QueryerContext, name string) (string, error) {
	return "", errUnwritten
}

// SaveCursor stores it, in the transaction that stores the rows.
func SaveCursor(ctx context.Context, tx sqlx.ExecerContext, name, cursor string) error {
	return errUnwritten
}

var errUnwritten = errors.New("feed: being written")

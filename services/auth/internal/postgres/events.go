package postgres

import (
	"context"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// Events is the audit log. It only grows: the table refuses updates and deletes.
type Events struct {
	db *pg.DB
}

// NewEvents makes Events.
func NewEvents(db *pg.DB) *Events { return &Events{db: db} }

// Record writes an event that belongs to no other write.
func (s *Events) Record(ctx context.Context, event audit.Event) error {
	return pg.Map(record(ctx, s.db, event), nil)
}

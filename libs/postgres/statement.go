package postgres

import (
	"context"
	"sync"

	"github.com/jmoiron/sqlx"
)

// Statement is one that is run so often that preparing it pays: it is prepared once for each connection, where otherwise each run costs a
// second round trip and is planned anew. A pooler between a service and Postgres must know prepared statements, as PgBouncer does since
// 1.21.
type Statement struct {
	db    *DB
	query string

	mu   sync.Mutex
	stmt *sqlx.Stmt // kept as long as the pool, and gone with it
}

// Statement makes one of a query. Nothing is prepared before it is run, so that a service starts while its database is away.
func (db *DB) Statement(query string) *Statement { return &Statement{db: db, query: query} }

// GetContext runs the statement outside of any transaction and reads its one row, as sqlx does.
func (s *Statement) GetContext(ctx context.Context, out any, args ...any) error {
	stmt, err := s.prepared(ctx) //nolint:sqlclosecheck // it is kept
	if err != nil {
		return err
	}
	return stmt.GetContext(ctx, out, args...)
}

func (s *Statement) prepared(ctx context.Context) (*sqlx.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stmt == nil {
		stmt, err := s.db.PreparexContext(ctx, s.query)
		if err != nil {
			return nil, err
		}
		s.stmt = stmt
	}
	return s.stmt, nil
}

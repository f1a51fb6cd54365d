package postgres

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// txn is a transaction. What one driver waits for (a claim, an order) runs on statements that are prepared once for each connection: an
// unprepared statement with arguments costs a second round trip and is planned anew each time, and planning what is asked of a plot
// takes longer than answering it. What is done for hundreds of plots at once stays unprepared: there the plan is the least of it, and a
// plan made while the tables were small would be kept when they no longer are. Every text is one of this package's constants, so that
// there are some dozens of statements. A pooler between the service and Postgres must know prepared statements, as PgBouncer does since
// 1.21.
type txn struct {
	*sqlx.Tx

	statements *statements // nil: nothing is prepared
	unprepared *[]string
}

// statements are those that have been prepared on some connection of the pool; database/sql prepares them on the others as they meet.
type statements struct {
	db *postgres.DB

	mu      sync.RWMutex
	byQuery map[string]*sqlx.Stmt // nil while it is prepared
}

func newStatements(db *postgres.DB) *statements {
	return &statements{db: db, byQuery: make(map[string]*sqlx.Stmt)}
}

// in makes a txn of a transaction. When it is over, keep prepares what it used for the first time: a transaction that prepared while it
// runs would wait for a second connection, and a pool full of those for ever.
func (s *statements) in(tx *sqlx.Tx) txn { return txn{tx, s, new([]string)} }

func (s *statements) keep(ctx context.Context, t txn) {
	for _, query := range *t.unprepared {
		if _, err := s.prepare(ctx, query); err != nil { //nolint:sqlclosecheck // it is kept as long as the pool, and goes with it
			return // whoever uses it next tries again
		}
	}
}

// stmt gives the prepared statement as the transaction uses it, nil when there is none yet.
func (t txn) stmt(ctx context.Context, query string) *sqlx.Stmt {
	if t.statements == nil {
		return nil
	}
	t.statements.mu.RLock()
	stmt := t.statements.byQuery[query]
	t.statements.mu.RUnlock()
	if stmt == nil {
		*t.unprepared = append(*t.unprepared, query)
		return nil
	}
	return t.StmtxContext(ctx, stmt)
}

func (t txn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t txn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t txn) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if stmt := t.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // database/sql closes a transaction's statements with it
		return stmt.QueryxContext(ctx, args...)
	}
	return t.Tx.QueryxContext(ctx, query, args...)
}

func (t txn) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	if stmt := t.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // as above
		return stmt.QueryRowxContext(ctx, args...)
	}
	return t.Tx.QueryRowxContext(ctx, query, args...)
}

func (t txn) SelectContext(ctx context.Context, out any, query string, args ...any) error {
	return sqlx.SelectContext(ctx, t, out, query, args...)
}

func (t txn) GetContext(ctx context.Context, out any, query string, args ...any) error {
	return sqlx.GetContext(ctx, t, out, query, args...)
}

func (t txn) NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error) {
	return sqlx.NamedExecContext(ctx, t, query, arg)
}

// getter runs a statement that gives one row: in a transaction, or alone.
type getter interface {
	GetContext(ctx context.Context, out any, query string, args ...any) error
}

// GetContext runs a statement alone, outside of any transaction, prepared as those of transactions are.
func (s *statements) GetContext(ctx context.Context, out any, query string, args ...any) error {
	s.mu.RLock()
	stmt := s.byQuery[query]
	s.mu.RUnlock()
	if stmt == nil {
		var err error
		if stmt, err = s.prepare(ctx, query); err != nil {
			return err
		}
	}
	if stmt == nil {
		return s.db.GetContext(ctx, out, query, args...)
	}
	return stmt.GetContext(ctx, out, args...)
}

// prepare prepares a statement and keeps it. It gives nil while somebody else prepares it, who needs no help: a second one would have to be
// closed again, which waits for its connection to be free.
func (s *statements) prepare(ctx context.Context, query string) (*sqlx.Stmt, error) {
	s.mu.Lock()
	stmt, known := s.byQuery[query]
	if !known {
		s.byQuery[query] = nil
	}
	s.mu.Unlock()
	if known {
		return stmt, nil
	}
	stmt, err := s.db.PreparexContext(ctx, query) //nolint:sqlclosecheck // it is kept as long as the pool, and goes with it
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		delete(s.byQuery, query)
		return nil, err
	}
	s.byQuery[query] = stmt
	return stmt, nil
}

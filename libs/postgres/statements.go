package postgres

import (
	"context"
	"database/sql"
	"sync"

	"github.com/jmoiron/sqlx"
)

// Statements are prepared once for each connection: of what one caller waits for, where otherwise each run is planned anew, which may take
// longer than answering it. What is done for hundreds of rows at once is better left unprepared: there the plan is the least of it, and a
// plan made while the tables were small would be kept when they no longer are. A text is best a constant, so that there are some dozens. A
// pooler between a service and Postgres must know prepared statements, as PgBouncer does since 1.21.
type Statements struct {
	db *DB

	mu      sync.RWMutex
	byQuery map[string]*sqlx.Stmt // nil while it is prepared; each is kept as long as the pool, and gone with it
}

// Statements makes an empty set. Nothing is prepared before it is run, so that a service starts while its database is away.
func (db *DB) Statements() *Statements {
	return &Statements{db: db, byQuery: make(map[string]*sqlx.Stmt)}
}

// Txn is a transaction that runs on prepared statements where there are some.
type Txn struct {
	*sqlx.Tx

	statements *Statements // nil: nothing is prepared
	unprepared *[]string
}

// In makes a Txn of a transaction. When it is over, Keep prepares what it used for the first time: a transaction that prepared while it
// runs would wait for a second connection, and a pool full of those for ever.
func (s *Statements) In(tx *sqlx.Tx) Txn { return Txn{tx, s, new([]string)} }

// Keep prepares what a transaction that is over ran for the first time.
func (s *Statements) Keep(ctx context.Context, t Txn) {
	for _, query := range *t.unprepared {
		if _, err := s.prepare(ctx, query); err != nil { //nolint:sqlclosecheck // it is kept as long as the pool, and goes with it
			return // whoever uses it next tries again
		}
	}
}

// stmt gives the prepared statement as the transaction uses it, nil when there is none yet.
func (t Txn) stmt(ctx context.Context, query string) *sqlx.Stmt {
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

// ExecContext runs a statement without rows, as sqlx does.
func (t Txn) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.ExecContext(ctx, args...)
	}
	return t.Tx.ExecContext(ctx, query, args...)
}

// QueryContext implements sqlx.QueryerContext, as do the next two.
func (t Txn) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if stmt := t.stmt(ctx, query); stmt != nil {
		return stmt.QueryContext(ctx, args...)
	}
	return t.Tx.QueryContext(ctx, query, args...)
}

// QueryxContext is as sqlx has it.
func (t Txn) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if stmt := t.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // database/sql closes a transaction's statements with it
		return stmt.QueryxContext(ctx, args...)
	}
	return t.Tx.QueryxContext(ctx, query, args...)
}

// QueryRowxContext is as sqlx has it.
func (t Txn) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	if stmt := t.stmt(ctx, query); stmt != nil { //nolint:sqlclosecheck // as above
		return stmt.QueryRowxContext(ctx, args...)
	}
	return t.Tx.QueryRowxContext(ctx, query, args...)
}

// SelectContext reads all rows, as sqlx does.
func (t Txn) SelectContext(ctx context.Context, out any, query string, args ...any) error {
	return sqlx.SelectContext(ctx, t, out, query, args...)
}

// GetContext reads one row, as sqlx does.
func (t Txn) GetContext(ctx context.Context, out any, query string, args ...any) error {
	return sqlx.GetContext(ctx, t, out, query, args...)
}

// NamedExecContext takes its arguments from the fields of arg, as sqlx does.
func (t Txn) NamedExecContext(ctx context.Context, query string, arg any) (sql.Result, error) {
	return sqlx.NamedExecContext(ctx, t, query, arg)
}

// GetContext runs a statement alone, outside of any transaction, prepared as those of transactions are.
func (s *Statements) GetContext(ctx context.Context, out any, query string, args ...any) error {
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
func (s *Statements) prepare(ctx context.Context, query string) (*sqlx.Stmt, error) {
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

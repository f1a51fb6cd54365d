package postgres

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

const copyPrefix = "copy "

// CopyFrom writes rows by COPY, the fastest way in, and returns how many there were. The table may
// be qualified by its schema ("app.plots"). An error that rows yields ends the copy and is
// returned; so is one of the database, which fails the whole transaction. Within rows nothing else
// may use tx: the connection is busy.
func CopyFrom(ctx context.Context, tx *sqlx.Tx, table string, columns []string, rows iter.Seq2[[]any, error]) (int64, error) {
	parts := strings.Split(table, ".")
	for i := range parts {
		parts[i] = pq.QuoteIdentifier(parts[i])
	}
	quoted := make([]string, len(columns))
	for i := range columns {
		quoted[i] = pq.QuoteIdentifier(columns[i])
	}
	query := copyPrefix + strings.Join(parts, ".") + " (" + strings.Join(quoted, ", ") + ") from stdin"
	stmt, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return 0, fmt.Errorf("copy into %s: %w", table, err)
	}
	// The errors that matter come from Exec; closing a stream that is over is harmless.
	defer func() { _ = stmt.Close() }()

	for row, err := range rows {
		if err != nil {
			return 0, err
		}
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return 0, fmt.Errorf("copy into %s: %w", table, err)
		}
	}
	result, err := stmt.ExecContext(ctx)
	if err != nil {
		return 0, fmt.Errorf("copy into %s: %w", table, err)
	}
	return result.RowsAffected()
}

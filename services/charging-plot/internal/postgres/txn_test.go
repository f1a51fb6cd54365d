package postgres

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

// Whoever comes first, all at once and for the same row, must not wait for each other's statements: in a transaction, with a row that others
// want, on a connection that others want to close a statement on.
func TestManyWhoPrepareAtOnceDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	if _, err := db.ExecContext(ctx, `CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL); INSERT INTO counters VALUES (1, 0)`); err != nil {
		t.Fatal(err)
	}
	const rounds, together, texts = 5, 40, 6
	for round := range rounds {
		s := newStatements(db)
		var wait sync.WaitGroup
		for range together {
			wait.Go(func() {
				tx, err := db.BeginTxx(ctx, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = tx.Rollback() }()
				own := s.in(tx)
				for text := range texts {
					if _, err := own.ExecContext(ctx, fmt.Sprintf(`UPDATE counters SET n = n + $1 WHERE id = 1 /* %d %d */`, round, text), 1); err != nil {
						t.Error(err)
						return
					}
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
				s.keep(ctx, own)
				if err := s.GetContext(ctx, new(int), fmt.Sprintf(`SELECT n FROM counters WHERE id = $1 /* %d */`, round), 1); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	}
	var n int
	if err := db.GetContext(ctx, &n, `SELECT n FROM counters`); err != nil || n != rounds*together*texts {
		t.Errorf("%d were counted, want %d (%v)", n, rounds*together*texts, err)
	}
}

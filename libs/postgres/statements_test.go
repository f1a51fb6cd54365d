package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

func TestAStatementIsPreparedOnceForEachConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	db.SetMaxOpenConns(4)
	const next = `SELECT $1::int + 1 FROM generate_series(1, $2)`
	statements := db.Statements()
	if err := statements.GetContext(t.Context(), new(int), next, 1, 1); err != nil { // while it is prepared others run it as it is
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 20 {
				var sum int
				if err := statements.GetContext(t.Context(), &sum, next, worker*i, 1); err != nil || sum != worker*i+1 {
					t.Errorf("%d, %v", sum, err)
				}
			}
		})
	}
	wait.Wait()
	if err := statements.GetContext(t.Context(), new(int), next, 1, 0); !errors.Is(err, sql.ErrNoRows) {
		t.Errorf("without a row: %v", err)
	}
	conn, err := db.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var prepared []string
	if err := conn.SelectContext(t.Context(), &prepared, `SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%generate_series%'`); err != nil || len(prepared) != 1 {
		t.Errorf("one of the connections has prepared %v, %v", prepared, err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	db.SetMaxIdleConns(-1) // closes them all; the next one prepares it, too
	var sum int
	if err := statements.GetContext(t.Context(), &sum, next, 1, 1); err != nil || sum != 2 {
		t.Errorf("on a connection of later: %d, %v", sum, err)
	}
}

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
		s := db.Statements()
		var wait sync.WaitGroup
		for range together {
			wait.Go(func() {
				tx, err := db.BeginTxx(ctx, nil)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = tx.Rollback() }()
				own := s.In(tx)
				for text := range texts {
					if _, err := own.ExecContext(ctx, fmt.Sprintf(`UPDATE counters SET n = n + $1 WHERE id = 1 /* %d %d */`, round, text), 1); err != nil {
						t.Error(err)
						return
					}
				}
				if err := tx.Commit(); err != nil {
					t.Error(err)
				}
				s.Keep(ctx, own)
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

package postgres_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

func TestAStatementIsPreparedOnceForEachConnection(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, nil)
	db.SetMaxOpenConns(4)
	statement := db.Statement(`SELECT $1::int + 1 FROM generate_series(1, $2)`)
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := range 20 {
				var sum int
				if err := statement.GetContext(t.Context(), &sum, worker*i, 1); err != nil || sum != worker*i+1 {
					t.Errorf("%d, %v", sum, err)
				}
			}
		})
	}
	wait.Wait()
	if err := statement.GetContext(t.Context(), new(int), 1, 0); !errors.Is(err, sql.ErrNoRows) {
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
	if err := statement.GetContext(t.Context(), &sum, 1, 1); err != nil || sum != 2 {
		t.Errorf("on a connection of later: %d, %v", sum, err)
	}
}

package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry/telemetrytest"
)

func TestTracesShowStatementsAndNeverValues(t *testing.T) {
	t.Parallel()
	tel, sent := telemetrytest.New(t)
	cfg := pgtest.New(t, accounts).Config()
	cfg.Telemetry = tel
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, span := tel.Tracer("test").Start(t.Context(), "request")
	insert := `insert into accounts (name, balance) values ($1, $2)`
	if _, err := db.ExecContext(ctx, insert, "geheim", 1); err != nil {
		t.Fatal(err)
	}
	// Postgres puts the row into the detail of its complaint.
	if _, err := db.ExecContext(ctx, insert, "geheim", 1); postgres.Constraint(err) != "accounts_name_key" {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `select cast($1 as int)`, "geheim"); err == nil {
		t.Fatal("a text was taken for a number")
	}
	copied := int64(0)
	if err := db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) (err error) {
		copied, err = postgres.CopyFrom(ctx, tx, "accounts", []string{"name", "balance", "note"}, rowsOf(300, -1, nil))
		return err
	}); err != nil || copied != 300 {
		t.Fatal(copied, err)
	}
	span.End()
	if _, err := db.ExecContext(t.Context(), `select 'outside of any span'`); err != nil {
		t.Fatal(err)
	}

	all := sent()
	for _, want := range []string{insert, "request", "23505", "db.sql.connection"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not sent", want)
		}
	}
	for _, secret := range []string{"geheim", "outside of any span", "Key (name)"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is sent", secret)
		}
	}
	if n := strings.Count(all, "sql.stmt.exec"); n > 10 {
		t.Errorf("a COPY of 300 rows left %d spans", n)
	}
}

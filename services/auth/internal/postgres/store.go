// Package postgres keeps what auth owns: one store for each noun, each fulfilling the interfaces of the domain packages.
//
// A store's methods own their transactions and write the audit events and mails that belong to a change together with it.
// Rows never leave the package. Times are the database's own wherever something expires, so that replicas with clocks apart
// agree.
package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the schema as goose files.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(fmt.Sprintf("postgres: the embedded migrations: %v", err)) // the folder is embedded above
	}
	return sub
}

// seconds is how an interval is passed: make_interval(secs => …).
func seconds(d time.Duration) float64 { return d.Seconds() }

// optional turns the zero id into NULL.
func optional(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }

// grantsOf reads what grantsColumn selects.
func grantsOf(texts pq.StringArray) ([]role.Grant, error) {
	grants := make([]role.Grant, 0, len(texts))
	for _, text := range texts {
		grant, err := role.ParseGrant(text)
		if err != nil {
			return nil, fmt.Errorf("read a role grant: %w", err)
		}
		grants = append(grants, grant)
	}
	return grants, nil
}

// grantsColumn selects the grants of the account a in the order of granting, in the form of role.ParseGrant.
const grantsColumn = `ARRAY(SELECT g.role || COALESCE('@' || g.operator_id, '') FROM role_grants g WHERE g.account_id = a.id ORDER BY g.id) AS grants`

const insertJob = `
	INSERT INTO outbox (id, kind, address_key, registration_id, account_id, subject_id)
	VALUES ($1, $2, NULLIF($3, ''), $4, $5, $6)`

func queue(ctx context.Context, db sqlx.ExecerContext, job notice.Job) error {
	_, err := db.ExecContext(ctx, insertJob, job.ID, job.Kind, job.AddressKey, optional(job.Registration), optional(job.Account), optional(job.Subject))
	if err != nil {
		return fmt.Errorf("queue a mail: %w", err)
	}
	return nil
}

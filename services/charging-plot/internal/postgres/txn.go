package postgres

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// txn is a transaction. What one driver waits for (a claim, an order) runs on prepared statements.
type txn = postgres.Txn

// getter runs a statement that gives one row: in a transaction, or alone.
type getter interface {
	GetContext(ctx context.Context, out any, query string, args ...any) error
}

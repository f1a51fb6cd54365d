package stationcatalog

import (
	"context"
	"fmt"

	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
)

// Count is how many there are of something.
type Count = postgres.Count

// Stats counts what is in the catalogue.
func Stats(ctx context.Context, cfg Config) ([]Count, error) {
	db, err := libpostgres.Open(ctx, cfg.Postgres)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	return postgres.New(db).Counts(ctx)
}

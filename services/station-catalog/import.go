package stationcatalog

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	libpostgres "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// Progress tells how far an import has come.
type Progress = transfer.Progress

// Report is how an import ended.
type Report = transfer.Report

// ImportOptions refine an import.
type ImportOptions struct {
	// Source is the name that stations of a format without sources are filed under; the format's name when empty.
	Source string
	// DryRun only reports what would be done.
	DryRun bool
	// RemoveUnlisted removes stations that the source no longer lists, unless they are more than MaxRemovedShare of its stations;
	// half of them when that is 0.
	RemoveUnlisted  bool
	MaxRemovedShare float64
}

// Import reads a file of stations to its end and writes what is new in it, as `station-catalog import` does: the database has the
// migrations already, and a running service notices by itself. progress may be nil; it is called from another goroutine now and
// then. The report is good for what was done even when an error comes with it.
func Import(ctx context.Context, cfg Config, format string, file io.Reader, progress func(Progress), options ...ImportOptions) (Report, error) {
	reader, ok := importer.Formats()[format]
	if !ok {
		return Report{}, transfer.ErrFormat.Detailf("%q is not a format", format)
	}
	var o ImportOptions
	if len(options) > 0 {
		o = options[0]
	}
	if o.Source == "" {
		o.Source = format
	}
	// COPY's time is also that of the one who sends, and there is nobody to take an import up again: a busy machine is waited for.
	cfg.Postgres.StatementTimeout = max(cfg.Postgres.StatementTimeout, time.Minute)
	db, err := libpostgres.Open(ctx, cfg.Postgres)
	if err != nil {
		return Report{}, fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	store := postgres.New(db)
	id, err := uuid.NewV7()
	if err != nil {
		return Report{}, fmt.Errorf("id of the import: %w", err)
	}
	imp := transfer.Import{ID: id, Format: format, Source: o.Source, DryRun: o.DryRun, SubmittedBy: "command line", MaxRemovedShare: o.MaxRemovedShare}
	if o.RemoveUnlisted {
		imp.Removal = transfer.Mark
	}
	if imp.MaxRemovedShare == 0 {
		imp.MaxRemovedShare = transfer.MaxRemovedShare
	}
	return transfer.Run(ctx, store, reader, imp, file, progress)
}

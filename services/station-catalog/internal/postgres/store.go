// Package postgres keeps the catalogue: operators, stations with their EVSEs, connectors and tariffs, the copy of the plots'
// statuses, and imports.
//
// Every write of a station passes through put, whether it comes from an import of fifty thousand or from one request: it raises the
// version, and appends to the log that the change feed, the search replicas and the other services follow.
package postgres

import (
	"embed"
	"io/fs"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations are the goose migrations.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return sub
}

// ChangeLog is the table that the station feed serves.
const ChangeLog = "station_changes"

// StatusChannel is notified when statuses of plots have changed.
const StatusChannel = "evse_status"

// Store is the catalogue's database.
type Store struct{ db *postgres.DB }

// New makes a store of a database that has the migrations.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// DB is the pool, for the parts of libs that work on one.
func (s *Store) DB() *postgres.DB { return s.db }

// Command import-flask-user brings the people of a Flask-User database over into auth. It is a program of its own, since it is run
// once and brings SQLite with it, which is a fifth of a program.
package main

import (
	"os"

	_ "github.com/lib/pq"  // old databases in Postgres
	_ "modernc.org/sqlite" // and in SQLite

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/cli"
)

func main() { os.Exit(cli.RunImport(os.Args[1:], os.Environ, os.Stdin, os.Stdout, os.Stderr)) }

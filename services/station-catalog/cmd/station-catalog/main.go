// Command station-catalog serves the catalogue, migrates its database, and imports stations. Settings come from the environment; the
// README lists them.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

func main() {
	root := &cobra.Command{Use: stationcatalog.Name, Short: "The catalogue of a charging network"}
	root.AddCommand(command.Serve(settings, stationcatalog.Run), command.Migrate(database, stationcatalog.Migrations()), command.Check(checks), importing(), stats())
	os.Exit(command.Execute(root))
}

func settings() (cfg stationcatalog.Config, err error) {
	err = config.Load(&cfg, os.Environ())
	return cfg, err
}

func database() (postgres.Config, error) {
	cfg, err := settings()
	return cfg.Postgres, err
}

func checks() ([]command.Step, error) {
	cfg, err := settings()
	return stationcatalog.Checks(cfg), err
}

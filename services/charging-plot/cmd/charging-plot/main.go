// Command charging-plot serves plots, reservations and sessions, talks to charge points, migrates its database, and registers charge
// points. Settings come from the environment; the README lists them.
package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func main() {
	root := &cobra.Command{Use: chargingplot.Name, Short: "The plots of a charging network"}
	root.AddCommand(command.Serve(settings, chargingplot.Run), command.Migrate(database, chargingplot.Migrations()), command.Check(checks), chargePoints(), sessions(),
		importing())
	os.Exit(command.Execute(root))
}

func settings() (cfg chargingplot.Config, err error) {
	err = config.Load(&cfg, os.Environ())
	return cfg, err
}

func database() (postgres.Config, error) {
	cfg, err := settings()
	return cfg.Postgres, err
}

func checks() ([]command.Step, error) {
	cfg, err := settings()
	return chargingplot.Checks(cfg), err
}

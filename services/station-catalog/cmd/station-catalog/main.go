// Command station-catalog serves the catalogue, migrates its database, and imports stations. Settings come from the environment; the
// README lists them.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

func main() {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	root := &cobra.Command{Use: stationcatalog.Name, Short: "The catalogue of a charging network", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(serve(), migrate(), importing(), stats())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, stationcatalog.Name+":", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func settings() (cfg stationcatalog.Config, err error) {
	err = config.Load(&cfg, os.Environ())
	return cfg, err
}

func serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve until told to stop", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			return stationcatalog.Run(cmd.Context(), cfg)
		},
	}
}

// Command charging-plot serves plots, reservations and sessions, talks to charge points, migrates its database, and registers charge
// points. Settings come from the environment; the README lists them.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func main() {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	root := &cobra.Command{Use: chargingplot.Name, Short: "The plots of a charging network", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(serve(), migrate(), chargePoints(), sessions())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, chargingplot.Name+":", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func settings() (cfg chargingplot.Config, err error) {
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
			return chargingplot.Run(cmd.Context(), cfg)
		},
	}
}

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

func stats() *cobra.Command {
	return &cobra.Command{
		Use: "stats", Short: "Count what is in the catalogue", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			counts, err := stationcatalog.Stats(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			for _, c := range counts {
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-24s %10d\n", c.Name, c.Count); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

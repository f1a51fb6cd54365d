package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"

	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func migrate() *cobra.Command {
	group := &cobra.Command{Use: "migrate", Short: "Bring the database's schema up to date, or look at it"}
	up := &cobra.Command{
		Use: "up", Short: "Apply what is missing", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			return postgres.Migrate(cmd.Context(), cfg.Postgres, chargingplot.Migrations())
		},
	}
	down := &cobra.Command{
		Use: "down", Short: "Take the newest migration back, with the data in it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			return postgres.MigrateDown(cmd.Context(), cfg.Postgres, chargingplot.Migrations())
		},
	}
	status := &cobra.Command{
		Use: "status", Short: "List the migrations", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			all, err := postgres.Status(cmd.Context(), cfg.Postgres, chargingplot.Migrations())
			if err != nil {
				return err
			}
			for _, m := range all {
				state := "pending"
				if m.Applied {
					state = m.AppliedAt.UTC().Format("2006-01-02 15:04:05Z")
				}
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-22s %s\n", state, m.File); err != nil {
					return err
				}
			}
			return nil
		},
	}
	create := &cobra.Command{
		Use: "create NAME", Short: "Begin a new migration, in the working copy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := postgres.NewMigration("internal/postgres/migrations", args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	group.AddCommand(up, down, status, create)
	return group
}

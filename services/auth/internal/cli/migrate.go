package cli

import (
	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

func migrateCommand(settings func() (auth.Config, error)) *cobra.Command {
	migrate := &cobra.Command{Use: "migrate", Short: "Bring the database schema up to date, or look at it"}
	up := &cobra.Command{
		Use: "up", Short: "Apply every migration that the database does not have", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			if err := postgres.Migrate(cmd.Context(), cfg.Database, auth.Migrations()); err != nil {
				return err
			}
			return say(cmd, "The schema is up to date.")
		},
	}
	down := &cobra.Command{
		Use: "down", Short: "Take back the newest migration, and the data that only it has room for", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			if err := postgres.MigrateDown(cmd.Context(), cfg.Database, auth.Migrations()); err != nil {
				return err
			}
			return say(cmd, "The newest migration was taken back.")
		},
	}
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "List the migrations and whether the database has them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			all, err := postgres.Status(cmd.Context(), cfg.Database, auth.Migrations())
			if err != nil {
				return err
			}
			return show(cmd, asJSON, "MIGRATION\tAPPLIED", all, func(m postgres.MigrationStatus) string {
				if !m.Applied {
					return m.File + "\tno"
				}
				return m.File + "\t" + m.AppliedAt.UTC().Format("2006-01-02 15:04:05")
			})
		},
	}
	status.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	var folder string
	create := &cobra.Command{
		Use: "create NAME", Short: "Begin a migration in the source tree", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := postgres.NewMigration(folder, args[0])
			if err != nil {
				return err
			}
			return say(cmd, "%s", path)
		},
	}
	create.Flags().StringVar(&folder, "folder", "internal/postgres/migrations", "where the migrations are")
	migrate.AddCommand(up, down, status, create)
	return migrate
}

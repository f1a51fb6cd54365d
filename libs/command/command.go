// Package command holds what the program of every service can do: serve, and look after the schema of its database.
//
//	root := &cobra.Command{Use: "auth", Short: "Accounts and tokens"}
//	root.AddCommand(command.Serve(settings, auth.Run), command.Migrate(database, auth.Migrations()))
//	os.Exit(command.Execute(root))
package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// Execute runs the command line until it ends or the process is told to, and returns the exit code: 0 when it worked, 1 with a
// message on standard error when not.
func Execute(root *cobra.Command) int {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	root.SilenceUsage, root.SilenceErrors = true, true
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", root.Name(), err)
		return 1
	}
	return 0
}

// Serve is the command that runs the service with its settings until it is told to stop.
func Serve[Config any](settings func() (Config, error), run func(context.Context, Config) error) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve until told to stop", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings()
			if err != nil {
				return err
			}
			return run(cmd.Context(), cfg)
		},
	}
}

// Migrate is the group of commands that look after a database's schema. database says where it is; only create does not ask.
func Migrate(database func() (postgres.Config, error), migrations fs.FS) *cobra.Command {
	group := &cobra.Command{Use: "migrate", Short: "Bring the database's schema up to date, or look at it"}
	group.AddCommand(
		change("up", "Apply every migration that the database does not have", "The schema is up to date.", database, migrations, postgres.Migrate),
		change("down", "Take back the newest migration, and the data that only it has room for", "The newest migration was taken back.",
			database, migrations, postgres.MigrateDown),
		status(database, migrations),
		create(),
	)
	return group
}

func change(name, short, done string, database func() (postgres.Config, error), migrations fs.FS,
	do func(context.Context, postgres.Config, fs.FS) error,
) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := database()
			if err != nil {
				return err
			}
			if err := do(cmd.Context(), cfg, migrations); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), done)
			return err
		},
	}
}

func status(database func() (postgres.Config, error), migrations fs.FS) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status", Short: "List the migrations and whether the database has them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := database()
			if err != nil {
				return err
			}
			all, err := postgres.Status(cmd.Context(), cfg, migrations)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(all)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(table, "MIGRATION\tAPPLIED")
			for _, m := range all {
				applied := "no"
				if m.Applied {
					applied = m.AppliedAt.UTC().Format("2006-01-02 15:04:05")
				}
				fmt.Fprintf(table, "%s\t%s\n", m.File, applied)
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func create() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Begin a migration in the source tree", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := postgres.NewMigration(folder, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().StringVar(&folder, "folder", "internal/postgres/migrations", "where the migrations are")
	return cmd
}

// Package cli is the command line of the service: serve it, migrate its database, look after users, keys and clients.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/lifecycle"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// Command returns the root command. Settings come from the environment that environ returns.
func Command(environ func() []string) *cobra.Command {
	root := &cobra.Command{
		Use:   "auth",
		Short: "Accounts, service clients and the tokens of IHR Charging Plot",
		Long: "Accounts, service clients and the tokens of IHR Charging Plot.\nSettings are environment variables; the README of the service lists them.\n" +
			"People of a Flask-User database are brought over by import-flask-user, a program of its own.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	settings := func() (auth.Config, error) { return auth.LoadConfig(environ()) }
	database := func() (postgres.Config, error) {
		cfg, err := settings()
		return cfg.Database, err
	}
	checks := func() ([]command.Step, error) {
		cfg, err := settings()
		return auth.Checks(cfg), err
	}
	root.AddCommand(command.Serve(settings, auth.Run), command.Migrate(database, auth.Migrations()), command.Check(checks), userCommand(settings), keyCommand(settings), clientCommand(settings), auditCommand(settings))
	return root
}

// Run executes the command line and returns the exit code: 0 when it worked, 1 with a message on standard error otherwise.
func Run(arguments []string, environ func() []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return execute(Command(environ), arguments, stdin, stdout, stderr)
}

// RunImport is Run for the program import-flask-user.
func RunImport(arguments []string, environ func() []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return execute(ImportCommand(environ), arguments, stdin, stdout, stderr)
}

func execute(root *cobra.Command, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := lifecycle.SignalContext()
	defer stop()
	root.SetArgs(arguments)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintln(stderr, root.Name()+":", auth.Explain(err))
		return 1
	}
	return 0
}

// withAdmin runs a command that needs the database.
func withAdmin(settings func() (auth.Config, error), run func(cmd *cobra.Command, admin *auth.Admin, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := settings()
		if err != nil {
			return err
		}
		admin, err := auth.NewAdmin(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, admin.Close()) }()
		return run(cmd, admin, args)
	}
}

// readSecret reads one line from a file, or from standard input. A secret never stands in the arguments, where every process
// of the machine can read it.
func readSecret(cmd *cobra.Command, file string) (string, error) {
	in := cmd.InOrStdin()
	if file != "" {
		f, err := os.Open(file) //nolint:gosec // the operator says which file
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	const most = 4096
	raw, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", errors.New("the password is read from standard input or --password-file, and there is none")
	}
	return line, nil
}

// show prints a list as a table, or as JSON lines.
func show[T any](cmd *cobra.Command, asJSON bool, header string, rows []T, line func(T) string) error {
	if asJSON {
		encoder := json.NewEncoder(cmd.OutOrStdout())
		for _, row := range rows {
			if err := encoder.Encode(row); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	if _, err := fmt.Fprintln(table, header); err != nil {
		return err
	}
	for _, row := range rows {
		if _, err := fmt.Fprintln(table, line(row)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func say(cmd *cobra.Command, format string, args ...any) error {
	_, err := fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

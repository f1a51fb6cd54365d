// Command devstack is the local stack: `run` starts the whole product on one machine, `exec` runs a command (the tests) beside
// a private Postgres and Redis, `demonstrate` brings the demonstration to a product that runs elsewhere, `mailbox`
// takes its mails, `clean` removes what `run` keeps.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// SIGHUP too: a closed terminal must not leave half a stack.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err := rootCommand().ExecuteContext(ctx)
	stop()
	os.Exit(exitCode(err))
}

func rootCommand() *cobra.Command {
	run := runCommand()
	root := &cobra.Command{
		Use:           "devstack",
		Short:         "The whole product on one machine",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          run.RunE,
	}
	root.Flags().AddFlagSet(run.Flags())
	root.AddCommand(run, execCommand(), demonstrateCommand(), mailboxCommand(), cleanCommand())
	return root
}

// exitCode passes on the exit code of the command that exec ran, and says everything else on standard error.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		return ended.ExitCode()
	}
	_, _ = fmt.Fprintln(os.Stderr, "devstack:", err)
	return 1
}

package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ihr-charging/charging-plot-api/tools/localpostgres"
	"github.com/ihr-charging/charging-plot-api/tools/localredis"
)

func execCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exec -- command [argument …]",
		Short: "Run a command beside a private, empty Postgres and Redis",
		Long: "Starts an empty Postgres and Redis on free ports, runs the command with TEST_DATABASE_URL and TEST_REDIS_URL set,\n" +
			"stops both, removes what they held, and ends with the command's exit code.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return execBeside(cmd, args) },
	}
}

func execBeside(cmd *cobra.Command, args []string) (err error) {
	ctx := cmd.Context()
	folder, err := os.MkdirTemp("", "charging-plot-exec-")
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, os.RemoveAll(folder)) }()
	if err := os.Chmod(folder, 0o711); err != nil { //nolint:gosec // The user that Postgres runs as must pass through it.
		return err
	}
	notice := func(line string) { cmd.PrintErrln("devstack:", line) }

	var postgres *localpostgres.Server
	var redis *localredis.Server
	starting, startContext := errgroup.WithContext(ctx)
	starting.Go(func() (err error) {
		postgres, err = localpostgres.Start(startContext, localpostgres.Options{Folder: filepath.Join(folder, "postgres"), Notice: notice})
		return err
	})
	starting.Go(func() (err error) {
		redis, err = localredis.Start(startContext, localredis.Options{Password: rand.Text(), Notice: notice})
		return err
	})
	err = starting.Wait()
	defer func() {
		// The command's end, or Ctrl-C, is no reason to leave a server behind.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if redis != nil {
			err = firstOf(err, redis.Stop(ctx))
		}
		if postgres != nil {
			err = firstOf(err, postgres.Stop(ctx))
		}
		err = firstOf(err, localpostgres.Remove(ctx, filepath.Join(folder, "postgres")))
	}()
	if err != nil {
		return err
	}

	child := exec.CommandContext(ctx, args[0], args[1:]...)
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = 20 * time.Second
	child.Stdin, child.Stdout, child.Stderr = os.Stdin, os.Stdout, os.Stderr
	child.Env = append(os.Environ(), "TEST_DATABASE_URL="+postgres.URL("postgres"), "TEST_REDIS_URL="+redis.URL(0))
	if err := child.Run(); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return nil
}

// firstOf keeps the error that came first: what follows is mostly its consequence.
func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

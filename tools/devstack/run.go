package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/tools/demo"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// tryQuery is a search that has an answer as soon as the demonstration's charge points are connected.
const tryQuery = "/v1/stations?near=48.8566,2.3522&radius_km=10&available=true&limit=3"

type settings struct {
	state, listen                string
	processes, verbose, embedded bool
	demo, fleet                  bool
	speed                        float64
}

func runCommand() *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Start the whole product and keep it running",
		Long: "Starts a private Postgres and Redis, the three services and the gateway, fills the catalogue with the demonstration set,\n" +
			"and lets a fleet of simulated charge points and drivers live on it. Ctrl-C stops everything in order; what was stored\n" +
			"is there again at the next start, until `make clean-state`.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd, s) },
	}
	flags := cmd.Flags()
	flags.StringVar(&s.state, "state", "", "folder for what survives a restart (default .local in the repository)")
	flags.StringVar(&s.listen, "listen", "127.0.0.1:5000", "address of the gateway; the next free port when it is taken")
	flags.BoolVar(&s.processes, "processes", false, "run each service as a process of its own binary")
	flags.BoolVar(&s.verbose, "verbose", false, "show all log lines, not only warnings and errors")
	flags.BoolVar(&s.embedded, "embedded-redis", false, "take the embedded imitation of Redis even where a real one is installed")
	flags.BoolVar(&s.demo, "demo", true, "fill an empty catalogue with the demonstration set and make the demonstration's accounts")
	flags.BoolVar(&s.fleet, "fleet", true, "let simulated charge points and drivers live on the demonstration set")
	flags.Float64Var(&s.speed, "speed", 10, "how much faster than life the fleet's sessions are")
	return cmd
}

func run(cmd *cobra.Command, s settings) (err error) {
	begin := time.Now()
	ctx, interrupted := cmd.Context(), cmd.Context().Done()
	root, err := stack.Root(".")
	if err != nil {
		return err
	}
	opts := stack.Options{
		Root: root, State: s.state, Listen: s.listen, EmbeddedRedis: s.embedded, Output: cmd.OutOrStdout(), Verbose: s.verbose,
		// A fleet, drivers and whoever tries things out share one address.
		Environment: map[string]map[string]string{"": localLimits},
	}
	if s.processes {
		opts.Binaries = filepath.Join(root, "bin")
		if err := stack.Build(ctx, root, opts.Binaries, false); err != nil {
			return err
		}
	} else {
		opts.Runners = runners
	}
	product, err := stack.Start(ctx, opts)
	if err != nil {
		return quiet(ctx, err)
	}
	defer func() {
		err = firstOf(err, product.Stop(context.WithoutCancel(ctx)))
		if err == nil {
			product.Say("Stopped.")
		}
	}()
	var visitors *fleet
	if s.demo {
		if visitors, err = fill(ctx, siteOf(product)); err != nil {
			return quiet(ctx, err)
		}
	}
	if s.demo && s.fleet {
		stop := visitors.start(ctx, s.speed)
		defer stop()
	}
	if err := tryIt(ctx, product, s.demo && s.fleet); err != nil {
		return quiet(ctx, err)
	}
	product.Say("%s", banner(product, s, time.Since(begin)))
	mails := watchMails(product)
	defer mails()
	select {
	case <-interrupted:
		product.Say("Stopping …")
		return nil
	case err := <-product.Failed():
		return fmt.Errorf("%w; its log is in %s", err, product.Path("logs"))
	}
}

// quiet makes no error of what a Ctrl-C during the start broke off.
func quiet(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // What a Ctrl-C broke off is no failure.
	}
	return err
}

// tryIt sends the query that the banner shows, so that what is printed is known to work: until it is answered with a free
// station, where the fleet makes one.
func tryIt(ctx context.Context, product *stack.Stack, wantFree bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	api := &api{base: product.URL, client: &http.Client{Timeout: 5 * time.Second}}
	for {
		var found struct {
			Total int `json:"total"`
		}
		err := api.call(ctx, http.MethodGet, tryQuery, nil, &found)
		if err == nil && (found.Total > 0 || !wantFree) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the product is up, but GET %s does not find a free station: %w", tryQuery, errors.Join(err, ctx.Err()))
		case <-tick.C:
		}
	}
}

func banner(product *stack.Stack, s settings, took time.Duration) string {
	local := func(parts ...string) string {
		path := product.Path(parts...)
		if wd, err := os.Getwd(); err == nil {
			if short, err := filepath.Rel(wd, path); err == nil && !strings.HasPrefix(short, "..") {
				return short
			}
		}
		return path
	}
	redis := "Redis"
	if !product.Redis.Real() {
		redis = "Redis (an embedded imitation)"
	}
	lines := []string{
		"",
		fmt.Sprintf("IHR Charging Plot API runs on %s (after %.1f s)", product.URL, took.Seconds()),
		"",
		"  API reference  " + product.URL + "/docs",
		"  charge points  ws" + strings.TrimPrefix(product.URL, "http") + "/ocpp/{identity}",
		"  mails          " + local("mail") + " (each is announced here)",
		"  logs           " + local("logs"),
		fmt.Sprintf("  stores         Postgres on port %d, %s on port %d; secrets in %s", product.Postgres.Port(), redis, product.Redis.Port(), local()),
	}
	if s.processes {
		var pids []string
		for _, name := range stack.Services {
			pids = append(pids, fmt.Sprintf("%s %d", name, product.Service(name).PID()))
		}
		lines = append(lines, "  processes      "+strings.Join(pids, ", "))
	}
	if s.demo {
		var logins []string
		for _, account := range demo.Accounts {
			logins = append(logins, account.Email)
		}
		lines = append(lines,
			"  logins         "+strings.Join(logins, ", "),
			"  password       "+demo.Password)
	}
	lines = append(lines,
		"",
		"  Try: curl -s '"+product.URL+tryQuery+"'",
		"  Ctrl-C stops everything; `make clean-state` forgets everything.",
		"")
	return strings.Join(lines, "\n")
}

// Package command is the simulator as a command: `simulate`, to be run by itself or mounted in another program.
package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ihr-charging/charging-plot-api/tools/simulator"
)

// Scene is what a scene file holds: the stations and, if the public API is given, the drivers and where they go.
type Scene struct {
	Stations []simulator.StationConfig `json:"stations"`
	Accounts []simulator.Account       `json:"accounts,omitempty"`
	Places   []simulator.Place         `json:"places,omitempty"`
}

type settings struct {
	options          simulator.Options
	scene            string
	count            int
	prefix, password string
	spread           time.Duration
	api              string
	pace             time.Duration
	report           time.Duration
	duration         time.Duration
	verbose          bool
}

// New makes the command.
func New() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Charge points, cars and drivers that move by the real path",
		Long: "Connects simulated charge points to an OCPP endpoint and, with --api, lets drivers use the public API.\n" +
			"The charge points come from a scene file, or are --count of a --prefix and a number with one --password.\n" +
			"Ends with Ctrl-C or after --for, and prints what happened.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := command.Flags()
	flags.StringVar(&s.options.URL, "url", "ws://127.0.0.1:5000/ocpp", "OCPP endpoint, without the identity")
	flags.StringVar(&s.scene, "scene", "", "JSON file with stations, accounts and places")
	flags.IntVar(&s.count, "count", 0, "number of stations to make up when there is no scene file")
	flags.StringVar(&s.prefix, "prefix", "SIM-", "identity of a made-up station, before its number")
	flags.StringVar(&s.password, "password", "", "password of the made-up stations")
	flags.DurationVar(&s.spread, "spread", 5*time.Second, "span over which the stations come alive")
	flags.Float64Var(&s.options.Speed, "speed", 10, "how much shorter sessions are than in life")
	flags.DurationVar(&s.options.SampleInterval, "sample", 5*time.Second, "time between two meter values")
	flags.DurationVar(&s.options.TroubleEvery, "trouble-every", 0, "mean time between two troubles of a station; 0 is never")
	flags.Uint64Var(&s.options.Seed, "seed", 1, "decides every choice")
	flags.StringVar(&s.api, "api", "", "public API for the drivers of the scene, such as http://127.0.0.1:5000")
	flags.DurationVar(&s.pace, "pace", 20*time.Minute, "mean time between two trips of a driver, before the speed")
	flags.DurationVar(&s.report, "report", 10*time.Second, "time between two reports")
	flags.DurationVar(&s.duration, "for", 0, "end after this long; 0 is never")
	flags.BoolVarP(&s.verbose, "verbose", "v", false, "log what the stations do")
	return command
}

func (s *settings) run(ctx context.Context, out, errs io.Writer) error {
	scene, err := s.load()
	if err != nil {
		return err
	}
	level := slog.LevelInfo
	if s.verbose {
		level = slog.LevelDebug
	}
	s.options.Log = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: level}))
	s.options.AutoPlug = true
	fleet, err := simulator.NewFleet(simulator.FleetConfig{Options: s.options, Stations: scene.Stations, ConnectSpread: s.spread})
	if err != nil {
		return err
	}
	if s.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.duration)
		defer cancel()
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return fleet.Run(ctx) })
	var drivers *simulator.Drivers
	if s.api != "" {
		drivers = simulator.NewDrivers(simulator.DriversConfig{
			BaseURL: s.api, Accounts: scene.Accounts, Places: scene.Places, Pace: s.pace, Speed: s.options.Speed,
			Seed: s.options.Seed, Log: s.options.Log,
		})
		group.Go(func() error { return drivers.Run(ctx) })
	}
	ticker := time.NewTicker(s.report)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		report(out, fleet, drivers)
	}
	return group.Wait()
}

func report(out io.Writer, fleet *simulator.Fleet, drivers *simulator.Drivers) {
	t := fleet.Totals()
	fmt.Fprintf(out, "%d connected (%d times, %d refused) · %d calls, %d answered in %v (p50) %v (p99) %v (most), %d faulty, %d lost · "+
		"%d commands · %d charges begun, %d told to the end\n",
		t.Connected, t.Connections, t.Refused, t.Calls, t.Answers, t.Median.Round(time.Microsecond), t.P99.Round(time.Microsecond),
		t.Slowest.Round(time.Microsecond), t.Failures, t.Timeouts, t.Commands, t.Started, t.Stopped)
	if drivers != nil {
		d := drivers.Totals()
		fmt.Fprintf(out, "%d trips · %d found a plot, %d reserved it, %d charged, %d completed, %d failed\n",
			d.Trips, d.Found, d.Reserved, d.Started, d.Completed, d.Failed)
	}
}

// load reads the scene file, or makes up stations.
func (s *settings) load() (Scene, error) {
	var scene Scene
	if s.scene != "" {
		data, err := os.ReadFile(s.scene)
		if err != nil {
			return scene, err
		}
		if err := json.Unmarshal(data, &scene); err != nil {
			return scene, fmt.Errorf("%s: %w", s.scene, err)
		}
		return scene, nil
	}
	if s.count <= 0 {
		return scene, errors.New("neither --scene nor --count says which stations there are")
	}
	for i := range s.count {
		scene.Stations = append(scene.Stations, simulator.StationConfig{
			Identity: fmt.Sprintf("%s%05d", s.prefix, i+1), Password: s.password,
			Plugs: []simulator.Plug{{PowerKW: 150, DC: true}, {PowerKW: 22, Phases: 3}},
		})
	}
	return scene, nil
}

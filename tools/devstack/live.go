package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ihr-charging/charging-plot-api/tools/demo"
	"github.com/ihr-charging/charging-plot-api/tools/simulator"
)

// demonstrationSeed makes the fleet the same on every run.
const demonstrationSeed = 20261001

// live runs the fleet and its drivers until ctx ends. Their log is a file among the others.
func (f *fleet) live(ctx context.Context, speed float64) error {
	file, err := os.OpenFile(f.product.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	log := slog.New(slog.NewTextHandler(file, nil))
	points, err := simulator.NewFleet(simulator.FleetConfig{
		Options: simulator.Options{
			URL: f.product.ocpp, Seed: demonstrationSeed, Speed: speed,
			AutoPlug: true, TroubleEvery: 6 * time.Hour, Log: log,
		},
		Stations: f.stations, ConnectSpread: time.Second,
	})
	if err != nil {
		return err
	}
	var accounts []simulator.Account
	for _, a := range demo.Drivers() {
		accounts = append(accounts, simulator.Account{Login: a.Email, Password: demo.Password})
	}
	drivers := simulator.NewDrivers(simulator.DriversConfig{
		BaseURL: f.product.url, Accounts: accounts, Places: f.places, Speed: speed, Seed: demonstrationSeed, Log: log,
	})
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return points.Run(ctx) })
	both.Go(func() error { return drivers.Run(ctx) })
	return both.Wait()
}

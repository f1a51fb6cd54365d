package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/services/auth"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/tools/demo"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// runners run the services in this process, from the same settings that their own binaries read.
var runners = map[string]stack.Runner{
	stack.Auth: func(ctx context.Context, environ []string, output io.Writer) error {
		cfg, err := auth.LoadConfig(environ)
		if err != nil {
			return err
		}
		cfg.Telemetry.LogOutput = output
		return auth.Run(ctx, cfg)
	},
	stack.StationCatalog: func(ctx context.Context, environ []string, output io.Writer) error {
		var cfg stationcatalog.Config
		if err := config.Load(&cfg, environ); err != nil {
			return err
		}
		cfg.Telemetry.LogOutput = output
		return stationcatalog.Run(ctx, cfg)
	},
	stack.ChargingPlot: func(ctx context.Context, environ []string, output io.Writer) error {
		var cfg chargingplot.Config
		if err := config.Load(&cfg, environ); err != nil {
			return err
		}
		cfg.Telemetry.LogOutput = output
		return chargingplot.Run(ctx, cfg)
	},
}

// localLimits lift the limits on requests by caller: on one machine the fleet, the browser and the shell are one caller.
var localLimits = map[string]string{"RATE_LIMIT_FACTOR": "0", "RATE_ANONYMOUS": "0", "RATE_PRINCIPAL": "0"}

// importStations puts a file of the catalogue's own format into it.
func importStations(ctx context.Context, environ []string, file io.Reader, say func(string)) error {
	var cfg stationcatalog.Config
	if err := config.Load(&cfg, environ); err != nil {
		return err
	}
	told := time.Now()
	report, err := stationcatalog.Import(ctx, cfg, "ndjson", file, func(p stationcatalog.Progress) {
		if time.Since(told) > time.Second && p.StationsTotal > 0 {
			told = time.Now()
			say(fmt.Sprintf("%d of %d stations", p.Counts.Stations, p.StationsTotal))
		}
	})
	if err != nil {
		return err
	}
	if report.Import.Rejected > 0 {
		return fmt.Errorf("%d stations were rejected, the first because: %+v", report.Import.Rejected, report.Findings[0])
	}
	say(fmt.Sprintf("%d stations in %.1f s", report.Import.Stations, report.Duration.Seconds()))
	return nil
}

// createAccounts makes the accounts that are not there yet.
func createAccounts(ctx context.Context, environ []string, accounts []demo.Account, operator string) (err error) {
	cfg, err := auth.LoadConfig(environ)
	if err != nil {
		return err
	}
	admin, err := auth.NewAdmin(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	for _, a := range accounts {
		role := a.Role
		if a.OfOperator {
			role += "@" + operator
		}
		_, _, err := admin.CreateUser(ctx, auth.NewUser{
			Email: a.Email, Username: a.Username, Name: a.Name, Password: demo.Password, Roles: []string{role}, Confirmed: true,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", a.Email, err)
		}
	}
	return nil
}

package main

import (
	"context"
	"io"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/services/auth"
	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// TestChecksHoldOnARunningProductAndFailOnNone promises of every step of `check`, which a release is tested with, that it succeeds
// where the product runs and fails where nothing does.
func TestChecksHoldOnARunningProductAndFailOnNone(t *testing.T) {
	t.Parallel()
	product, err := stack.Start(t.Context(), stack.Options{
		Root: "../..", State: t.TempDir(), Listen: "127.0.0.1:0", EmbeddedRedis: true, Output: io.Discard, Runners: runners,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := product.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	environ := siteOf(product).environ
	settings, err := auth.LoadConfig(environ[stack.Auth])
	if err != nil {
		t.Fatal(err)
	}
	var catalog stationcatalog.Config
	if err := config.Load(&catalog, environ[stack.StationCatalog]); err != nil {
		t.Fatal(err)
	}
	var plot chargingplot.Config
	if err := config.Load(&plot, environ[stack.ChargingPlot]); err != nil {
		t.Fatal(err)
	}
	for service, steps := range map[string][]command.Step{
		stack.Auth: auth.Checks(settings), stack.StationCatalog: stationcatalog.Checks(catalog), stack.ChargingPlot: chargingplot.Checks(plot),
	} {
		if len(steps) < 3 {
			t.Errorf("%s is looked at in %d ways", service, len(steps))
		}
		for _, step := range steps {
			saw, err := step.Do(t.Context(), product.URL)
			if err != nil {
				t.Errorf("%s, %s: %v", service, step.Name, err)
			}
			t.Logf("%s, %s: %s", service, step.Name, saw)
			if step.Name == "authorised call" { // goes to the peer, wherever the service is
				continue
			}
			if _, err := step.Do(t.Context(), "http://127.0.0.1:1"); err == nil {
				t.Errorf("%s, %s: holds where nothing runs", service, step.Name)
			}
		}
	}
}

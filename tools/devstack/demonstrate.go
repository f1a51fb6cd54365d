package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

// demonstrateCommand is what a pod on a development cluster runs beside the product.
func demonstrateCommand() *cobra.Command {
	product := &site{log: "/dev/stderr"}
	var speed float64
	cmd := &cobra.Command{
		Use:   "demonstrate",
		Short: "Bring the demonstration to a product that runs elsewhere, and let it live there",
		Long: "Waits for the product, fills its catalogue with the demonstration set, makes the demonstration's accounts and charge points, and lets\n" +
			"them live until told to stop. What is done beside a service needs its settings: a variable AUTH__DATABASE_URL is DATABASE_URL\n" +
			"of auth, STATION_CATALOG__DATABASE_URL that of station-catalog. CHARGE_POINT_SECRET is what passwords are derived from.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			product.environ = settingsOf(os.Environ())
			if product.secret = os.Getenv("CHARGE_POINT_SECRET"); product.secret == "" {
				return errors.New("CHARGE_POINT_SECRET must be set")
			}
			product.say = func(format string, args ...any) {
				_, _ = fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
			}
			return demonstrate(cmd.Context(), product, speed)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&product.url, "url", "http://127.0.0.1:5000", "origin of the public API")
	flags.StringVar(&product.ocpp, "ocpp", "ws://127.0.0.1:5000/ocpp", "where charge points connect")
	flags.StringVar(&product.folder, "state", os.TempDir(), "folder for what is remembered between runs")
	flags.Float64Var(&speed, "speed", 10, "how much faster than life the fleet's sessions are")
	return cmd
}

// settingsOf sorts variables such as AUTH__DATABASE_URL by the service that they are a setting of.
func settingsOf(environ []string) map[string][]string {
	out := map[string][]string{}
	for _, service := range stack.Services {
		prefix := strings.ToUpper(strings.ReplaceAll(service, "-", "_")) + "__"
		for _, variable := range environ {
			if setting, found := strings.CutPrefix(variable, prefix); found {
				out[service] = append(out[service], setting)
			}
		}
	}
	return out
}

func demonstrate(ctx context.Context, product *site, speed float64) error {
	if err := reachable(ctx, product.url); err != nil {
		return err
	}
	visitors, err := fill(ctx, product)
	if err != nil {
		return quiet(ctx, err)
	}
	product.say("The demonstration lives on %s", product.url)
	return quiet(ctx, visitors.live(ctx, speed))
}

// reachable waits until each service answers at the address, for three minutes at most.
func reachable(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	caller := &api{base: url, client: &http.Client{Timeout: 5 * time.Second}}
	for _, path := range []string{"/.well-known/jwks.json", "/v1/stations?limit=1", "/v1/plots?limit=1"} {
		for {
			var answer struct{}
			err := caller.call(ctx, http.MethodGet, path, nil, &answer)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s%s does not answer: %w", url, path, errors.Join(err, ctx.Err()))
			case <-tick.C:
			}
		}
	}
	return nil
}

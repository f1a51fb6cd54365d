package chargingplot

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// Checks are what a service that works shows to those outside: it lists plots, refuses strangers, draws, and is let in by
// station-catalog.
func Checks(cfg Config) []command.Step {
	steps := []command.Step{
		{Name: "plots", Do: func(ctx context.Context, origin string) (string, error) {
			var page struct {
				Items []struct {
					Status string `json:"status"`
				} `json:"items"`
			}
			if err := httpclient.New(httpclient.Config{BaseURL: origin}).GetJSON(ctx, "/v1/plots", url.Values{"limit": {"1"}}, &page); err != nil {
				return "", err
			}
			if len(page.Items) == 0 {
				return "no plot yet", nil
			}
			return "the first one is " + page.Items[0].Status, nil
		}},
		{Name: "refusal", Do: func(ctx context.Context, origin string) (string, error) {
			err := httpclient.New(httpclient.Config{BaseURL: origin}).Do(ctx, http.MethodPost, "/v1/reservations", nil, struct{}{}, nil)
			if refused := fault.Of(err); err == nil || refused.Kind() != fault.Unauthenticated {
				return "", fmt.Errorf("a stranger may reserve: %w", err)
			}
			return "a stranger may not reserve", nil
		}},
	}
	if cfg.StationCatalogURL == "" || cfg.TokenURL == "" {
		return steps
	}
	return append(steps, command.Step{Name: "authorised call", Do: func(ctx context.Context, _ string) (string, error) {
		peer := httpclient.New(httpclient.Config{
			BaseURL: cfg.StationCatalogURL,
			Tokens:  httpclient.ClientCredentials(cfg.TokenURL, cfg.ClientID, cfg.ClientSecret, cmp.Or(cfg.Auth.Issuer, cfg.PublicURL)+"/station-catalog"),
		})
		var changes struct{}
		return "station-catalog takes the token that auth gives", peer.GetJSON(ctx, "/v1/stations/changes", url.Values{"limit": {"1"}}, &changes)
	}})
}

package stationcatalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// Checks are what a service that works shows to those outside: it finds, refuses strangers, and is let in by charging-plot.
func Checks(cfg Config) []command.Step {
	steps := []command.Step{
		{Name: "search", Do: func(ctx context.Context, origin string) (string, error) {
			var found struct {
				Total *int `json:"total"`
			}
			query := url.Values{"near": {"48.8566,2.3522"}, "radius_km": {"50"}, "limit": {"1"}}
			if err := httpclient.New(httpclient.Config{BaseURL: origin}).GetJSON(ctx, "/v1/stations", query, &found); err != nil {
				return "", err
			}
			if found.Total == nil {
				return "", errors.New("the answer has no total")
			}
			return fmt.Sprintf("%d stations within 50 km of Paris", *found.Total), nil
		}},
		{Name: "refusal", Do: func(ctx context.Context, origin string) (string, error) {
			err := httpclient.New(httpclient.Config{BaseURL: origin}).Do(ctx, http.MethodPost, "/v1/stations", nil, struct{}{}, nil)
			if refused := fault.Of(err); err == nil || refused.Kind() != fault.Unauthenticated {
				return "", fmt.Errorf("a stranger may write: %w", err)
			}
			return "a stranger may not write", nil
		}},
	}
	if cfg.ChargingPlotURL == "" || cfg.TokenURL == "" {
		return steps
	}
	return append(steps, command.Step{Name: "authorised call", Do: func(ctx context.Context, _ string) (string, error) {
		peer := httpclient.New(httpclient.Config{
			BaseURL: cfg.ChargingPlotURL,
			Tokens:  httpclient.ClientCredentials(cfg.TokenURL, cfg.client(), cmp.Or(cfg.Auth.Issuer, cfg.PublicURL)+"/charging-plot"),
		})
		var changes struct{}
		return "charging-plot takes the token that auth gives", peer.GetJSON(ctx, "/v1/plots/changes", url.Values{"limit": {"1"}}, &changes)
	}})
}

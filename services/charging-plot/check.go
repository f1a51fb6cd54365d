package chargingplot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"net/url"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/command"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// Checks are what a service that works shows to those outside: it lists plots, draws a curve, refuses strangers, and is let in by
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
		{Name: "picture", Do: checkPicture},
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
			Tokens:  httpclient.ClientCredentials(cfg.TokenURL, cfg.client(), cmp.Or(cfg.Auth.Issuer, cfg.PublicURL)+"/station-catalog"),
		})
		var changes struct{}
		return "station-catalog takes the token that auth gives", peer.GetJSON(ctx, "/v1/stations/changes", url.Values{"limit": {"1"}}, &changes)
	}})
}

// checkPicture has the curve of the first reference vehicle drawn, which needs no charge to have happened.
func checkPicture(ctx context.Context, origin string) (string, error) {
	client := httpclient.New(httpclient.Config{BaseURL: origin})
	var vehicles struct {
		Items []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := client.GetJSON(ctx, "/v1/vehicles", nil, &vehicles); err != nil {
		return "", err
	}
	if len(vehicles.Items) == 0 {
		return "", errors.New("there is no reference vehicle")
	}
	first := vehicles.Items[0]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+"/v1/vehicles/"+first.ID+"/curve.png", http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the picture is answered with %s", answer.Status)
	}
	drawn, err := png.Decode(answer.Body)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("the curve of %s, %d by %d pixels", first.Name, drawn.Bounds().Dx(), drawn.Bounds().Dy()), nil
}

// Package erasure has a service forget the people whom auth has erased.
//
//	follower := erasure.Follow(erasure.Config{TokenURL: …, Database: db, Forget: store.Forget})
//	group.Go("erasures", follower.Run)
//
// Any number of replicas may follow at once, and what was told before may be told again: Forget must do no harm the second time.
package erasure

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// Anonymous stands in rows that outlive a person, wherever the person stood. Nobody has this id: it is the highest there is.
var Anonymous = uuid.Max

// Config says how auth is reached and what is done.
type Config struct {
	TokenURL string                // auth's token endpoint; the feed's address is found beside it
	Client   httpclient.Credential // of a service whose tokens are for auth too, with the scope feeds:read
	Issuer   string                // of tokens

	Database *postgres.DB // with the table of feed.CursorSchema
	// Forget removes what is held about a person, in a transaction of its own. An error has the person told again, after a pause.
	Forget func(ctx context.Context, person uuid.UUID) error

	Telemetry *telemetry.Telemetry
}

// name is that of the feed, in logs, probes, metrics and the table of cursors.
const name = "erasures"

// Follow makes the follower of auth's feed of erasures; start its Run beside the server.
func Follow(cfg Config) *feed.Follower[struct{}] {
	client := httpclient.New(httpclient.Config{
		BaseURL:   strings.TrimSuffix(cfg.TokenURL, "/oauth/token"),
		Tokens:    httpclient.ClientCredentials(cfg.TokenURL, cfg.Client, cfg.Issuer+"/auth"),
		Telemetry: cfg.Telemetry,
	})
	return feed.NewFollower(feed.FollowConfig{
		Name: name, Client: client, Path: "/v1/users/erasures", Log: cfg.Telemetry.Log(), Telemetry: cfg.Telemetry,
		LoadCursor: func(ctx context.Context) (string, error) {
			cursor, err := feed.LoadCursor(ctx, cfg.Database, name)
			return cursor, postgres.Map(err, nil)
		},
	}, cfg.apply)
}

// apply forgets everybody of the page and then keeps the place: whoever dies in between begins the page again.
func (cfg Config) apply(ctx context.Context, batch feed.Batch[struct{}]) error {
	for _, event := range batch.Items {
		person, err := uuid.Parse(event.ID)
		if err != nil {
			return fmt.Errorf("the feed of erasures tells of %q: %w", event.ID, err)
		}
		if err := cfg.Forget(ctx, person); err != nil {
			return fmt.Errorf("forget %s: %w", person, err)
		}
	}
	err := cfg.Database.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		return feed.SaveCursor(ctx, tx, name, batch.NextCursor)
	})
	return postgres.Map(err, nil)
}

package auth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/revocation"
)

// relayRevocations carries revocations from the database to all verifiers until ctx ends. Without Redis there is no way to them.
func relayRevocations(ctx context.Context, db *pg.DB, cache redis.UniversalClient, log *slog.Logger) error {
	if cache == nil {
		log.WarnContext(ctx, "without REDIS_URL a revoked access token is good until it expires")
		return nil
	}
	relay := revocation.NewRelay(postgres.NewRevocations(db), publisher{authn.NewRevoker(cache)}, log)
	ended := make(chan error, 1)
	go func() {
		ended <- pg.Listen(ctx, db.Config(), postgres.RevocationChannel, func(string) { relay.Wake() })
	}()
	err := relay.Run(ctx)
	if listened := <-ended; !errors.Is(listened, context.Canceled) {
		err = errors.Join(err, listened)
	}
	return err
}

// publisher puts revocations into the stream that verifiers follow.
type publisher struct{ *authn.Revoker }

// Fill writes everything that is revoked.
func (p publisher) Fill(ctx context.Context, all []revocation.Revocation) error {
	return p.Revoker.Fill(ctx, toStream(all))
}

// Publish writes what is new.
func (p publisher) Publish(ctx context.Context, some []revocation.Revocation) error {
	return p.Revoker.Publish(ctx, toStream(some)...)
}

func toStream(all []revocation.Revocation) []authn.Revocation {
	out := make([]authn.Revocation, len(all))
	for i, one := range all {
		out[i] = authn.Revocation{Kind: authn.RevokedKind(one.Kind), ID: one.Subject, Version: one.Version, Until: one.Until}
		if one.Kind == revocation.Client { // whose tokens have a subject of their own
			out[i].Kind, out[i].ID = authn.RevokedSubject, client.Client{ID: one.Subject}.Subject().String()
		}
	}
	return out
}

// isLive asks our own books about a token.
func isLive(inspector *introspection.Service) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, token string) (bool, error) {
		answer, err := inspector.Introspect(ctx, token)
		return answer.Active, err
	}
}

// Package introspection answers whether a token is live at this moment (RFC 7662): not only whether it was well made, which
// its signature tells, but whether its session goes on and its client is still welcome.
package introspection

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Answer is what is said of a token. Of one that is not live nothing but that is said.
type Answer struct {
	Active    bool
	Issuer    string
	Subject   uuid.UUID
	ClientID  string
	SessionID string
	TokenID   string
	Audience  []string // of access tokens
	Scopes    []string // of access tokens
	IssuedAt  time.Time
	Expires   time.Time
	Actor     uuid.UUID // who calls on behalf of the subject; zero: nobody
}

// Refresh is a refresh token that is live.
type Refresh struct {
	Account uuid.UUID
	Session uuid.UUID
	Client  string
	Expires time.Time
}

// Sessions tells of sessions.
type Sessions interface {
	// IsLive reports whether the holder's session goes on, the account may be used, and none of the rights that it had in the
	// version were taken since.
	IsLive(ctx context.Context, holder account.Holder, version int64) (bool, error)
	// IsKeyLive reports the same of a token of an API key, in which the holder's session is the key's text.
	IsKeyLive(ctx context.Context, holder account.Holder, version int64) (bool, error)
	// FindRefresh returns a refresh token that would work, and whether it would.
	FindRefresh(ctx context.Context, hash token.Hash) (Refresh, bool, error)
}

// Clients tells of clients; see client.Store.
type Clients interface {
	GetClient(ctx context.Context, id string) (client.Client, bool, error)
}

// Reader reads access tokens; see token.Minter.
type Reader interface {
	Read(text string) (token.Access, error)
	Issuer() string
}

// Service answers.
type Service struct {
	reader   Reader
	sessions Sessions
	clients  Clients
}

// NewService makes a Service.
func NewService(reader Reader, sessions Sessions, clients Clients) *Service {
	return &Service{reader: reader, sessions: sessions, clients: clients}
}

// Live reads an access token of ours and reports whether it is live. One that is not ours is the zero token.Access, and not live.
func (s *Service) Live(ctx context.Context, text string) (token.Access, bool, error) {
	access, err := s.reader.Read(text)
	if err != nil {
		return token.Access{}, false, nil //nolint:nilerr // that it is not live is the answer
	}
	live, err := s.live(ctx, access)
	return access, live, err
}

// Introspect tells of an access or a refresh token. What is neither, or not live, is the zero Answer.
func (s *Service) Introspect(ctx context.Context, text string) (Answer, error) {
	if hash, err := token.Parse(token.Refresh, text); err == nil {
		refresh, live, err := s.sessions.FindRefresh(ctx, hash)
		if err != nil || !live {
			return Answer{}, err
		}
		return Answer{
			Active: true, Issuer: s.reader.Issuer(), Subject: refresh.Account, ClientID: refresh.Client,
			SessionID: refresh.Session.String(), Expires: refresh.Expires,
		}, nil
	}
	access, live, err := s.Live(ctx, text)
	if err != nil || !live {
		return Answer{}, err
	}
	answer := Answer{
		Active: true, Issuer: s.reader.Issuer(), Subject: access.Subject, ClientID: access.ClientID, TokenID: access.ID,
		Audience: access.Audience, Scopes: access.Scopes, IssuedAt: access.IssuedAt, Expires: access.Expires, Actor: access.Actor,
	}
	if access.SessionID != uuid.Nil {
		answer.SessionID = access.SessionID.String()
	}
	return answer, nil
}

func (s *Service) live(ctx context.Context, access token.Access) (bool, error) {
	version := access.Version
	if access.SessionID != uuid.Nil {
		look := s.sessions.IsLive
		if access.Key != uuid.Nil {
			look = s.sessions.IsKeyLive
		}
		live, err := look(ctx, account.Holder{Account: access.Subject, Session: access.SessionID}, version)
		if err != nil || !live || access.Actor == uuid.Nil {
			return live, err
		}
		version = access.ActorVersion // the client that acts must be welcome, too
	}
	c, found, err := s.clients.GetClient(ctx, access.ClientID)
	return found && !c.Disabled && version >= c.Version, err
}

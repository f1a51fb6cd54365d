package auth

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Profile is an account with what protects it.
type Profile struct {
	User
	Apps     int `json:"authenticator_apps"`
	Passkeys int `json:"passkeys"`
	Sessions int `json:"sessions"`
}

// Session is a login that goes on, as an operator sees it.
type Session struct {
	ID       uuid.UUID `json:"id"`
	Client   string    `json:"client"`
	Device   string    `json:"device,omitempty"`
	Began    time.Time `json:"began_at"`
	LastUsed time.Time `json:"last_used_at"`
	Expires  time.Time `json:"expires_at"`
}

func (a *Admin) one(ctx context.Context, login string) (account.Account, error) {
	if id, err := uuid.Parse(login); err == nil {
		return a.parts.accounts.GetAccountByID(ctx, id)
	}
	return a.parts.accounts.FindAccount(ctx, account.IdentityOf(login))
}

// sessions returns the logins of an account that go on, newest first.
func (a *Admin) sessions(ctx context.Context, id uuid.UUID) ([]session.Device, error) {
	return a.parts.sessions.ListDevicesOf(ctx, id, uuid.Nil, math.MaxInt32)
}

// ShowUser returns the account of a login or an id.
func (a *Admin) ShowUser(ctx context.Context, login string) (Profile, error) {
	found, err := a.one(ctx, login)
	if err != nil {
		return Profile{}, err
	}
	sessions, err := a.sessions(ctx, found.ID)
	if err != nil {
		return Profile{}, err
	}
	factors, err := a.parts.factors.Overview(ctx, found.ID)
	return Profile{User: toUser(found), Apps: len(factors.Apps), Passkeys: factors.Passkeys, Sessions: len(sessions)}, err
}

// SwitchUser switches an account off (its sessions end) or on, and reports whether it was not so before.
func (a *Admin) SwitchUser(ctx context.Context, login string, off bool) (User, bool, error) {
	found, err := a.one(ctx, login)
	if err != nil {
		return User{}, false, err
	}
	kind := audit.Enabled
	if off {
		kind = audit.Disabled
	}
	changed, err := a.parts.accounts.SetDisabled(ctx, found.ID, off, audit.New(kind, found.ID, audit.CLI))
	found.Disabled = off
	return toUser(found), changed, err
}

// MailReset has a link that sets a new password sent to whoever has the login.
func (a *Admin) MailReset(ctx context.Context, login string) (User, error) {
	found, err := a.one(ctx, login)
	if err != nil {
		return User{}, err
	}
	event := audit.New(audit.PasswordForgot, found.ID, audit.CLI)
	return toUser(found), a.parts.accounts.Queue(ctx, notice.ToAddress(notice.PasswordForgot, found.Email.Key()), event)
}

// ListSessions returns the logins of an account that go on, oldest first.
func (a *Admin) ListSessions(ctx context.Context, login string) ([]Session, error) {
	found, err := a.one(ctx, login)
	if err != nil {
		return nil, err
	}
	devices, err := a.sessions(ctx, found.ID)
	slices.Reverse(devices)
	sessions := make([]Session, len(devices))
	for i, d := range devices {
		sessions[i] = Session{ID: d.Session, Client: d.Client, Device: d.Name, Began: d.Began, LastUsed: d.LastUsed, Expires: d.Expires}
	}
	return sessions, err
}

// EndSessions ends them and returns how many.
func (a *Admin) EndSessions(ctx context.Context, login string) (int64, error) {
	found, err := a.one(ctx, login)
	if err != nil {
		return 0, err
	}
	return a.parts.accounts.EndAll(ctx, found.ID, audit.New(audit.LoggedOut, found.ID, audit.CLI).With("reason", string(session.EndedByAdmin)))
}

// RotateClient gives a service client another secret and returns it; the old one is worth nothing from then on.
func (a *Admin) RotateClient(ctx context.Context, id string) (secret string, err error) {
	secret = token.New(token.ClientSecret)
	event := audit.New(audit.ClientRotated, uuid.Nil, audit.CLI).With("client", id)
	return secret, a.parts.clients.SetProof(ctx, id, client.Proof{SecretHash: token.HashOf(secret)}, event)
}

// SetClientKeys gives a service client the keys of a file, as NewClient has them, in place of those or the secret that it had.
func (a *Admin) SetClientKeys(ctx context.Context, id string, file []byte) error {
	keys, err := client.ParseKeys(file)
	if err != nil {
		return err
	}
	event := audit.New(audit.ClientRotated, uuid.Nil, audit.CLI).With("client", id)
	return a.parts.clients.SetProof(ctx, id, client.Proof{Keys: keys}, event)
}

// RemoveClient removes a service client. Its tokens are revoked.
func (a *Admin) RemoveClient(ctx context.Context, id string) error {
	return a.parts.clients.RemoveClient(ctx, id, audit.New(audit.ClientRemoved, uuid.Nil, audit.CLI).With("client", id))
}

// AuditRecord is a record of the audit log.
type AuditRecord struct {
	ID      uuid.UUID         `json:"id"`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind"`
	Account *uuid.UUID        `json:"account_id,omitempty"`
	Actor   string            `json:"actor"`
	Session *uuid.UUID        `json:"session_id,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
}

// ExportAudit calls each for every record from since until before until, oldest first; of one account when login is not empty.
func (a *Admin) ExportAudit(ctx context.Context, login string, since, until time.Time, each func(AuditRecord) error) error {
	var of uuid.UUID
	if login != "" {
		found, err := a.one(ctx, login)
		if err != nil {
			return err
		}
		of = found.ID
	}
	return a.parts.events.Each(ctx, audit.Filter{Account: of, From: since, To: until}, func(e audit.Event) error {
		return each(AuditRecord{
			ID: e.ID, At: e.At.UTC(), Kind: string(e.Kind), Account: known(e.Account), Actor: e.Actor, Session: known(e.Session), Detail: e.Detail,
		})
	})
}

func known(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

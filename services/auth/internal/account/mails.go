package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
)

// Budgets of mails to one address: what one network may ask for, and what all may together. They count requests, so that
// being refused says nothing about the address.
var (
	mailsFromNetwork = throttle.Rule{Name: "mails-from-network", Burst: 5, Every: 10 * time.Minute}
	mailsToAddress   = throttle.Rule{Name: "mails-to-address", Burst: 30, Every: 20 * time.Minute}
)

// MailCharges are what a mail to an address costs that somebody asks for.
func MailCharges(email Email, from caller.Caller) []throttle.Charge {
	key := []byte(email.Key())
	return []throttle.Charge{mailsFromNetwork.For(key, from.Network[:]), mailsToAddress.For(key)}
}

// queue keeps mails to be sent.
type queue interface {
	Queue(ctx context.Context, mail notice.Job, event audit.Event) error
}

// askForMail queues a mail to whoever has an address. It does not look whether anybody does: the caller could measure that. It
// returns ErrEmail and throttle.ErrLimited.
func askForMail(
	ctx context.Context, store queue, limits Throttle, queued func(), address string, kind notice.Kind, what audit.Kind, from caller.Caller,
) error {
	email, err := ParseEmail(address)
	if err != nil {
		return at("/email", err)
	}
	if err := limits.Take(ctx, MailCharges(email, from)...); err != nil {
		return err
	}
	event := audit.New(what, uuid.Nil, audit.Anonymous).From(from)
	if err := store.Queue(ctx, notice.ToAddress(kind, email.Key()), event); err != nil {
		return err
	}
	queued()
	return nil
}

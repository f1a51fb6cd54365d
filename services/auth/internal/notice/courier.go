package notice

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// ErrRefused is in the chain of a Sender's error when trying again is of no use: the mailbox does not exist, the address is
// refused.
var ErrRefused = errors.New("the letter was refused for good")

// Recipient is whom a job turns out to be for, and which text they are sent.
type Recipient struct {
	Template Template
	Address  string
	Name     string
	Locale   string
	Facts    Facts
}

// Mint makes the token of a letter, for a purpose, and returns what is kept of it.
type Mint func(purpose token.Purpose) token.Hash

// Outbox is the queue.
type Outbox interface {
	// Claim returns jobs that are due, which no other Claim returns until lease has passed.
	Claim(ctx context.Context, limit int, lease time.Duration) ([]Job, error)
	// Resolve finds the recipient of a job. When the template needs a token, it has one minted and stores the hash with the
	// life that the purpose has. It returns false when there is nobody to write to.
	Resolve(ctx context.Context, job Job, mint Mint, lives Lives) (Recipient, bool, error)
	// Settle ends a job.
	Settle(ctx context.Context, job uuid.UUID, outcome Outcome) error
	// Postpone makes a job due again after a while.
	Postpone(ctx context.Context, job uuid.UUID, wait time.Duration) error
}

// Outcome is how a job ended.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"
	Nobody  Outcome = "nobody"
	Refused Outcome = "refused"
	Expired Outcome = "expired"
	Muted   Outcome = "muted" // letters of this kind are switched off
)

// Sender delivers a letter or returns why it could not.
type Sender interface {
	Send(ctx context.Context, letter Letter) error
}

// Lives is how long the tokens of links are good for.
type Lives struct {
	Confirm time.Duration
	Reset   time.Duration
	Invite  time.Duration
}

// DefaultLives are a day to confirm an address, half an hour to set a new password, and a week to accept an invitation.
var DefaultLives = Lives{Confirm: 24 * time.Hour, Reset: 30 * time.Minute, Invite: 7 * 24 * time.Hour}

const (
	batch       = 10
	lease       = 2 * time.Minute
	sendTimeout = 30 * time.Second
	lookEvery   = time.Second
	firstWait   = 10 * time.Second
	longestWait = time.Hour
	// giveUpAfter is when a letter has lost its sense: a confirmation link would have expired.
	giveUpAfter = 24 * time.Hour
)

// Links are the pages that letters lead to, without the token.
type Links struct {
	Confirm      string
	ConfirmAdded string
	Reset        string // without a token it asks for a link
	Invitation   string
}

// LinksAt returns the pages of a service at a public address.
func LinksAt(publicURL string) Links {
	return Links{
		Confirm: publicURL + "/v1/auth/email/confirm", ConfirmAdded: publicURL + "/v1/me/emails/confirm",
		Reset: publicURL + "/v1/auth/password/reset", Invitation: publicURL + "/v1/invitations/accept",
	}
}

// of returns the page of a template, and how long its token is good for.
func (l Links) of(template Template, lives Lives) (page string, life time.Duration) {
	switch template {
	case ConfirmEmail:
		return l.Confirm, lives.Confirm
	case ConfirmAddedEmail:
		return l.ConfirmAdded, lives.Confirm
	case InviteUser:
		return l.Invitation, lives.Invite
	case ResetPassword:
		return l.Reset, lives.Reset
	case Welcome:
		return "", 0
	case AlreadyRegistered, AddressTaken, ChangedPassword, ChangedUsername, ChangedSecondFactor, ChangedEmails, EndedSession, NewDevice,
		ErasureScheduled, ErasureCanceled:
	}
	return l.Reset, 0 // where a new password is asked for
}

// Courier delivers what is in the outbox.
type Courier struct {
	outbox Outbox
	sender Sender
	links  Links
	lives  Lives
	muted  map[Kind]bool
	log    *slog.Logger
	nudge  chan struct{}
}

// NewCourier makes a courier. Run starts it.
func NewCourier(outbox Outbox, sender Sender, links Links, log *slog.Logger) *Courier {
	return &Courier{outbox: outbox, sender: sender, links: links, lives: DefaultLives, muted: map[Kind]bool{}, log: log, nudge: make(chan struct{}, 1)}
}

// Mute switches letters of some kinds off. Call it before Run.
func (c *Courier) Mute(kinds ...Kind) {
	for _, kind := range kinds {
		c.muted[kind] = true
	}
}

// Nudge tells the courier that a job was queued here, so that it need not wait for its next look.
func (c *Courier) Nudge() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. It looks for jobs when nudged and every second, since other replicas queue them too.
func (c *Courier) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		n, err := c.Deliver(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "the outbox could not be read", "error", err)
		}
		if n == batch && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-c.nudge:
		}
	}
}

// Deliver takes one batch of jobs and returns how many. A job that fails is postponed and logged, not returned.
func (c *Courier) Deliver(ctx context.Context) (int, error) {
	jobs, err := c.outbox.Claim(ctx, batch, lease)
	if err != nil {
		return 0, err
	}
	var wait sync.WaitGroup
	for _, job := range jobs {
		wait.Go(func() { c.handle(ctx, job) })
	}
	wait.Wait()
	return len(jobs), nil
}

func (c *Courier) handle(ctx context.Context, job Job) {
	outcome, err := c.send(ctx, job)
	switch {
	case err == nil:
		err = c.outbox.Settle(ctx, job.ID, outcome)
	case errors.Is(err, ErrRefused):
		c.log.WarnContext(ctx, "a mail was refused", "job", job.ID, "kind", job.Kind, "error", err)
		err = c.outbox.Settle(ctx, job.ID, Refused)
	case time.Since(job.CreatedAt) > giveUpAfter:
		c.log.ErrorContext(ctx, "a mail was given up", "job", job.ID, "kind", job.Kind, "attempts", job.Attempts, "error", err)
		err = c.outbox.Settle(ctx, job.ID, Expired)
	default:
		wait := backoff(job.Attempts)
		c.log.WarnContext(ctx, "a mail could not be sent", "job", job.ID, "kind", job.Kind, "attempts", job.Attempts, "retry_s", int(wait.Seconds()), "error", err)
		err = c.outbox.Postpone(ctx, job.ID, wait)
	}
	if err != nil && ctx.Err() == nil {
		// The lease runs out and the job is taken again.
		c.log.WarnContext(ctx, "the outcome of a mail could not be written", "job", job.ID, "error", err)
	}
}

func (c *Courier) send(ctx context.Context, job Job) (Outcome, error) {
	if c.muted[job.Kind] {
		return Muted, nil
	}
	text := ""
	mint := func(purpose token.Purpose) token.Hash {
		text = token.New(purpose)
		return token.HashOf(text)
	}
	to, found, err := c.outbox.Resolve(ctx, job, mint, c.lives)
	if err != nil || !found {
		return Nobody, err
	}
	letter := Letter{ID: job.ID, Template: to.Template, To: to.Address, Name: to.Name, Locale: to.Locale, Facts: to.Facts, Token: text}
	letter.Link, letter.Valid = c.links.of(to.Template, c.lives)
	if text != "" {
		letter.Link += "#token=" + text
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return Sent, c.sender.Send(ctx, letter)
}

// backoff is the wait after the nth attempt: ten seconds, half a minute, one and a half …, at most an hour.
func backoff(attempts int) time.Duration {
	wait := firstWait
	for range attempts - 1 {
		if wait *= 3; wait >= longestWait {
			return longestWait
		}
	}
	return wait
}
